"""Train a DCGAN or a BigBiGAN, evaluate it and export the bundle.

python -m training.train_gan configs/train/bigbigan_mnist32.yaml [updates.steps=100 ...]
python -m training.train_gan --resume runs/bigbigan-mnist32-20260101-120000     (trains on, or only ends a finished run)
python -m training.train_gan --finish runs/bigbigan-mnist32-20260101-120000     (bundle and report of what there is)
After both, key=value words may change what `CHANGEABLE` names; --resume RUN updates.steps=20000 trains longer.
tensorboard --logdir runs
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.logging import RichHandler

from bci_app.contract.errors import BciError, SettingsError
from training.data.images import ImageSplit, read_split
from training.evaluate.feature_space import classifier_space
from training.gan import checkpoint
from training.gan.finish import finish
from training.gan.loop import begin, fit
from training.gan.scoring import table
from training.gan.step import GanState
from training.gan_recipe import GanRecipe
from training.launch import launch, recipes_and_changes
from training.processes import together
from training.run_folder import RunFolder, open_run, refuse_unwritable
from training.settings import read_any_recipe, with_overrides

DEFAULT = "configs/train/dcgan64.yaml"
CHANGEABLE = ("evaluation.", "bundle.", "watch.", "machine.", "updates.steps")
"""Keys of the recipe, and sections, that may be others when a run goes on."""
FEWEST = 16
"""Validation pictures without which diversity and distance say nothing."""


def train(recipe: GanRecipe, run: RunFolder, fabric: Fabric, continued: str = "") -> None:
    """Train from the newest checkpoint of the run, if there is one, to the report and the bundle.

    `continued` is the command that goes on with a run; it is recorded with the recipe once all is ready.
    """
    torch.set_num_threads(recipe.machine.threads)
    split, state = together(fabric, lambda: _prepare(recipe, run, fabric))
    if continued:
        together(fabric, lambda: run.go_on(recipe, datetime.now(), continued) if fabric.is_global_zero else None)
    fit(state, split, recipe, fabric, run)
    if fabric.is_global_zero:  # the others are done, and would not wait as long as this may take
        end(recipe, run, split, fabric.device)


def end(recipe: GanRecipe, run: RunFolder, split: ImageSplit, device: torch.device) -> None:
    """Export and score what was trained, and say what there is."""
    if not recipe.bundle.enabled:
        print("No bundle and no scores: the recipe of this run says bundle.enabled=false.")
        return
    finished = finish(recipe, run, split, device)
    if finished.figures:
        Console().print(table(finished.figures))
    print(f"Bundle: {finished.bundle.folder}", *([f"Report: {finished.report}"] if finished.report else []), sep="\n")


def end_early(recipe: GanRecipe, run: RunFolder, command: str) -> None:
    """Bundle and report of a run that has not trained to its end; the command is recorded with the recipe."""
    torch.set_num_threads(recipe.machine.threads)
    on_gpu = recipe.machine.accelerator != "cpu" and torch.cuda.is_available()
    split = read_split(recipe.pictures, recipe.seed, cache=run.path)
    run.go_on(recipe, datetime.now(), command)
    end(recipe, run, split, torch.device("cuda" if on_gpu else "cpu"))


def _prepare(recipe: GanRecipe, run: RunFolder, fabric: Fabric) -> tuple[ImageSplit, GanState]:
    """Pictures and networks; a run that has not begun leaves no folder behind if something is missing."""
    try:
        split = read_split(recipe.pictures, recipe.seed, cache=run.path)
        _refuse_what_fails_at_the_end(recipe, split)
        state = begin(recipe, fabric)
        if run.checkpoint.is_file():
            checkpoint.restore(state, run.checkpoint)
    except BciError:
        if fabric.is_global_zero and not run.checkpoint.is_file():
            shutil.rmtree(run.path, ignore_errors=True)
        raise
    if state.step > recipe.updates.steps:
        raise SettingsError(
            f"The run has trained {state.step} steps; updates.steps must be no fewer, got {recipe.updates.steps}. Use "
            "--finish for its bundle."
        )
    return split, state


def _refuse_what_fails_at_the_end(recipe: GanRecipe, split: ImageSplit) -> None:
    """Try, before hours of training, what is needed after them.

    Raises
    ------
    BciError
        If there are too few validation pictures, the classifier cannot read them, or the bundle has no place.
    """
    validation = split.validation.images
    if len(validation) < FEWEST:
        raise SettingsError(
            f"At least {FEWEST} validation pictures are needed to watch the training; there are {len(validation)}. "
            f"Raise pictures.n (or give more pictures) or pictures.validation, which is {recipe.pictures.validation:g}."
        )
    if not recipe.bundle.enabled:
        return
    if recipe.evaluation.enabled and recipe.evaluation.classifier is not None:
        classifier_space(recipe.evaluation.classifier).features(validation[:2])
    if recipe.bundle.folder is not None:
        refuse_unwritable(Path(recipe.bundle.folder).absolute().parent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do, 130 stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m training.train_gan", description="Train a DCGAN or BigBiGAN.")
    parser.add_argument("words", nargs="*", metavar="RECIPE key=value", help=f"a recipe ({DEFAULT}), and changes to it")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="train a run to its end")
    parser.add_argument("--finish", type=Path, metavar="RUN", help="export and score a run as far as it came")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    words = parser.parse_intermixed_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_path=False)])
    logging.getLogger("training").setLevel(logging.INFO)

    def broken_off(run: RunFolder | None) -> str:
        saved = run is not None and run.checkpoint.is_file()
        return (
            f"Stopped. Go on with: {parser.prog} --resume {run.path}"
            if run and saved
            else "Stopped. Nothing was saved."
        )

    alone = end_early if words.finish else None
    return launch(lambda: _asked(words, parser.prog), words.runs, train, broken_off, alone)


def _asked(words: argparse.Namespace, program: str) -> tuple[RunFolder | None, GanRecipe, str]:
    """The run to go on with, if there is one, the recipe, and the command in full."""
    recipes, overrides = recipes_and_changes(words.words)
    if words.resume and words.finish:
        raise SettingsError("--resume trains a run on, --finish ends it as it is; got both. Give one of them.")
    if words.resume or words.finish:
        flag, folder = ("--resume", words.resume) if words.resume else ("--finish", words.finish)
        if recipes:
            raise SettingsError(
                f"{flag} takes the recipe in the run's folder; got {', '.join(recipes)} too. Leave it out, or start a new "
                f"run without {flag}."
            )
        run, recipe = open_run(folder, GanRecipe)
        changed = with_overrides(recipe, overrides, CHANGEABLE)
        return run, changed, " ".join([program, flag, str(folder), *overrides])
    if len(recipes) > 1:
        raise SettingsError(f"One recipe is trained at a time, changes to it are key=value; got {', '.join(recipes)}.")
    (path,) = recipes or [DEFAULT]
    return None, read_any_recipe(GanRecipe, path, overrides), " ".join([program, path, *overrides])


if __name__ == "__main__":
    sys.exit(main())
