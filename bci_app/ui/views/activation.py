"""Does the evolution drive the response? Evolved pictures beside those that nobody selected, generation by generation."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from bci_app.engine.evolution_views import ActivationCurves, MeanCurve, Numbers, response_text
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.curves import BandedCurve, LineSample, bare_plot
from bci_app.ui.views.text import PlainLabel, plain_tooltip

NO_GENERATION = "No generation has been scored yet."
FEWEST_GENERATIONS = 10
"""Least length of the axis of generations."""
NAMES = {"evolved": "Evolved", "natural": "Natural", "prior": "Prior"}
TIPS = {
    "evolved": "Mean over the pictures of a generation that evolved, with its 95 % interval",
    "natural": "The same over the natural pictures among them, which are the same in every generation",
    "prior": "The same over pictures drawn from the generator's prior, which nobody selected",
    "best": "The highest response to a single picture so far: of many noisy ones the highest is high by luck as well",
}
_STYLES = {"evolved": Qt.PenStyle.SolidLine, "natural": Qt.PenStyle.DashLine, "prior": Qt.PenStyle.DotLine}


class ActivationView(QWidget):
    """Mean responses with their intervals, the best one so far, and the last values in words.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self._colours = colours
        self._plot = bare_plot(colours, "generation")
        ink = {"evolved": colours.evolved, "natural": colours.natural, "prior": colours.prior}
        self._curves = {name: BandedCurve(ink[name], _STYLES[name]) for name in NAMES}
        pen = pg.mkPen(colours.text, width=1, style=Qt.PenStyle.DashDotLine)
        self._best = pg.PlotCurveItem(pen=pen, antialias=True, stepMode=None)
        for name in ("prior", "natural", "evolved"):
            self._curves[name].add_to(self._plot.getPlotItem())
        self._plot.getPlotItem().addItem(self._best, ignoreBounds=True)
        self._values = {name: PlainLabel("–", bold=True) for name in (*NAMES, "best")}
        self._intervals = {name: PlainLabel("", points=theme.SMALL_PT, muted=True) for name in NAMES}
        self._message = PlainLabel(NO_GENERATION, muted=True, wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._legend(ink))
        layout.addWidget(self._message)
        layout.addWidget(self._plot, 1)
        self._plot.getPlotItem().setXRange(1, FEWEST_GENERATIONS, padding=0.02)

    @property
    def numbers(self) -> dict[str, str]:
        """What is written for each curve."""
        return {
            name: f"{value.text()} {self._intervals[name].text() if name in self._intervals else ''}".strip()
            for name, value in self._values.items()
        }

    @property
    def n_points(self) -> dict[str, int]:
        """Points drawn of each curve."""
        return {name: curve.n_points for name, curve in self._curves.items()}

    def show_curves(self, curves: ActivationCurves, unit: str) -> None:
        """Draw the curves of all scored generations; responses are in `unit`."""
        if len(curves.generations) in (0, self._curves["evolved"].n_points):
            return
        self._message.hide()
        generations = curves.generations + 1
        for name, curve in (("evolved", curves.evolved), ("natural", curves.natural), ("prior", curves.prior)):
            self._draw(name, generations, curve)
        self._best.setData(generations.astype(float), curves.best)
        self._values["best"].setText(response_text(float(curves.best[-1])))
        item = self._plot.getPlotItem()
        item.setXRange(1, max(int(generations[-1]), FEWEST_GENERATIONS), padding=0.02)
        item.setYRange(*_range(curves), padding=0.06)
        item.getAxis("left").setLabel(unit, color=self._colours.muted)
        item.getAxis("left").label.setFont(theme.font(theme.SMALL_PT))

    def _draw(self, name: str, generations: np.ndarray[tuple[int, ...], np.dtype[np.intp]], curve: MeanCurve) -> None:
        known = np.isfinite(curve.mean)
        if not known.any():
            return
        low, high = (np.where(np.isfinite(edge), edge, curve.mean) for edge in (curve.low, curve.high))
        self._curves[name].draw(generations[known], curve.mean[known], low[known], high[known])
        last = int(np.flatnonzero(known)[-1])
        self._values[name].setText(response_text(float(curve.mean[last])))
        edges = [float(edge[last]) for edge in (curve.low, curve.high)]
        self._intervals[name].setText(
            "" if np.isnan(edges).any() else f"({response_text(edges[0])} to {response_text(edges[1])})"
        )

    def _legend(self, ink: dict[str, str]) -> QWidget:
        legend = QWidget()
        grid = QGridLayout(legend)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        rows = [(name, word, ink[name], _STYLES[name]) for name, word in NAMES.items()]
        rows.append(("best", "Best so far", self._colours.text, Qt.PenStyle.DashDotLine))
        for row, (name, word, colour, style) in enumerate(rows):
            grid.addWidget(LineSample(colour, style), row, 0)
            label = PlainLabel(word, points=theme.SMALL_PT)
            label.setToolTip(plain_tooltip(TIPS[name]))
            grid.addWidget(label, row, 1)
            grid.addWidget(self._values[name], row, 2)
            if name in self._intervals:
                grid.addWidget(self._intervals[name], row, 3)
        grid.setColumnStretch(3, 1)
        return legend


def _range(curves: ActivationCurves) -> tuple[float, float]:
    """From the lowest to the highest of all that is drawn."""
    parts: list[Numbers] = [curves.best]
    for curve in (curves.evolved, curves.natural, curves.prior):
        parts += [curve.mean, curve.low, curve.high]
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)
