"""Drawings for the report: curves of a run's log, shares of classes, and variances of codes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from training.evaluate.codes import CodeStatistics
from training.evaluate.page import COLOURS, FIRST, INK, SECOND, figure, plain, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from training.evaluate.gan_scores import ClassShare

MOST_POINTS = 300
"""A curve with more is averaged down to as many."""

PANELS: dict[str, tuple[str, ...]] = {
    "loss": ("discriminator", "generator", "encoder", "loss", "r1", "cycle_image", "cycle_latent"),
    "accuracy of the discriminator": ("accuracy_real", "accuracy_made"),
    "diversity of samples (real: 1)": ("diversity",),
    "validation pictures with a sample like them": ("coverage", "coverage_real"),
    "codes of the encoder": ("encoder_std", "code_variance", "code_spread"),
    "distance watched while training": ("distance", "reconstruction"),
    "gradient norm": ("discriminator_gradient", "generator_gradient", "encoder_gradient"),
}
"""Title of each panel and the names in the log that it shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """A run's log: curves by name, each steps and values (n,), and the warnings it was given."""

    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    warnings: tuple[str, ...]


def read_log(path: Path) -> Log:
    """The log of a run, ``log.jsonl``; empty if there is none. A last line that was cut is left out.

    Raises
    ------
    SettingsError
        If another line is not JSON.
    """
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    points: dict[str, list[tuple[float, float]]] = {}
    warnings = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            if number == len(lines):
                break
            raise SettingsError(f"Each line of {path} must be JSON; line {number} is not. Remove that line.") from None
        step = record.pop("step", number)
        if "warning" in record:
            warnings.append(f"Step {step}: {record.pop('warning')}")
        for name, value in record.items():
            if isinstance(value, int | float) and math.isfinite(value):
                points.setdefault(name, []).append((float(step), float(value)))
    curves = {name: _thinned(np.array(found)) for name, found in points.items()}
    return Log(curves, tuple(warnings))


def _thinned(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    parts = np.array_split(points, min(len(points), MOST_POINTS))
    means = np.array([part.mean(axis=0) for part in parts])
    return means[:, 0], means[:, 1]


def curves_svg(log: Log) -> str:
    """All panels of `PANELS` that the log has something for, two in a row; empty if none."""
    known = {name for names in PANELS.values() for name in names}
    panels = {title: [name for name in names if name in log.curves] for title, names in PANELS.items()}
    panels["other"] = [name for name in log.curves if name not in known]
    panels = {title: names for title, names in panels.items() if names}
    if not panels:
        return ""
    n_rows = math.ceil(len(panels) / 2)
    drawing = figure(10.4, 2.5 * n_rows)
    grid = np.atleast_1d(drawing.subplots(n_rows, 2, squeeze=False).ravel())
    for axes, (title, names) in zip(grid, panels.items(), strict=False):
        _panel(axes, title, {name: log.curves[name] for name in names})
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return svg(drawing)


def _panel(axes: Axes, title: str, curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> None:
    for colour, (name, (steps, values)) in zip(COLOURS * 3, curves.items(), strict=False):
        axes.plot(steps, values, color=colour, linewidth=1.4, label=name.replace("_", " "))
    if title.startswith("accuracy"):
        axes.set_ylim(-0.02, 1.02)
        axes.axhline(0.5, color=INK, linestyle="--", linewidth=0.8)
    if title.startswith("diversity"):
        axes.axhline(1.0, color=INK, linestyle="--", linewidth=0.8)
        axes.set_ylim(bottom=0)
    if title == "gradient norm":
        axes.set_yscale("log")
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("step", fontsize=9)
    plain(axes)
    if len(curves) > 1:
        axes.legend(edgecolor="none", framealpha=0.8, fontsize=8)


def classes_svg(classes: Sequence[ClassShare]) -> str:
    """Bars for the share of each class among test pictures and among samples; empty without classes."""
    if not classes:
        return ""
    drawing = figure(10.4, 2.6)
    axes = drawing.subplots()
    places = np.arange(len(classes))
    for shift, colour, label in ((-0.2, INK, "test"), (0.2, FIRST, "samples")):
        axes.bar(places + shift, [getattr(each, label) for each in classes], 0.4, color=colour, label=label)
    axes.set_xticks(places, [each.name for each in classes], rotation=90 if len(classes) > 14 else 0)
    axes.set_ylabel("share", fontsize=9)
    plain(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return svg(drawing)


def variances_svg(codes: CodeStatistics) -> str:
    """Variance of each component of the codes, largest first, beside that of N(0, I)."""
    drawing = figure(10.4, 2.4)
    axes = drawing.subplots()
    order = np.argsort(-codes.variances)
    places = np.arange(1, len(order) + 1)
    axes.bar(places, codes.variances[order], 1.0, color=FIRST, label="means, over pictures")
    if codes.noise_variances.any():
        axes.plot(places, codes.noise_variances[order], color=SECOND, label="the encoder's own noise")
    axes.axhline(1.0, color=INK, linestyle="--", linewidth=0.8, label="N(0, I)")
    axes.set_xlabel("component, by variance", fontsize=9)
    axes.set_ylabel("variance", fontsize=9)
    axes.set_xlim(0.5, len(order) + 0.5)
    plain(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return svg(drawing)
