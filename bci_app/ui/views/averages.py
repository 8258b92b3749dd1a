"""The average picture of each generation, from the first to the last, as far as there is room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.picture import to_qimage

LEAST_PX = 30
"""Pictures are drawn as large as all of them fit, and not smaller than this: then some are left out."""
_GAP_PX = 6


class AveragesView(QWidget):
    """A strip of pictures with the number of their generation; of many generations some, the first and the last among them.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self._colours = colours
        self._averages: tuple[NDArray[np.uint8], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(84)

    def sizeHint(self) -> QSize:
        """Room for one row."""
        return QSize(640, 110)

    @property
    def generations(self) -> tuple[int, ...]:
        """Generations on show, counted from 1."""
        return tuple(index + 1 for index in self._chosen(*self._grid()))

    def show_averages(self, averages: tuple[NDArray[np.uint8], ...]) -> None:
        """Draw the average pictures, uint8 (h, w, 3), of all scored generations."""
        if len(averages) != len(self._averages):
            self._averages = averages
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the strip."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(theme.font(theme.SMALL_PT))
        painter.setPen(QColor(self._colours.muted))
        centre, line = int(Qt.AlignmentFlag.AlignCenter), self.fontMetrics().height()
        if not self._averages:
            painter.drawText(self.rect(), centre, "No generation has been scored yet.")
        side, columns, rows = self._grid()
        for place, index in enumerate(self._chosen(side, columns, rows)):
            row, column = divmod(place, columns)
            left, top = column * (side + _GAP_PX), row * (side + line + _GAP_PX)
            image, _pixels = to_qimage(self._averages[index])
            painter.drawImage(QRect(left, top, side, side), image)
            painter.drawText(QRect(left, top + side + 2, side, line), centre, str(index + 1))
        painter.end()

    def _chosen(self, side: int, columns: int, rows: int) -> tuple[int, ...]:
        return spread(len(self._averages), columns * rows)

    def _grid(self) -> tuple[int, int, int]:
        """Side, columns and rows of the largest pictures that all fit."""
        line = self.fontMetrics().height()
        for side in range(self.height() - line - 2, LEAST_PX, -1):
            columns, rows = self._fitting(side, line)
            if columns * rows >= len(self._averages):
                return side, columns, rows
        return LEAST_PX, *self._fitting(LEAST_PX, line)

    def _fitting(self, side: int, line: int) -> tuple[int, int]:
        columns = (self.width() + _GAP_PX) // (side + _GAP_PX)
        return max(2, columns), max(1, (self.height() + _GAP_PX - 2) // (side + line + _GAP_PX))


def spread(n: int, most: int) -> tuple[int, ...]:
    """At most `most` of the numbers 0 to n - 1, evenly spread, the first and the last among them."""
    return tuple(np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int)).tolist()) if n else ()
