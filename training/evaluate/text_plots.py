"""Drawings for the report of a model of EEG-to-text: what remains after shuffling, use of codes, and curves of training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bci_app.text.scores import Estimate
from training.evaluate.page import COLOURS, FIRST, INK, SECOND, figure, plain, svg
from training.evaluate.text_codes import CodeUse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Record = Mapping[str, float | int | str]
"""What a step or an epoch of training gave: ``part`` names the stage, ``epoch`` or ``step`` its place, the rest are figures."""
_BESIDE = "validation_"
_PLACES = ("epoch", "step", "part")
_FEW = 5
"""Points below which each is marked: one alone makes no line."""


def gaps_svg(gaps: Sequence[tuple[str, Estimate]]) -> str:
    """Matched minus shuffled with its interval, one below another, the first in colour; zero is a line."""
    drawing = figure(10.4, 0.55 + 0.27 * len(gaps))
    axes = drawing.subplots()
    for place, (_, gap) in enumerate(gaps):
        colour = FIRST if place == 0 else INK
        axes.hlines(place, gap.low, gap.high, color=colour, linewidth=2.5, alpha=0.5)
        axes.plot(gap.value, place, "o", color=colour, markersize=5)
    axes.axvline(0, color=SECOND, linestyle="--", linewidth=1.0)
    axes.set_yticks(range(len(gaps)), [name for name, _ in gaps])
    axes.invert_yaxis()
    axes.set_xlabel("BLEU-1 points, matched minus shuffled within task and length", fontsize=9)
    plain(axes)
    return svg(drawing)


def codes_svg(codes: Sequence[CodeUse]) -> str:
    """How often each code was used, most frequent first, on logarithmic scales."""
    drawing = figure(10.4, 2.6)
    axes = drawing.subplots()
    for use, colour in zip(codes, COLOURS, strict=False):
        share = np.array(use.counts) / max(use.n_states, 1)
        label = f"{use.name}: {len(use.counts):,} of {use.n_codes:,} codes"
        axes.step(np.arange(1, len(share) + 1), share, color=colour, linewidth=1.6, where="mid", label=label)
    if codes:
        axes.axhline(1 / codes[0].n_codes, color=INK, linestyle="--", linewidth=0.8, label="all used equally often")
        axes.axvline(codes[0].n_codes, color=INK, linestyle=":", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("code, by use", fontsize=9)
    axes.set_ylabel("share of states", fontsize=9)
    plain(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return svg(drawing)


def training_svg(records: Sequence[Record]) -> str:
    """A panel for each part of training: every figure, what was measured on validation sentences dashed; empty for none."""
    parts: dict[str, list[Record]] = {}
    for record in records:
        parts.setdefault(str(record.get("part", "training")), []).append(record)
    if not parts:
        return ""
    n_rows = math.ceil(len(parts) / 2)
    drawing = figure(10.4, 2.7 * n_rows)
    grid = drawing.subplots(n_rows, 2, squeeze=False).ravel()
    for axes, (name, found) in zip(grid, parts.items(), strict=False):
        _panel(axes, name, found)
    for axes in grid[len(parts) :]:
        axes.set_axis_off()
    return svg(drawing)


def _panel(axes: Axes, title: str, records: Sequence[Record]) -> None:
    place = next((key for key in _PLACES if isinstance(records[0].get(key), int | float)), "")
    keys = dict.fromkeys(key for record in records for key in record if key not in _PLACES)
    names = list(dict.fromkeys(key.removeprefix(_BESIDE) for key in keys if not key.startswith("code_")))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    for key in keys:
        name, beside = key.removeprefix(_BESIDE), key.startswith(_BESIDE)
        if name not in colours:  # how many codes are in use has a drawing of its own
            continue
        points = [(float(r.get(place, n)), float(r[key])) for n, r in enumerate(records, 1) if _is_number(r.get(key))]
        axes.plot(
            *np.array(points).reshape(-1, 2).T,
            color=colours[name],
            linestyle="--" if beside else "-",
            marker="." if len(points) < _FEW else "",
            linewidth=1.4,
            label=None if beside and name in keys else name.replace("_", " "),
        )
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(place or "record", fontsize=9)
    plain(axes)
    if len(names) > 1:
        axes.legend(edgecolor="none", framealpha=0.8, fontsize=8)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
