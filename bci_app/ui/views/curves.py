"""Curves with the bands of their intervals, and what stands beside them in a legend."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.signal import dress_axis


def bare_plot(colours: Theme, bottom: str) -> pg.PlotWidget:
    """A plot without buttons, menus and ranges of its own; `bottom` names its horizontal axis."""
    plot = pg.PlotWidget(background=colours.panel)
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    plot.setMinimumSize(160, 110)
    item = plot.getPlotItem()
    item.setMenuEnabled(False)
    item.hideButtons()
    item.setMouseEnabled(False, False)
    item.disableAutoRange()
    for side in ("left", "bottom"):
        dress_axis(item.getAxis(side), colours)
    item.getAxis("bottom").setStyle(hideOverlappingLabels=False)
    item.layout.setContentsMargins(0, 6, 10, 0)
    item.getAxis("bottom").setLabel(bottom, color=colours.muted)
    item.getAxis("bottom").label.setFont(theme.font(theme.SMALL_PT))
    return plot


class BandedCurve:
    """A mean with the band of its interval.

    Parameters
    ----------
    colour : str
        Of the line; the band is the same colour, mostly transparent.
    style : Qt.PenStyle
        Tells the curves apart without colour.
    """

    def __init__(self, colour: str, style: Qt.PenStyle) -> None:
        fill = QColor(colour)
        fill.setAlpha(60)
        edge = pg.mkPen(None)
        self._low = pg.PlotCurveItem(pen=edge)
        self._high = pg.PlotCurveItem(pen=edge)
        self._band = pg.FillBetweenItem(self._low, self._high, brush=fill)
        self._line = pg.PlotCurveItem(pen=pg.mkPen(colour, width=2, style=style), antialias=True)
        self.n_points = 0

    def add_to(self, item: pg.PlotItem) -> None:
        """Put the parts into a plot."""
        for part in (self._low, self._high, self._band, self._line):
            item.addItem(part, ignoreBounds=True)

    def draw(
        self, x: NDArray[np.intp], mean: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> None:
        """Draw arrays (k,)."""
        along = x.astype(float)
        self._low.setData(along, low)
        self._high.setData(along, high)
        self._line.setData(along, mean)
        self.n_points = len(along)


class LineSample(QWidget):
    """A short piece of a curve, for a legend."""

    def __init__(self, colour: str, style: Qt.PenStyle) -> None:
        super().__init__()
        self._pen = QPen(QColor(colour), 3, style)
        self.setFixedSize(30, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the piece."""
        painter = QPainter(self)
        painter.setPen(self._pen)
        painter.drawLine(1, self.height() // 2, self.width() - 1, self.height() // 2)
        painter.end()
