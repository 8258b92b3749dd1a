"""Power by frequency: the selected channel beside the median of all."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from bci_app.engine.spectrum import Spectrum
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.curves import LineSample, bare_plot
from bci_app.ui.views.text import ElidedLabel, PlainLabel

HIGHEST_HZ = 100.0
SELECTED, MEDIAN = Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine
_STEP_DB = 10.0
"""The axis ends at multiples of this, so that it does not jump with every look."""
_LOWEST_DB = -60.0
"""Less power than this is none: a logarithm needs an end."""


class SpectrumView(QWidget):
    """Two curves in decibels against one unit squared per Hz.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self._plot = bare_plot(colours, "Hz")
        item = self._plot.getPlotItem()
        self._curves: dict[str, pg.PlotCurveItem] = {}
        for name, colour, style in (("median", colours.muted, MEDIAN), ("selected", colours.decoder, SELECTED)):
            pen = pg.mkPen(colour, width=1, style=style, cosmetic=True)
            self._curves[name] = pg.PlotCurveItem(pen=pen, antialias=False)
            item.addItem(self._curves[name], ignoreBounds=True)
        self._name = ElidedLabel("", points=theme.SMALL_PT)
        legend = QHBoxLayout()
        legend.addWidget(LineSample(colours.decoder, SELECTED))
        legend.addWidget(self._name, 1)
        legend.addWidget(LineSample(colours.muted, MEDIAN))
        legend.addWidget(PlainLabel("median of all, dB", points=theme.SMALL_PT))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(legend)
        layout.addWidget(self._plot, 1)
        self.setAccessibleName("Power by frequency")

    @property
    def selected(self) -> str:
        """Name of the channel that is drawn."""
        return self._name.text()

    def points(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Hz and dB of the curve "selected" or "median"."""
        x, y = self._curves[name].getData()
        empty = np.zeros(0)
        return (empty, empty) if x is None else (x, y)

    def show_spectrum(self, spectrum: Spectrum, row: int, name: str) -> None:
        """Draw channel `row` of a spectrum, called `name`, and the median of all channels."""
        shown = spectrum.freqs_hz <= HIGHEST_HZ
        hz = spectrum.freqs_hz[shown]
        density = spectrum.density[:, shown]
        selected, median = decibels(density[row]), decibels(np.median(density, axis=0))
        self._curves["selected"].setData(hz, selected)
        self._curves["median"].setData(hz, median)
        self._name.setText(name)
        item = self._plot.getPlotItem()
        item.setXRange(0.0, 1.05 * float(hz[-1]), padding=0)  # room for the last number
        both = (
            np.concatenate([selected[1:], median[1:]]) if len(hz) > 1 else selected
        )  # the mean has been taken out at 0 Hz
        low = _STEP_DB * np.floor(both.min() / _STEP_DB)
        item.setYRange(low, max(low + _STEP_DB, _STEP_DB * np.ceil(both.max() / _STEP_DB)), padding=0)


def decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ten times the logarithm of `power`, against one of its unit; never below -60."""
    return 10 * np.log10(np.maximum(power, 10 ** (_LOWEST_DB / 10)))
