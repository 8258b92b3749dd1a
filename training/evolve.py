"""Evolve pictures for units of a network or for recorded neurons in silico, beside random search and shuffled scores.

python -m training.evolve configs/train/evolve_v4.yaml [evaluations=2000 ...]
python -m training.evolve --resume runs/evolve-v4-...
Ctrl-C keeps every evolution that is done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import torch

from bci_app.calibration.ridge import OnProgress
from bci_app.contract.errors import BciError
from training.evolve_recipe import EvolveRecipe
from training.evolving.drawing import open_drawing
from training.evolving.report import told
from training.evolving.run import evolve_all, publish, read_targets
from training.evolving.scores import Figure
from training.progress import step_progress
from training.run_folder import RunFolder, new_run, open_run
from training.settings import read_any_recipe

DEFAULT = "configs/train/evolve_classifier64.yaml"


def evolve(recipe: EvolveRecipe, run: RunFolder, tell: OnProgress) -> list[Figure]:
    """Generator, targets, evolutions with their controls, figures and page."""
    torch.set_num_threads(recipe.threads)
    drawing = open_drawing(recipe.generator)
    tell(0, 1, "reading what is driven")
    targets = read_targets(recipe)
    results = evolve_all(recipe, targets, drawing, run, tell)
    return publish(recipe, targets, drawing, results, run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do, 130 stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m training.evolve", description="Evolve pictures in silico.")
    parser.add_argument("recipe", nargs="?", default=DEFAULT)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--resume", type=Path, help="run folder to go on with, as its recipe says")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    words = parser.parse_intermixed_args(arguments)
    run: RunFolder | None = None
    try:
        if words.resume:
            run, recipe = open_run(words.resume, EvolveRecipe)
        else:
            recipe = read_any_recipe(EvolveRecipe, words.recipe, words.overrides)
            run = new_run(words.runs, recipe, datetime.now(), " ".join([parser.prog, words.recipe, *words.overrides]))
        print(f"Run folder: {run.path}")
        with step_progress() as tell:
            figures = evolve(recipe, run, tell)
    except BciError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        begun = run is not None and run.checkpoint.is_file()
        print("Stopped.", f"Go on with: {parser.prog} --resume {run.path}" if run and begun else "Nothing was kept.")
        return 130
    for figure in figures:
        print(
            f"{figure.name}: {', '.join(f'{arm} {told(value)}' for arm, value in figure.values.items())}; n {figure.n}"
        )
    print(f"Report: {run.path / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
