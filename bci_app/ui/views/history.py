"""The last trials side by side: shown above, read below, with each trial's score."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.picture import thumbnail

_NARROW_PX = 32
"""Below so many pixels of a picture its score has one digit."""


class HistoryView(QWidget):
    """Columns of two thumbnails and a score; the newest at the right.

    Parameters
    ----------
    colours : Theme
        Appearance.
    most : int
        How many trials are kept.
    """

    def __init__(self, colours: Theme = theme.DARK, *, most: int = 8) -> None:
        super().__init__()
        self._colours = colours
        self._most = most
        self._trials: deque[tuple[int, QImage, QImage, float]] = deque(maxlen=most)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(120)

    @property
    def trials(self) -> tuple[int, ...]:
        """Numbers of the trials on show, oldest first."""
        return tuple(number for number, *_ in self._trials)

    def sizeHint(self) -> QSize:
        """Room for two rows of thumbnails."""
        return QSize(700, 230)

    def add(self, trial: int, shown: npt.NDArray[np.uint8], read: npt.NDArray[np.uint8], identified: float) -> None:
        """Append a trial; the oldest leaves when the strip is full.

        Parameters
        ----------
        trial : int
            Its number.
        shown, read : uint8 arrays (h, w, 3)
            The picture shown and the picture read.
        identified : float
            Share of the other pictures it was told apart from, 0 to 1; NaN where there was none.
        """
        self._trials.append((trial, thumbnail(shown), thumbnail(read), identified))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the columns."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(theme.font(theme.SMALL_PT))
        line = painter.fontMetrics().height()
        label_width = painter.fontMetrics().horizontalAdvance("Shown") + 12
        side = self._side(line, label_width)
        if side > 8:
            self._paint_labels(painter, side, line, label_width)
            for column in range(self._most):
                left = label_width + column * (side + 8)
                if column < len(self._trials):
                    self._paint_trial(painter, self._trials[column], left, side, line)
                else:
                    self._paint_empty(painter, left, side, line)
        painter.end()

    def _side(self, line: int, label_width: int) -> int:
        across = (self.width() - label_width) // self._most - 8
        down = (self.height() - 2 * line - 14) // 2
        return min(across, down)

    def _paint_labels(self, painter: QPainter, side: int, line: int, width: int) -> None:
        painter.setPen(QColor(self._colours.muted))
        middle = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        rows = (("Trial", 0, line), ("Shown", line + 4, side), ("Read", line + side + 8, side))
        for text, top, height in (*rows, ("Score", line + 2 * side + 12, line)):
            painter.drawText(QRect(0, top, width, height), middle, text)

    def _paint_empty(self, painter: QPainter, left: int, side: int, line: int) -> None:
        painter.setPen(QColor(self._colours.border))
        for top in (line + 4, line + side + 8):
            painter.drawRect(QRect(left, top, side - 1, side - 1))

    def _paint_trial(
        self, painter: QPainter, trial: tuple[int, QImage, QImage, float], left: int, side: int, line: int
    ) -> None:
        number, shown, read, identified = trial
        centre = int(Qt.AlignmentFlag.AlignCenter)
        painter.setPen(QColor(self._colours.muted))
        painter.drawText(QRect(left, 0, side, line), centre, str(number))
        painter.drawImage(_fitted(shown, QRect(left, line + 4, side, side)), shown)
        painter.drawImage(_fitted(read, QRect(left, line + side + 8, side, side)), read)
        painter.setPen(QColor(self._colours.text))
        text = "–" if math.isnan(identified) else f"{identified:.{1 if side < _NARROW_PX else 2}f}"
        painter.drawText(QRect(left - 4, line + 2 * side + 12, side + 8, line), centre, text)


def _fitted(image: QImage, cell: QRect) -> QRect:
    size = image.size().scaled(cell.size(), Qt.AspectRatioMode.KeepAspectRatio)
    return QRect(
        cell.x() + (cell.width() - size.width()) // 2,
        cell.y() + (cell.height() - size.height()) // 2,
        size.width(),
        size.height(),
    )
