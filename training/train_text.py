"""Train a reader of text from EEG, tell reading from guessing, and export the bundle that the program opens.

python -m training.train_text configs/train/text_words.yaml [data.reading.information=0 ...]
python -m training.train_text --resume runs/text-words-20260101-120000        (trains on, or only scores and exports again)
Ctrl-C ends the training with the best weights so far, and goes on to scores and bundle; twice breaks off. After --resume,
key=value words may change what `CHANGEABLE` names.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.logging import RichHandler
from transformers.utils import logging as transformers_logging

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BciError, SettingsError
from training.data.reading_files import read_readings
from training.data.reading_splits import divide_readings
from training.data.readings import Readings
from training.evaluate.text_scores import score_text
from training.interrupts import heeding_interrupts
from training.launch import launch, recipes_and_changes
from training.processes import having_memory, together
from training.progress import step_progress
from training.run_folder import RunFolder, open_run, refuse_unwritable
from training.settings import read_any_recipe, with_overrides
from training.team import Team
from training.text.corpus import LANGUAGE, gather, language_model
from training.text.networks import check_enough_steps
from training.text.progress import forget_unsaved
from training.text.results import export, machine_in_words, report
from training.text.training import Sides, train_reader, with_noise
from training.text_recipe import TextRecipe

DEFAULT = "configs/train/text_words.yaml"


CHANGEABLE = ("machine.", "bundle.")
"""Sections of the recipe that may be others when a run goes on."""


def train(recipe: TextRecipe, run: RunFolder, fabric: Fabric | None = None, continued: str = "") -> Bundle | None:
    """Data, split, text, language model, reader, the same reader of noise, scores with controls, bundle, report.

    Goes on from what the run's folder holds. `continued` is the command that goes on with a run; it is recorded with the recipe
    once all is ready. Scores and bundle are made by the first process alone; the others give None.
    """
    torch.set_num_threads(recipe.machine.threads)
    team = Team(fabric) if fabric else Team()
    console = Console(stderr=True, quiet=not team.first)
    console.print("reading the readings")
    sides, kept, held_out = together(team.fabric, lambda: _begin(recipe, run, team, begun=bool(continued)))
    _tell(console, sides)
    together(team.fabric, lambda: _go_on(recipe, run, continued) if continued and team.first else None)
    with heeding_interrupts() as team.asked, having_memory(_too_large(recipe)):
        corpus = together(team.fabric, lambda: gather(recipe, sides.train, kept))
        language, tokenizer = language_model(recipe, corpus, run, team)
        reader, records = train_reader(recipe, sides, language, tokenizer, run, team)
    noise_reader = None
    if recipe.noise_twin:
        console.print("the same again, trained on noise")
        noise_run = together(team.fabric, lambda: run.inside("noise"))
        with heeding_interrupts() as asked, having_memory(_too_large(recipe)):
            noise_team = Team(team.fabric, asked, saves=team.saves)
            noise_sides = with_noise(sides, recipe.seed)
            noise_reader, _ = train_reader(recipe, noise_sides, language, tokenizer, noise_run, noise_team)
    if not team.first:  # they are done, and would not wait as long as this may take
        return None
    with step_progress() as tell:
        findings = score_text(
            reader,
            sides.train,
            sides.test,
            noise_model=noise_reader,
            held_out=held_out,
            seed=recipe.seed,
            progress=tell,
        )
    machine = machine_in_words(team.fabric, recipe.machine.precision)
    bundle = export(recipe, run, reader, sides, findings, machine)
    report(recipe, run, reader, findings, records, bundle.manifest.provenance, machine)
    return bundle


def _begin(recipe: TextRecipe, run: RunFolder, team: Team, begun: bool) -> tuple[Sides, Readings, str]:
    """See `_prepare`; a run that has not begun leaves no folder behind if something is missing."""
    try:
        if recipe.bundle.folder is not None:
            refuse_unwritable(Path(recipe.bundle.folder).absolute().parent)
        return _prepare(recipe)
    except BciError:
        if team.first and not begun:
            shutil.rmtree(run.path, ignore_errors=True)
        raise


def _prepare(recipe: TextRecipe) -> tuple[Sides, Readings, str]:
    """The sides of the split, all that is not learnt from, and in words what is scored."""
    readings = read_readings(recipe.data)
    division = divide_readings(readings, recipe.split, recipe.seed)
    (split,) = division.folds
    readings = replace(readings, notes=(*readings.notes, *division.notes))
    sides = Sides(*(readings.take(rows) for rows in (split.train, split.validation, split.test)))
    check_enough_steps(recipe, sides.train)
    return sides, readings.take(np.concatenate([split.validation, split.test])), division.held_out


def _tell(console: Console, sides: Sides) -> None:
    """How much there is, and what was left out of it."""
    for what, side in (("learnt from", sides.train), ("chosen by", sides.validation), ("scored", sides.test)):
        subjects = len({item.subject for item in side.items})
        console.print(f"{what}: {len(side)} readings of {len(set(side.keys))} sentences, subjects: {subjects}")
    for note in sides.train.notes:
        console.print(note, style="yellow", markup=False)


def _go_on(recipe: TextRecipe, run: RunFolder, command: str) -> None:
    """Record the command, and leave out of the logs what was logged and not saved."""
    run.go_on(recipe, datetime.now(), command)
    forget_unsaved(run, with_language=(run.path / LANGUAGE).is_file())
    if (run.path / "noise").is_dir():
        forget_unsaved(run.inside("noise"))


def _too_large(recipe: TextRecipe) -> str:
    """What is told where there is not enough memory."""
    return (
        f"Networks and batch must fit into memory and do not: optimiser.batch_size={recipe.optimiser.batch_size} in "
        f"{recipe.machine.n_processes} process(es). Lower it or encoder.width, or share batches out among more "
        "machine.devices, as --resume allows too."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do, 130 broken off by a second Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train_text", description="Train a reader of text from EEG."
    )
    parser.add_argument("words", nargs="*", metavar="RECIPE key=value", help=f"a recipe ({DEFAULT}), and changes to it")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="train a run that broke off to its end")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders are made (runs)")
    words = parser.parse_intermixed_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_path=False)])
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]

    def broken_off(run: RunFolder | None) -> str:
        return "Broken off." + (f" Go on with: {parser.prog} --resume {run.path}" if run else "")

    return launch(lambda: _asked(words, parser.prog), words.runs, _train, broken_off)


def _train(recipe: TextRecipe, run: RunFolder, fabric: Fabric, continued: str) -> None:
    """Train, and show the card of what comes out."""
    bundle = train(recipe, run, fabric, continued)
    if bundle:
        print(bundle.read("card.md").decode())
        print(f"Bundle: {bundle.folder}", f"Report: {run.path / 'report.html'}", sep="\n")


def _asked(words: argparse.Namespace, program: str) -> tuple[RunFolder | None, TextRecipe, str]:
    """The run to go on with, if there is one, the recipe, and the command in full."""
    recipes, overrides = recipes_and_changes(words.words)
    if len(recipes) > 1 - bool(words.resume):
        allowed = "--resume takes the recipe in the run's folder" if words.resume else "One recipe is trained at a time"
        raise SettingsError(f"{allowed}, changes are key=value; got {', '.join(recipes)}. Leave out what is too much.")
    if words.resume:
        run, recipe = open_run(words.resume, TextRecipe, saved=False)
        command = " ".join([program, "--resume", str(words.resume), *overrides])
        return run, with_overrides(recipe, overrides, CHANGEABLE), command
    (path,) = recipes or [DEFAULT]
    return None, read_any_recipe(TextRecipe, path, overrides), " ".join([program, path, *overrides])


if __name__ == "__main__":
    sys.exit(main())
