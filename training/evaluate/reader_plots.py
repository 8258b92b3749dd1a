"""Drawings for the report of a reader: curves beside their controls, components, confusions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.evaluate.page import FIRST, INK, SECOND, figure, plain, svg
from training.evaluate.reader_categories import Confusion
from training.evaluate.reader_components import Components
from training.evaluate.reader_curves import Curve
from training.evaluate.reader_scores import Doubles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def curve_svg(curve: Curve) -> str:
    """A score by amount of training or of averaging, on a logarithmic scale."""
    drawing = figure(6.6, 3.1)
    axes = drawing.subplots()
    axes.fill_between(curve.x, curve.low, curve.high, color=FIRST, alpha=0.18, linewidth=0, label="95 % interval")
    axes.plot(curve.x, curve.value, color=FIRST, marker="o", markersize=4, linewidth=1.6, label="read")
    if len(curve.seeds) > 1:
        for line in curve.seeds:
            axes.plot(curve.x, line, color=FIRST, linestyle="none", marker=".", markersize=3, alpha=0.6)
    _beside(axes, curve.x, curve)
    axes.set_xscale("log")
    axes.set_xticks(curve.x, [f"{each:g}" for each in curve.x])
    axes.minorticks_off()
    _labelled(axes, curve, curve.x_name)
    return svg(drawing)


def time_svg(curve: Curve, stimulus_s: float | None = None) -> str:
    """A score by time after onset, with the onset, and the end of the stimulus if it is known."""
    drawing = figure(10.4, 3.1)
    axes = drawing.subplots()
    x = 1000 * curve.x
    axes.fill_between(x, curve.low, curve.high, color=FIRST, alpha=0.18, linewidth=0, label="95 % interval")
    axes.plot(x, curve.value, color=FIRST, marker="o", markersize=3, linewidth=1.6, label="read")
    _beside(axes, x, curve)
    if curve.threshold is not None:
        axes.axhline(
            curve.threshold, color=FIRST, linestyle=":", linewidth=1.0, label="5 % of deals reach this anywhere"
        )
    if stimulus_s is not None:
        axes.axvspan(0, 1000 * stimulus_s, color=INK, alpha=0.08, linewidth=0, label="picture on screen")
    if x[0] > 0:
        axes.set_xlim(left=min(0.0, x[0]) - 0.02 * x[-1])
    axes.axvline(0, color=INK, linewidth=1.0)
    _labelled(axes, curve, "milliseconds after the picture's onset")
    return svg(drawing)


def components_svg(components: Components) -> str:
    """Correlation of each component with its interval, best first, beside the controls."""
    drawing = figure(10.4, 2.7)
    axes = drawing.subplots()
    order, places = np.argsort(-components.real), np.arange(1, len(components.real) + 1)
    middle, low, high = components.real[order], components.low[order], components.high[order]
    axes.vlines(places, low, high, color=FIRST, alpha=0.4, linewidth=2, label="95 % interval")
    axes.plot(places, middle, "o", color=FIRST, markersize=4, label="read")
    axes.plot(places, components.noise[order], "x", color=INK, markersize=4, label="noise input")
    axes.plot(places, components.shuffled[order], "+", color=SECOND, markersize=5, label="shuffled pairing")
    axes.axhline(0, color=INK, linestyle="--", linewidth=0.8)
    axes.set_xlim(0.3, len(places) + 0.7)
    axes.set_xlabel("latent component, by correlation", fontsize=9)
    axes.set_ylabel("correlation over trials", fontsize=9)
    plain(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return svg(drawing)


def confusion_svg(confusion: Confusion) -> str:
    """Share of each class shown that was read as each class, with the counts."""
    k = len(confusion.classes)
    drawing = figure(min(2.6 + 0.75 * k, 10.4), min(1.6 + 0.5 * k, 8.0))
    axes = drawing.subplots()
    share = confusion.counts / np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    if k <= 12:
        for row, column in np.ndindex(k, k):
            colour = "white" if share[row, column] > 0.55 else "#1c2128"
            axes.text(
                column, row, str(confusion.counts[row, column]), ha="center", va="center", fontsize=8, color=colour
            )
    axes.set_xticks(range(k), confusion.classes, rotation=0 if k <= 4 else 60, fontsize=8)
    axes.set_yticks(range(k), confusion.classes, fontsize=8)
    axes.set_xlabel("read", fontsize=9)
    axes.set_ylabel("shown", fontsize=9)
    bar = drawing.colorbar(image, ax=axes)
    bar.set_label("share of the class shown", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return svg(drawing)


def _beside(axes: Axes, x: Doubles, curve: Curve) -> None:
    """The controls, thinner than the score."""
    axes.plot(x, curve.noise, color=INK, marker="x", markersize=3, linewidth=1.0, label="noise input")
    axes.plot(x, curve.shuffled, color=SECOND, marker="+", markersize=4, linewidth=1.0, label="shuffled pairing")
    axes.axhline(curve.chance, color=INK, linestyle="--", linewidth=0.8, label="chance")


def _labelled(axes: Axes, curve: Curve, x_name: str) -> None:
    axes.set_xlabel(x_name, fontsize=9)
    axes.set_ylabel(curve.name, fontsize=9)
    plain(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
