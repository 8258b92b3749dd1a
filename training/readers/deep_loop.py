"""Training of a deep reader: batches, the loss, validation, and how it stops."""

from __future__ import annotations

import copy
import logging
import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.optim import AdamW

from models.encoders.eegnet import constrain
from models.encoders.reader import ReaderNetwork
from training.checkpoint import network_tensors
from training.data.images import batch_indices
from training.errors import TrainingError
from training.interrupts import heeding_interrupts
from training.progress import training_progress
from training.reader_recipe import OptimiserSettings, ReaderRecipe
from training.readers.objective import Temperature, parts_of_loss
from training.readers.signal_augmentation import augment
from training.run_folder import RunFolder, write_tensors, writing

logger = logging.getLogger(__name__)
BEST = "best.safetensors"
AT_ONCE = 512
"""Trials that go through a network together when nothing is learnt."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Standardised trials as tensors, with all that the losses need.

    `window` (n, n_channels, n_times), `subject` (n,) its number, `target` (n, latent_dim) centred and scaled latents,
    `compared` (n, embedding_dim) what a contrastive loss compares with, `picture` (n,) its number.
    """

    window: Tensor
    subject: Tensor
    target: Tensor
    compared: Tensor
    picture: Tensor

    def __len__(self) -> int:
        return len(self.window)

    def take(self, chosen: Tensor) -> Examples:
        """The chosen ones, by number."""
        names = ("window", "subject", "target", "compared", "picture")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})


@dataclass(slots=True)
class LoopState:
    """All that changes while training."""

    network: ReaderNetwork
    temperature: Temperature
    optimiser: AdamW
    step: int = 0
    best_loss: float = math.inf
    best_step: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)


def begin(network: ReaderNetwork, settings: OptimiserSettings) -> LoopState:
    """Ready to train all weights that are not frozen; only weights of layers decay.

    Norms, biases and the temperature do not, nor do mixings of channels, which would shrink from the identity.
    """
    temperature = Temperature()
    decaying: list[Tensor] = []
    staying: list[Tensor] = [temperature.log_scale]
    for weight in network.parameters():
        if weight.requires_grad:
            (decaying if weight.ndim > 1 and weight is not network.subjects.mixing else staying).append(weight)
    groups = [{"params": decaying, "weight_decay": settings.weight_decay}, {"params": staying, "weight_decay": 0.0}]
    return LoopState(network, temperature, AdamW(groups, lr=settings.learning_rate))


def fit(
    state: LoopState, train: Examples, validation: Examples, recipe: ReaderRecipe, run: RunFolder | None = None
) -> None:
    """Train until the validation loss falls no more, and put the best weights back.

    Parameters
    ----------
    state : LoopState
        Changed in place.
    train, validation : Examples
        No picture is on both sides; nothing else chooses.
    recipe : ReaderRecipe
        Objective, augmentation, optimiser and seed: every random number is a function of seed and step.
    run : RunFolder, optional
        Gets log, TensorBoard events and the best weights. Without one nothing is written or shown.

    Raises
    ------
    TrainingError
        If a loss is no longer finite; the best weights of before are put back and kept.
    DiskError
        If the run folder cannot be written.
    """
    settings, batch_size = recipe.optimiser, min(recipe.optimiser.batch_size, len(train))
    per_epoch = max(len(train) // batch_size, 1)
    spread = train.window.std(dim=(0, 2))
    keeper = _Keeper(run)
    with training_progress(batch_size * per_epoch, run is not None, "trials") as bar, heeding_interrupts() as asked:
        task = bar.add_task("training", total=settings.epochs)
        try:
            keeper.after(state, 0, {}, evaluate(state, validation, recipe))
            for epoch in range(settings.epochs):
                sums: dict[str, float] = {}
                for _ in range(per_epoch):
                    for name, part in _step(state, train, batch_size, per_epoch, spread, recipe).items():
                        sums[name] = sums.get(name, 0.0) + part / per_epoch
                held_out = evaluate(state, validation, recipe)
                keeper.after(state, epoch + 1, sums, held_out)
                bar.update(task, advance=1, description=f"loss {sums['loss']:.3f} validation {held_out['loss']:.3f}")
                if asked.is_set:
                    logger.warning("Stopped by Ctrl-C after epoch %d; the best so far is taken", epoch + 1)
                    break
                if state.step - state.best_step >= settings.patience * per_epoch:
                    break
        finally:
            keeper.close()
            if state.best:
                state.network.load_state_dict(state.best)
    state.network.eval()


def learning_rate(step: int, n_steps: int, settings: OptimiserSettings) -> float:
    """Rate of step number `step`: a linear rise, then half a cosine down to zero."""
    rise = min((step + 1) / (settings.warm_up + 1), 1.0)
    return settings.learning_rate * rise * 0.5 * (1.0 + math.cos(math.pi * step / n_steps))


def _step(
    state: LoopState, train: Examples, batch_size: int, per_epoch: int, spread: Tensor, recipe: ReaderRecipe
) -> dict[str, float]:
    """One update; returns the loss and its parts.

    Raises
    ------
    TrainingError
        If the loss is not finite; the weights are then still those of before the update.
    """
    batch = train.take(torch.from_numpy(batch_indices(len(train), batch_size, state.step, recipe.seed).copy()))
    rng = np.random.default_rng((recipe.seed, state.step))
    state.network.train()
    for group in state.optimiser.param_groups:
        group["lr"] = learning_rate(state.step, per_epoch * recipe.optimiser.epochs, recipe.optimiser)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(int(rng.integers(2**31)))  # for the dropout
        read = state.network(augment(batch.window, rng, recipe.augmentation, spread), batch.subject)
    parts = parts_of_loss(read, batch.target, batch.compared, batch.picture, state.temperature, recipe.objective)
    _refuse_not_finite({name: float(part.detach()) for name, part in parts.items()}, state)
    state.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(parts["loss"])
    state.optimiser.step()
    constrain(state.network)
    state.temperature.constrain()
    state.step += 1
    return {name: float(part.detach()) for name, part in parts.items()}


@torch.no_grad()
def evaluate(state: LoopState, examples: Examples, recipe: ReaderRecipe) -> dict[str, float]:
    """The loss and its parts on examples as they are, all of them one batch."""
    state.network.eval()
    chunks = [slice(start, start + AT_ONCE) for start in range(0, len(examples), AT_ONCE)]
    read = [state.network(examples.window[chunk], examples.subject[chunk]) for chunk in chunks]
    both = torch.cat([latent for latent, _ in read]), torch.cat([embedding for _, embedding in read])
    parts = parts_of_loss(
        both, examples.target, examples.compared, examples.picture, state.temperature, recipe.objective
    )
    found = {name: float(part) for name, part in parts.items()}
    _refuse_not_finite(found, state)
    return found


def _refuse_not_finite(parts: dict[str, float], state: LoopState) -> None:
    bad = [name for name, part in parts.items() if not math.isfinite(part)]
    if bad:
        kept = f"the weights of step {state.best_step} are kept" if state.best else "there are no weights of before"
        raise TrainingError(
            f"Step {state.step}: the loss must be finite and {', '.join(bad)} is not; {kept}. Lower "
            "optimiser.learning_rate, and look for trials with huge amplitudes."
        )


class _Keeper:
    """Keeps the best weights, in memory and in the run folder, and writes the log."""

    def __init__(self, run: RunFolder | None) -> None:
        self._run = run
        self._board = run.board() if run else None

    def after(self, state: LoopState, epoch: int, trained: dict[str, float], held_out: dict[str, float]) -> None:
        """What an epoch gave."""
        if held_out["loss"] < state.best_loss:
            state.best_loss, state.best_step = held_out["loss"], state.step
            state.best = copy.deepcopy(state.network.state_dict())
            if self._run:
                tensors = network_tensors("network", state.network) | {"step": torch.tensor(state.step)}
                write_tensors(self._run.path / BEST, tensors)
        if self._run is None or self._board is None:
            return
        facts = trained | {f"validation_{name}": value for name, value in held_out.items()}
        self._run.log(step=state.step, epoch=epoch, **facts)
        with writing(self._run.path):
            for name, value in facts.items():
                self._board.add_scalar(name, value, state.step)

    def close(self) -> None:
        """Write what TensorBoard still holds."""
        if self._run is not None and self._board is not None:
            with writing(self._run.path):
                self._board.close()
