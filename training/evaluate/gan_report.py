"""One HTML page about a trained GAN, with everything inside it: pictures, curves, scores beside their controls, cost."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from training.evaluate.curves import classes_svg, curves_svg, read_log, variances_svg
from training.evaluate.gan_pictures import WIDE, GanPictures
from training.evaluate.gan_scores import GanScores
from training.evaluate.page import number, percent, png, render
from training.evaluate.sample_scores import Comparison
from training.run_folder import writing

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cost:
    """What training costs on one machine."""

    batch_size: int
    size: int
    processes: int
    images_per_s: float
    seconds_per_1000: float
    peak_gib: float | None = None
    """Most memory that the first process held."""
    machine: str = ""
    measured: str = ""
    """Date."""


def write_gan_report(path: Path, scores: GanScores, run: Path, costs: Sequence[Cost] = ()) -> Path:
    """Write the page.

    Parameters
    ----------
    path : Path
        The HTML file.
    scores : GanScores
        From `training.evaluate.gan_scores.evaluate_gan`.
    run : Path
        The run folder, with ``recipe.json``, ``origin.json`` and ``log.jsonl``.
    costs : sequence of Cost
        Measured speeds, if there are any.

    Raises
    ------
    DiskError
        If the page cannot be written.
    """
    log, recipe, origin = read_log(run / "log.jsonl"), _read(run / "recipe.json"), _read(run / "origin.json")
    page = render(
        "gan_report.html",
        title=f"GAN: {recipe.get('name', run.name)}",
        written=datetime.now().isoformat(sep=" ", timespec="minutes"),
        lead=lead(scores),
        scores=scores,
        main=main_settings(recipe),
        recipe_text=json.dumps(recipe, indent=1),
        origin=origin,
        curves=curves_svg(log),
        warnings=log.warnings,
        classes=classes_svg(scores.classes),
        variances=variances_svg(scores.codes) if scores.codes else "",
        pictures=inline_pictures(scores.pictures),
        thresholds=scores.thresholds,
        costs=costs,
    )
    with writing(path):
        path.write_text(page, "utf-8")
    return path


def read_costs(path: Path) -> tuple[Cost, ...]:
    """What the benchmark of training costs has written (``details.costs``); nothing, with a warning, if it is damaged."""
    if not path.is_file():
        return ()
    try:
        content = json.loads(path.read_text("utf-8"))
        return tuple(Cost(**{"measured": content["measured"][:10], **row}) for row in content["details"]["costs"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("The report has no table of costs: '%s' must be what the benchmark writes (%r)", path, error)
        return ()


def main_settings(recipe: dict[str, Any]) -> list[tuple[str, Any]]:
    """The rows of a GAN's recipe that tell most; those that it has."""
    places = {
        "network": ("network", "kind"),
        "picture size": ("pictures", "size"),
        "channels": ("pictures", "channels"),
        "loss": ("loss", "adversarial"),
        "steps": ("updates", "steps"),
        "batch": ("updates", "batch_size"),
    }
    found = {name: recipe.get(section, {}).get(key) for name, (section, key) in places.items()}
    return [(name, value) for name, value in found.items() if value is not None]


def lead(scores: GanScores) -> str:
    """What was found, in a few sentences with their controls."""
    distance, precision, recall = scores.samples[:3]
    sentences = [
        f"{distance.name}: {_told(distance)}.",
        f"Of {precision.n:,} samples {percent(precision.value)} lie among real pictures "
        f"(real ones: {percent(precision.real)}), and {percent(recall.value)} of {recall.n:,} test pictures lie among "
        f"samples (real ones: {percent(recall.real)}).",
    ]
    for row in scores.reconstructions:
        if row.name == "pairwise identification by features":
            sentences.append(
                f"A reconstruction G(E(x)) is nearer to its own picture than to another in {percent(row.value, 1)} of pairs "
                f"(chance 50 %, noise {percent(row.noise, 1)})."
            )
    if scores.probes:
        first, pixels = scores.probes[0], next(row for row in scores.probes if row.name.startswith("raw pixels"))
        sentences.append(
            f"A linear classifier on the encoder's codes names {percent(first.accuracy, 1)} of test pictures rightly "
            f"(on raw pixels {percent(pixels.accuracy, 1)}, chance {percent(scores.probe_chance, 1)})."
        )
    return " ".join(sentences)


def _told(row: Comparison) -> str:
    interval = "" if row.low is None or row.high is None else f" ({number(row.low)} to {number(row.high)})"
    return (
        f"{number(row.value)}{interval} from {row.n:,} samples to as many test pictures, where training pictures have "
        f"{number(row.real)} and noise {number(row.noise)}"
    )


def inline_pictures(pictures: GanPictures) -> dict[str, dict[str, Any]]:
    """Address and width on the page of each grid that there is."""
    grids = {field.name: getattr(pictures, field.name) for field in fields(pictures)}
    return {
        name: {"address": png(grid), "width": _shown_width(grid.shape[1])}
        for name, grid in grids.items()
        if grid is not None
    }


def _shown_width(width: int) -> int:
    """Small grids are enlarged by whole numbers, so that pixels stay square."""
    return width * max(WIDE // width, 1)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found
