"""The loop: steps, what is logged, watched and saved, and how it stops."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from training.data.images import ImageSplit
from training.errors import TrainingError
from training.gan import checkpoint
from training.gan.averaging import with_standing_statistics
from training.gan.networks import build, optimisers, place
from training.gan.step import Facts, GanState, train_step
from training.gan.watch import View, Watch, view
from training.gan_recipe import BigBiganNetwork, GanRecipe
from training.interrupts import heeding_interrupts
from training.processes import StoppedElsewhereError, any_of, having_memory, together
from training.progress import training_progress
from training.run_folder import RunFolder, writing

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger(__name__)
BEST = "best.safetensors"


def begin(recipe: GanRecipe, fabric: Fabric) -> GanState:
    """Untrained networks on the process's device; the same on every process.

    Raises
    ------
    TrainingError
        If there is not enough memory for them.
    """
    with having_memory(_too_large(recipe)):
        networks = build(recipe)
        place(networks, fabric)
        averaged = networks.copy()
    for network in averaged.parts().values():
        network.requires_grad_(False)
    return GanState(networks, averaged, optimisers(networks, recipe))


def fit(
    state: GanState,
    split: ImageSplit,
    recipe: GanRecipe,
    fabric: Fabric,
    run: RunFolder,
    stop_at: int | None = None,
    until: Callable[[], bool] | None = None,
) -> None:
    """Train from `state.step` to the end of the recipe.

    Parameters
    ----------
    state : GanState
        Changed in place.
    split : ImageSplit
        Training pictures, and validation pictures to watch with.
    recipe : GanRecipe
        All settings.
    fabric : Fabric
        Device, precision, processes; process 0 alone writes.
    run : RunFolder
        Gets log, TensorBoard events, sample grids, ``checkpoint.safetensors`` and ``best.safetensors``.
    stop_at : int, optional
        Stop earlier, as if interrupted, without an error.
    until : callable, optional
        Asked after each step; true stops too.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C in any process, once the step is done and saved.
    TrainingError
        If a number is no longer finite or the memory does not suffice; the checkpoint of before is kept.
    DiskError
        If the run folder cannot be written; the checkpoint of before is kept.
    StoppedElsewhereError
        If one of these happened to another process, which says why.
    """
    stop = recipe.updates.steps if stop_at is None else min(stop_at, recipe.updates.steps)
    keeper = _Keeper(state, split, recipe, fabric, run)
    if len(split.train) < recipe.updates.batch_size and fabric.is_global_zero:
        logger.warning(
            "There are fewer training pictures (%d) than updates.batch_size (%d): each batch shows some several times",
            len(split.train),
            recipe.updates.batch_size,
        )
    with (
        closing(keeper),
        training_progress(recipe.updates.batch_size, fabric.is_global_zero) as bar,
        heeding_interrupts() as asked,
    ):
        task, too_large = bar.add_task("training", total=recipe.updates.steps, completed=state.step), _too_large(recipe)
        while state.step < stop:
            with having_memory(too_large):
                facts = train_step(state, split.train.images, recipe, fabric)
            broken, interrupted, ended = _agree(facts, asked.is_set, until is not None and until(), fabric)
            if broken and not fabric.is_global_zero:
                raise StoppedElsewhereError()
            if broken:
                raise _not_finite(state, {name: float(value) for name, value in facts.items()}, run)
            keeper.after(facts, stopping=interrupted or ended or state.step == stop)
            bar.update(task, advance=1, description=keeper.headline)
            if interrupted:
                raise KeyboardInterrupt
            if ended:
                break
        if fabric.is_global_zero and not run.checkpoint.is_file():
            checkpoint.save(state, run.checkpoint)


class _Keeper:
    """Writes what a run leaves behind. The first process writes; the others help to average, and wait."""

    def __init__(self, state: GanState, split: ImageSplit, recipe: GanRecipe, fabric: Fabric, run: RunFolder) -> None:
        self._state, self._split, self._recipe, self._fabric, self._run = state, split, recipe, fabric, run
        self._watch = Watch(best_distance=state.best)
        self._sums: dict[str, tuple[Tensor, int]] = {}
        self._board = together(fabric, lambda: self._opened() if fabric.is_global_zero else None)
        self.headline = "training"

    def _opened(self) -> SummaryWriter:
        """The log and the events as they were at the checkpoint: a run that broke off had gone on from there."""
        if self._state.step:
            self._run.forget_after(self._state.step)
        return self._run.board(self._state.step)

    def after(self, facts: Facts, stopping: bool) -> None:
        """Log, look and save as the recipe wants after this step.

        A run that stops before its end logs and saves, and looks only where it would have looked anyway: the best of a
        run that goes on is then the best of one that never stopped.
        """
        for name, value in facts.items():
            total, n = self._sums.get(name, (torch.zeros_like(value), 0))
            self._sums[name] = (total + value, n + 1)
        watch, step = self._recipe.watch, self._state.step
        end = step == self._recipe.updates.steps
        log, save = (stopping or step % every == 0 for every in (watch.log_every, watch.save_every))
        look = end or step % watch.watch_every == 0
        means = self._means() if log else {}
        if log or look or save:
            together(self._fabric, lambda: self._write(means, look, save, early=stopping and not end))

    def _means(self) -> dict[str, float]:
        """Of what was measured since the last time, over all processes."""
        means = torch.stack([total.float() / n for total, n in self._sums.values()])
        names, self._sums = list(self._sums), {}
        if self._fabric.world_size > 1:
            means = cast(Tensor, self._fabric.all_reduce(means, reduce_op="mean"))
        return dict(zip(names, means.tolist(), strict=True))

    def _write(self, means: dict[str, float], look: bool, save: bool, early: bool) -> None:
        if self._board is None:
            return
        if early:  # who asked it to stop may not wait for a look
            checkpoint.save(self._state, self._run.checkpoint)
        if means:
            self._log(means)
        if look:
            self._look()
        if save and (look or not early):
            checkpoint.save(self._state, self._run.checkpoint)

    def _log(self, means: dict[str, float]) -> None:
        assert self._board is not None
        self._run.log(step=self._state.step, **means)
        with writing(self._run.path):
            for name, value in means.items():
                self._board.add_scalar(name, value, self._state.step)
        self.headline = f"D {means['discriminator']:.2f} G {means['generator']:.2f}"
        self._warn(means)

    def _look(self) -> None:
        assert self._board is not None
        recipe, step = self._recipe, self._state.step
        device = self._fabric.device
        networks = with_standing_statistics(self._state.averaged, self._split.train.images, recipe, device)
        seen: View = view(networks, self._split.validation.images, recipe.watch.n, recipe.network.latent_dim, device)
        if not all(map(math.isfinite, seen.facts.values())):
            raise _not_finite(self._state, seen.facts, self._run)
        self._run.log(step=step, **seen.facts)
        grid = self._run.save_grid(f"step-{step:07d}", seen.grid)
        with writing(self._run.path):
            for name, value in seen.facts.items():
                self._board.add_scalar(f"watch/{name}", value, step)
            self._board.add_image("samples", grid, step, dataformats="HWC")
        self._warn(seen.facts)
        if seen.facts["distance"] < self._state.best:
            self._state.best = seen.facts["distance"]
            checkpoint.save_averaged(networks, step, self._run.path / BEST)

    def _warn(self, facts: dict[str, float]) -> None:
        for text in self._watch.look(facts):
            logger.warning("Step %d: %s", self._state.step, text)
            self._run.log(step=self._state.step, warning=text)

    def close(self) -> None:
        """Write what TensorBoard still holds."""
        if self._board is not None:
            with writing(self._run.path):
                self._board.close()


def _agree(facts: Facts, interrupted: bool, ended: bool, fabric: Fabric) -> tuple[bool, bool, bool]:
    """Whether on any process a number is not finite, Ctrl-C was heard, or it is to end."""
    finite = bool(torch.isfinite(torch.stack([value.float() for value in facts.values()])).all())
    return any_of((not finite, interrupted, ended), fabric)


def _not_finite(state: GanState, facts: dict[str, float], run: RunFolder) -> TrainingError:
    bad = [name for name, value in facts.items() if not math.isfinite(value)]
    verb = "are" if len(bad) > 1 else "is"
    kept = f"{run.checkpoint} is from before" if run.checkpoint.is_file() else "nothing was saved yet"
    return TrainingError(
        f"Step {state.step}: {', '.join(bad) or 'a number of another process'} must be finite and {verb} not; {kept}. "
        "Lower the rates or raise r1, and start again."
    )


def _too_large(recipe: GanRecipe) -> str:
    """What is told where there is not enough memory."""
    network, updates = recipe.network, recipe.updates
    widths = "network.width" if isinstance(network, BigBiganNetwork) else "network.generator_width"
    return (
        f"Networks and batch must fit into memory and do not: updates.batch_size={updates.batch_size} in "
        f"updates.accumulation={updates.accumulation} part(s). Raise the accumulation, or lower the batch size or "
        f"{widths} (and other widths)."
    )
