"""From the words of a command to a training in its processes, and to an exit status."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lightning_fabric import Fabric

from bci_app.contract.errors import BciError
from training.gan_recipe import GanRecipe
from training.processes import (
    StoppedElsewhereError,
    leave_the_others,
    noticing_lost_processes,
    one_run,
    only_the_first_speaks,
    open_fabric,
)
from training.run_folder import RunFolder
from training.text_recipe import TextRecipe

Recipe = TypeVar("Recipe", GanRecipe, TextRecipe)


def recipes_and_changes(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a command that name a recipe, and those that change one, ``key=value``."""
    recipes = [word for word in words if "=" not in word or os.path.isfile(word)]  # noqa: PTH113 (long: no file, no error)
    return recipes, [word for word in words if word not in recipes]


def launch(
    asked: Callable[[], tuple[RunFolder | None, Recipe, str]],
    runs: Path,
    train: Callable[[Recipe, RunFolder, Fabric, str], object],
    broken_off: Callable[[RunFolder | None], str],
    alone: Callable[[Recipe, RunFolder, str], object] | None = None,
) -> int:
    """Train what is asked for, and say what was wrong with it or where it stopped.

    Parameters
    ----------
    asked : callable
        Gives the run to go on with, if there is one, the recipe, and the command in full.
    runs : Path
        Where a new run gets its folder.
    train : callable
        Takes recipe, run, processes, and the command if it goes on with a run, else nothing.
    broken_off : callable
        Takes the run, if there is one, and says after Ctrl-C how to go on.
    alone : callable, optional
        What is done in this process with a run that there is, in place of training it.

    Returns
    -------
    int
        Exit status: 0 done, 1 a message says what to do, 130 stopped by Ctrl-C.
    """
    run: RunFolder | None = None
    first = True
    try:
        opened, recipe, command = asked()
        if opened and alone:
            alone(recipe, opened, command)
            return 0
        fabric = open_fabric(recipe.machine)
        fabric.launch()
        first = fabric.is_global_zero
        with noticing_lost_processes(fabric):
            only_the_first_speaks(fabric)
            run = opened or one_run(runs, recipe, command, fabric)
            if first:
                print(f"Run folder: {run.path} · device: {fabric.device} · processes: {fabric.world_size}")
            train(recipe, run, fabric, command if opened else "")
    except BciError as error:
        if isinstance(error, StoppedElsewhereError) and not first:
            return 0  # an error here would make Fabric kill the first process before it has said why
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if not first:
            return 0
        print(broken_off(run))
        return 130
    finally:
        leave_the_others()
    return 0
