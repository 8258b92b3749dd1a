"""All evolutions of a run, one after another; each that is done is kept, so that a run can be gone on with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bci_app.calibration.ridge import OnProgress
from bci_app.contract.errors import SettingsError
from training.evolve_recipe import EncodingTarget, EvolveRecipe, OnnxTarget, TorchTarget
from training.evolving.drawing import Drawing
from training.evolving.evolution import ARMS, Arm, Course, Evolved
from training.evolving.neurons import read_neurons
from training.evolving.report import EvolveReport, write_evolve_report
from training.evolving.scores import (
    ActivationCurve,
    Figure,
    UnitResult,
    activation_curves,
    figures,
    judged,
    respond_to_unit,
)
from training.evolving.targets import Target, read_onnx_target, read_torch_target
from training.run_folder import RunFolder, read_tensors, write_tensors, writing

_PARTS = ("picture", "code", "response", "mean", "top")


def read_targets(recipe: EvolveRecipe) -> list[Target]:
    """What the recipe drives; SettingsError if nothing is left to drive, others as the data are read."""
    match recipe.target:
        case OnnxTarget() as wanted:
            return [read_onnx_target(wanted, recipe.seed)]
        case TorchTarget() as wanted:
            return [read_torch_target(wanted, recipe.seed)]
        case EncodingTarget() as wanted:
            found = list(read_neurons(wanted, recipe.seed))
    if not found:
        raise SettingsError(
            "At least one neuron needs a model that predicts photographs not in its fit; none has. Try other features."
        )
    return found


def evolve_all(
    recipe: EvolveRecipe, targets: Sequence[Target], drawing: Drawing, run: RunFolder, tell: OnProgress
) -> list[UnitResult]:
    """Evolve for every unit, seed and arm; those that the run's checkpoint holds are not done again.

    Raises
    ------
    DiskError
        If what is done cannot be written.
    """
    kept = read_tensors(run.checkpoint) if run.checkpoint.is_file() else {}
    course = Course(recipe.optimiser, recipe.generations, recipe.noise, recipe.repeats)
    jobs = [
        (target, unit, seed) for target in targets for unit in range(len(target.units)) for seed in range(recipe.seeds)
    ]
    results = []
    for number, (target, unit, seed) in enumerate(jobs):
        arms: dict[Arm, Evolved] = {}
        for arm in ARMS:
            key = f"{target.name}/{target.units[unit]}/{seed}/{arm}"
            if f"{key}/{_PARTS[0]}" not in kept:
                tell(number, len(jobs), f"{target.name}, {target.units[unit]}: {arm}")
                made = course.run(respond_to_unit(target, unit), drawing, _seed(recipe.seed, number), arm)
                kept |= {f"{key}/{part}": torch.as_tensor(np.asarray(getattr(made, part))) for part in _PARTS}
                write_tensors(run.checkpoint, kept)
            arms[arm] = _kept(kept, key)
        results.append(UnitResult(target, unit, seed, arms))
    tell(len(jobs), len(jobs), "done")
    return results


def _seed(seed: int, number: int) -> int:
    """Of one evolution; all arms of it share it."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _kept(tensors: dict[str, torch.Tensor], key: str) -> Evolved:
    parts = {part: tensors[f"{key}/{part}"].numpy() for part in _PARTS}
    return Evolved(
        picture=parts["picture"],
        code=parts["code"],
        response=float(parts["response"]),
        mean=parts["mean"],
        top=parts["top"],
    )


def publish(
    recipe: EvolveRecipe, targets: Sequence[Target], drawing: Drawing, results: Sequence[UnitResult], run: RunFolder
) -> list[Figure]:
    """Write ``results.json`` and ``report.html``; DiskError if they cannot be written."""
    found, curves = figures(results, recipe.seed), activation_curves(results, recipe.seed)
    notes = list(dict.fromkeys(note for target in targets for note in target.notes))
    commit = run.origin("commit")
    content = {"commit": commit, "notes": notes, **_plain(results, found, curves)}
    with writing(run.path):
        (run.path / "results.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    write_evolve_report(
        run.path / "report.html", EvolveReport(recipe, drawing.name, commit, results, found, curves, notes)
    )
    return found


def _plain(
    results: Sequence[UnitResult], found: Sequence[Figure], curves: Sequence[ActivationCurve]
) -> dict[str, object]:
    return {
        "figures": [{"name": each.name, "n": each.n, **each.values} for each in found],
        "curves": {
            curve.arm: {part: getattr(curve, part).tolist() for part in ("centre", "low", "high")} for curve in curves
        },
        "units": [
            {
                "name": each.name,
                "seed": each.seed,
                "facts": {name: float(values[each.unit]) for name, values in each.target.facts.items()},
                **{arm: _finite(judged(each, arm)) for arm in ARMS},
            }
            for each in results
        ],
    }


def _finite(row: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no word for a ratio that means nothing."""
    return {name: value if np.isfinite(value) else None for name, value in row.items()}
