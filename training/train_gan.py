"""Train a DCGAN or a BigBiGAN, evaluate it and export the bundle.

python -m training.train_gan configs/train/bigbigan_mnist32.yaml [updates.steps=100 ...]
python -m training.train_gan --resume runs/bigbigan-mnist32-20260101-120000     (trains on, or only ends a finished run)
python -m training.train_gan --finish runs/bigbigan-mnist32-20260101-120000     (bundle and report of what there is)
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

from bci_app.contract.errors import BciError
from training.data.images import ImageSplit, read_split
from training.gan import checkpoint
from training.gan.finish import finish
from training.gan.loop import begin, fit, open_fabric
from training.gan.processes import StoppedElsewhereError, noticing_lost_processes, only_the_first_speaks, together
from training.gan.scoring import table
from training.gan.step import GanState
from training.gan_recipe import GanRecipe
from training.run_folder import RunFolder, new_run, open_run
from training.settings import read_any_recipe


def train(recipe: GanRecipe, run: RunFolder, fabric: Fabric) -> None:
    """Train from the newest checkpoint of the run, if there is one, to the report and the bundle."""
    torch.set_num_threads(recipe.machine.threads)
    split, state = together(fabric, lambda: _prepare(recipe, run, fabric))
    fit(state, split, recipe, fabric, run)
    if fabric.is_global_zero:  # the others are done, and would not wait as long as this may take
        end(recipe, run, split, fabric.device)


def end(recipe: GanRecipe, run: RunFolder, split: ImageSplit, device: torch.device) -> None:
    """Export and score what was trained, and say what there is."""
    if not recipe.bundle.enabled:
        return
    finished = finish(recipe, run, split, device)
    if finished.figures:
        Console().print(table(finished.figures))
    print(f"Bundle: {finished.bundle.folder}", *([f"Report: {finished.report}"] if finished.report else []), sep="\n")


def end_early(run: RunFolder, recipe: GanRecipe) -> None:
    """Bundle and report of a run that has not trained to its end."""
    torch.set_num_threads(recipe.machine.threads)
    on_gpu = recipe.machine.accelerator != "cpu" and torch.cuda.is_available()
    split = read_split(recipe.pictures, recipe.seed, cache=run.path)
    end(recipe, run, split, torch.device("cuda" if on_gpu else "cpu"))


def _prepare(recipe: GanRecipe, run: RunFolder, fabric: Fabric) -> tuple[ImageSplit, GanState]:
    split = _pictures(recipe, run, fabric)
    state = begin(recipe, fabric)
    if run.checkpoint.is_file():
        checkpoint.restore(state, run.checkpoint)
    return split, state


def _pictures(recipe: GanRecipe, run: RunFolder, fabric: Fabric) -> ImageSplit:
    """The pictures; a run that has not begun leaves no folder behind if they cannot be read."""
    try:
        return read_split(recipe.pictures, recipe.seed, cache=run.path)
    except BciError:
        if fabric.is_global_zero and not run.checkpoint.is_file():
            shutil.rmtree(run.path, ignore_errors=True)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do, 130 stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m training.train_gan", description="Train a DCGAN or BigBiGAN.")
    parser.add_argument("recipe", nargs="?", default="configs/train/dcgan64.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="train a run to its end")
    parser.add_argument("--finish", type=Path, metavar="RUN", help="export and score a run as far as it came")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    words = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_path=False)])
    logging.getLogger("training").setLevel(logging.INFO)
    command = " ".join([parser.prog, words.recipe, *words.overrides])
    run: RunFolder | None = None
    first = True
    try:
        if words.finish:
            end_early(*open_run(words.finish, GanRecipe))
            return 0
        opened = open_run(words.resume, GanRecipe) if words.resume else None
        recipe = opened[1] if opened else read_any_recipe(GanRecipe, words.recipe, words.overrides)
        fabric = open_fabric(recipe)
        fabric.launch()
        first = fabric.is_global_zero
        with noticing_lost_processes(fabric):
            only_the_first_speaks(fabric)
            run = opened[0] if opened else _one_run(words.runs, recipe, command, fabric)
            if first:
                print(f"Run folder: {run.path} · device: {fabric.device} · processes: {fabric.world_size}")
            train(recipe, run, fabric)
    except BciError as error:
        if isinstance(error, StoppedElsewhereError) and not first:
            return 0  # an error here would make Fabric kill the first process before it has said why
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if not first:
            return 0
        saved = run is not None and run.checkpoint.is_file()
        print("Stopped.", f"Go on with: {parser.prog} --resume {run.path}" if run and saved else "Nothing was saved.")
        return 130
    return 0


def _one_run(root: Path, recipe: GanRecipe, command: str, fabric: Fabric) -> RunFolder:
    """The folder that process 0 makes, on every process."""
    now = datetime.now()
    made = together(fabric, lambda: new_run(root, recipe, now, command) if fabric.is_global_zero else RunFolder(root))
    return RunFolder(fabric.broadcast(made.path))


if __name__ == "__main__":
    sys.exit(main())
