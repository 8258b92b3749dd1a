"""One HTML page about a run of evolutions: figures beside controls, curves, and the pictures, with everything inside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluate.intervals import Interval
from training.evaluate.page import COLOURS, INK, figure, number, plain, png, render, svg
from training.evolve_recipe import EvolveRecipe
from training.evolving.evolution import ARM_WORDS, ARMS
from training.evolving.scores import ActivationCurve, Figure, UnitResult
from training.run_folder import writing

N_SHOWN, N_BEST = 24, 3
"""Units shown at most, and the best reference pictures of each."""


@dataclass(frozen=True, slots=True, eq=False)
class EvolveReport:
    """What the page shows."""

    recipe: EvolveRecipe
    generator: str
    commit: str
    results: Sequence[UnitResult]
    figures: Sequence[Figure]
    curves: Sequence[ActivationCurve]
    notes: Sequence[str]


def write_evolve_report(path: Path, report: EvolveReport) -> Path:
    """Write the page; DiskError if it cannot be written."""
    page = render(
        "evolve_report.html",
        title=f"Evolved pictures: {report.recipe.name}",
        written=datetime.now().isoformat(sep=" ", timespec="minutes"),
        lead=lead(report.figures),
        report=report,
        facts=_facts(report),
        arms=[ARM_WORDS[arm] for arm in ARMS],
        rows=[(each.name, [told(each.values[arm]) for arm in ARMS], each.n) for each in report.figures],
        curve=curves_svg(report.curves),
        units=_units(report.results),
        n_best=N_BEST,
        recipe_text=json.dumps(report.recipe.model_dump(mode="json"), indent=1),
    )
    with writing(path):
        path.write_text(page, "utf-8")
    return path


def lead(figures: Sequence[Figure]) -> str:
    """What was found, in a few sentences with their controls."""
    head, judges = figures[0], [each for each in figures if each.name.startswith("judge") and "guide's" in each.name]
    sentences = [
        f"The evolved picture drives its unit {told(head.values['evolved'])} times as much as the best reference picture "
        f"(median of {head.n} evolutions, 95 % interval); the best of as many random pictures {told(head.values['random'])}, "
        f"the same optimiser with shuffled scores {told(head.values['sham'])}.",
    ]
    sentences += [
        f"A model that did not guide ({each.name.partition('(')[2].partition(')')[0]}) gives the evolved picture "
        f"{told(each.values['evolved'])} times what it gives the photograph that the guide likes best."
        for each in judges
    ]
    return " ".join(sentences)


def told(interval: Interval) -> str:
    """A value with its interval."""
    value, low, high = map(number, interval)
    return f"{value} [{low}, {high}]"


def curves_svg(curves: Sequence[ActivationCurve]) -> str:
    """Highest response so far by generation, each arm with its band, and the best reference picture at 1."""
    drawing = figure(9.0, 3.4)
    axes = drawing.subplots()
    for colour, curve in zip(COLOURS, curves, strict=False):
        generations = np.arange(len(curve.centre))
        axes.plot(generations, curve.centre, color=colour, linewidth=1.6, label=curve.name)
        axes.fill_between(generations, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
    axes.axhline(1.0, color=INK, linestyle="--", linewidth=0.9, label="best reference picture")
    axes.set_xlabel("generation", fontsize=9)
    axes.set_ylabel("highest response so far", fontsize=9)
    plain(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return svg(drawing)


def _facts(report: EvolveReport) -> list[tuple[str, str]]:
    recipe, targets = report.recipe, {each.target.name: each.target for each in report.results}
    references = ", ".join(sorted({f"{len(each.references):,}" for each in targets.values()}))
    return [
        ("what is driven", "; ".join(f"{name}: {len(each.units)} units" for name, each in targets.items())),
        ("pictures from", f"{report.generator}, {len(report.results[0].arms['evolved'].code):,} numbers"),
        ("optimiser", ", ".join(f"{key} {value}" for key, value in recipe.optimiser.model_dump().items())),
        ("pictures scored", f"{recipe.generations * recipe.optimiser.population:,} in each evolution and control"),
        (
            "noise",
            _words(recipe.noise.model_dump())
            + ("; repeats averaged: " + str(recipe.repeats) if recipe.repeats > 1 else ""),
        ),
        ("reference pictures", f"{references} for each unit, none of which an optimiser has seen"),
    ]


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(str(value) if key == "kind" else f"{key} {value}" for key, value in settings.items())


def _units(results: Sequence[UnitResult]) -> list[dict[str, Any]]:
    """The first evolutions, evenly spaced over all of them and chosen by no figure."""
    chosen = np.unique(np.linspace(0, len(results) - 1, min(len(results), N_SHOWN)).round().astype(int))
    return [_unit(results[number]) for number in chosen]


def _unit(result: UnitResult) -> dict[str, Any]:
    best = np.argsort(-result.references, kind="stable")[:N_BEST]
    shown = [(png(result.arms[arm].picture), f"{number(result.ratio(arm))}") for arm in ARMS]
    known = [(png(result.target.images[each]), number(_share(result, int(each)))) for each in best]
    explained = result.target.facts.get("variance explained of photographs not in the fit")
    note = "" if explained is None else f"variance explained {number(float(explained[result.unit]))}"
    return {"name": result.name, "note": note, "cells": [*shown, *known]}


def _share(result: UnitResult, row: int) -> float:
    return float(result.references[row] / result.references.max()) if result.references.max() > 0 else float("nan")
