"""Is it better than chance? Running pairwise identification beside its controls: noise, and readings dealt at random."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from bci_app.engine.evidence import shuffled_band
from bci_app.engine.verdict import FEWEST
from bci_app.engine.views import Identification, IdentificationCurve
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.curves import BandedCurve, LineSample, bare_plot
from bci_app.ui.views.text import PlainLabel, plain_tooltip

NO_PICTURES = "No pictures are shown in this mode, so nothing can be identified."
NO_TRIALS = "No trial has been scored yet."
TOO_FEW = "Too few to say anything: {n} of at least {fewest}."
RUNNING = "A running figure: the report judges, once."
RUNNING_TIP = (
    "Whoever looks on until it looks good, and stops then, is fooled: what counts is the figure at the planned end."
)
CHANCE_TIP = (
    "Guessing gives 0.50 on average, and so do the readings when they are dealt to the pictures at random. The band holds 95 of "
    "100 such deals: within it a score says nothing."
)


class IdentificationView(QWidget):
    """Two curves with their intervals, the chance line, and the current numbers in words.

    Parameters
    ----------
    colours : Theme
        Appearance.
    possible : bool
        False where no pictures are shown: a sentence stands in place of the plot.
    signal : str
        What the decoder reads.
    """

    def __init__(self, colours: Theme = theme.DARK, *, possible: bool = True, signal: str = "EEG") -> None:
        super().__init__()
        self._signal = signal
        self._colours = colours
        self._possible = possible
        self._message = PlainLabel(NO_TRIALS if possible else NO_PICTURES, muted=True, wrap=True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._decoder = BandedCurve(colours.decoder, Qt.PenStyle.SolidLine)
        self._noise_twin = BandedCurve(colours.noise_twin, Qt.PenStyle.DashLine)
        self._chance = BandedCurve(colours.chance, Qt.PenStyle.DotLine)
        self._words = PlainLabel("", points=theme.SMALL_PT, muted=True, wrap=True)
        self._plot = self._build_plot()
        self._numbers = {name: Number() for name in ("decoder", "noise", "chance")}
        self._legend = self._build_legend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._legend)
        layout.addWidget(self._message, 0 if possible else 1)
        layout.addWidget(self._plot, 1)
        layout.addWidget(self._words)
        self._words.setToolTip(plain_tooltip(RUNNING_TIP))
        self._words.hide()
        self._legend.setVisible(possible)
        self._plot.setVisible(possible)

    @property
    def message(self) -> str:
        """The sentence in place of the numbers, or an empty text."""
        return "" if self._message.isHidden() else self._message.text()

    @property
    def numbers(self) -> tuple[str, str, str]:
        """What is written for the decoder, for the noise control, and for readings dealt at random."""
        return self._numbers["decoder"].text, self._numbers["noise"].text, self._numbers["chance"].text

    @property
    def words(self) -> str:
        """How the numbers are to be taken; empty while there are none."""
        return "" if self._words.isHidden() else self._words.text()

    @property
    def n_points(self) -> tuple[int, int]:
        """Points drawn in the decoder's curve and in the noise control's."""
        return self._decoder.n_points, self._noise_twin.n_points

    def show_identification(self, identification: Identification) -> None:
        """Draw the curves and write their last values.

        Parameters
        ----------
        identification : Identification
            Two curves of arrays (k,): trials so far, mean, low and high end of the interval, 0 to 1.
        """
        decoder, twin = identification.decoder, identification.noise_twin
        if not self._possible or len(decoder.n) == 0:
            return
        self._message.hide()
        if len(decoder.n) == self._decoder.n_points and len(twin.n) == self._noise_twin.n_points:
            return
        self._decoder.draw(decoder.n, decoder.mean, decoder.low, decoder.high)
        self._noise_twin.draw(twin.n, twin.mean, twin.low, twin.high)
        chance = _chance(decoder)
        self._chance.draw(chance.n, chance.mean, chance.low, chance.high)
        for name, curve in (("decoder", decoder), ("noise", twin), ("chance", chance)):
            self._numbers[name].write(curve)
        last = int(decoder.n[-1])
        self._words.setText(TOO_FEW.format(n=last, fewest=FEWEST) if last < FEWEST else RUNNING)
        self._words.show()
        self._plot.getPlotItem().setXRange(0, max(last, FEWEST), padding=0.02)

    def _build_plot(self) -> pg.PlotWidget:
        plot = bare_plot(self._colours, "trials read")
        item = plot.getPlotItem()
        item.setYRange(0.0, 1.0, padding=0.04)
        item.setXRange(0, FEWEST, padding=0.02)
        item.getAxis("left").setTicks([[(value / 4, f"{value / 4:.2f}") for value in range(5)]])
        chance = pg.mkPen(self._colours.chance, width=1, style=Qt.PenStyle.DotLine)
        item.addItem(pg.InfiniteLine(pos=0.5, angle=0, pen=chance), ignoreBounds=True)
        for pair in (self._chance, self._noise_twin, self._decoder):
            pair.add_to(item)
        return plot

    def _build_legend(self) -> QWidget:
        rows = (
            (f"Decoder on {self._signal}", self._colours.decoder, Qt.PenStyle.SolidLine, self._numbers["decoder"]),
            ("Decoder on noise", self._colours.noise_twin, Qt.PenStyle.DashLine, self._numbers["noise"]),
            ("Shuffled pairing", self._colours.chance, Qt.PenStyle.DotLine, self._numbers["chance"]),
        )
        legend = QWidget()
        grid = QGridLayout(legend)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        for row, (name, colour, style, number) in enumerate(rows):
            grid.addWidget(LineSample(colour, style), row, 0)
            grid.addWidget(PlainLabel(name, points=theme.SMALL_PT), row, 1)
            grid.addWidget(number, row, 2)
        grid.setColumnStretch(2, 1)
        legend.setToolTip(plain_tooltip(CHANCE_TIP))
        return legend


def _chance(curve: IdentificationCurve) -> IdentificationCurve:
    """What readings dealt to the pictures at random give after as many trials."""
    low, high = np.array([shuffled_band(int(n)) for n in curve.n]).T
    return IdentificationCurve(curve.n, np.full(len(curve.n), 0.5), low, high)


class Number(QWidget):
    """A value, bold, with its interval beside it."""

    def __init__(self, value: str = "–") -> None:
        super().__init__()
        self._value = PlainLabel(value, bold=True)
        self._interval = PlainLabel("", points=theme.SMALL_PT, muted=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._value)
        layout.addWidget(self._interval, 1)
        widest = self._interval.fontMetrics().horizontalAdvance("(0.00–0.00)")
        self._interval.setMinimumWidth(widest)  # the column does not move when the first numbers come

    @property
    def text(self) -> str:
        """What is written, e.g. ``0.82 (0.74–0.90)``."""
        return f"{self._value.text()} {self._interval.text()}".strip()

    def write(self, curve: IdentificationCurve) -> None:
        """Write the last value of a curve."""
        if len(curve.n):
            self._value.setText(f"{curve.mean[-1]:.2f}")
            self._interval.setText(f"({curve.low[-1]:.2f}–{curve.high[-1]:.2f})")
