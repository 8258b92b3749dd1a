"""A wave encoder learns to restore what is hidden of the waves, before there is text.

Source: Duan et al. 2023 (DeWave), section 3.1, self-reconstruction; stretches are hidden as in Baevski et al. 2020 (wav2vec 2.0),
section 3.1, so that a hidden sample cannot be read off its neighbours.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import AdamW

from bci_app.contract.errors import SettingsError
from models.text.reader import SentenceReader
from models.text.wave_encoder import Reconstruction, WaveEncoder
from training.progress import training_progress
from training.team import Team
from training.text.denoising import share_of_rate
from training.text.examples import Batch, Examples
from training.text.progress import Learner, Progress
from training.text.stages import AT_ONCE
from training.text_recipe import TextRecipe, WavePretraining

PART = "waves"


def pretrain_waves(
    reader: SentenceReader,
    train: Examples,
    validation: Examples,
    recipe: TextRecipe,
    settings: WavePretraining,
    progress: Progress,
) -> None:
    """Train the encoder in place, and put the weights back that restore hidden stretches of validation sentences best.

    Parameters
    ----------
    reader : SentenceReader
        Of waves.
    train, validation : Examples
    recipe : TextRecipe
        Batch size and seed.
    settings : WavePretraining
    progress : Progress
        Gets the curve: the squared error of hidden samples, in variances of the waves. Goes on from what was saved.

    Raises
    ------
    SettingsError
        If the reader does not read waves.
    TrainingError
        If the loss is no longer finite.
    """
    if not isinstance(reader.encoder, WaveEncoder):
        raise SettingsError("pretraining reconstructs waves; this reader reads words. Leave pretraining out.")
    if progress.is_past(PART):
        return
    encoder, team = reader.encoder, progress.team
    with team.drawing(recipe.seed, alike=True):
        head = Reconstruction(encoder, len(reader.standardise.mean)).to(team.device)
    optimiser = AdamW([*encoder.parameters(), *head.parameters()], lr=settings.learning_rate)
    learner = Learner({"reader": reader, "head": head}, encoder, optimiser)
    place = progress.begin(learner, reader, PART)
    with training_progress(len(train), progress.shown, "sentences") as bar:
        task = bar.add_task("waves", total=settings.epochs, completed=place.epoch)
        while place.epoch < settings.epochs and not team.heed():
            total = _epoch(reader, head, optimiser, train, recipe, settings, place.epoch, team)
            held_out = _validate(reader, head, validation, settings, recipe.seed, team)
            place = place.after(held_out)
            if place.best_epoch == place.epoch:
                learner.keep()
            progress.log(PART, place.epoch, restoring=total, validation_restoring=held_out)
            progress.save(learner, reader, place)
            bar.update(task, advance=1, description=f"waves {total:.3f} validation {held_out:.3f}")
    learner.put_back()


def _epoch(
    reader: SentenceReader,
    head: Reconstruction,
    optimiser: AdamW,
    train: Examples,
    recipe: TextRecipe,
    settings: WavePretraining,
    epoch: int,
    team: Team,
) -> float:
    """One pass over the training waves; the mean loss."""
    reader.encoder.train()
    batch_size = recipe.optimiser.batch_size
    per_epoch, total = -(-len(train) // batch_size), 0.0
    rng = np.random.default_rng((recipe.seed, epoch))
    for number, batch in enumerate(train.batches(batch_size, rng, team)):
        for group in optimiser.param_groups:
            step, n_steps = epoch * per_epoch + number, per_epoch * settings.epochs
            group["lr"] = settings.learning_rate * share_of_rate(step, n_steps, recipe.optimiser.warm_up)
        with team.drawing(int(rng.integers(2**31))), team.fabric.autocast():
            loss = restoring_error(reader, head, batch.to(team.device), settings, rng)
        team.refuse(_told(loss.item()))
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        team.average_gradients([weight for group in optimiser.param_groups for weight in group["params"]])
        torch.nn.utils.clip_grad_norm_(reader.encoder.parameters(), 1.0)
        optimiser.step()
        total += loss.item() / per_epoch
    return team.mean({"loss": total})["loss"]


def restoring_error(
    reader: SentenceReader, head: Reconstruction, batch: Batch, settings: WavePretraining, rng: np.random.Generator
) -> Tensor:
    """Mean squared error of the samples that were hidden, in variances of the waves."""
    stride = head.samples_per_step
    waves = reader.standardise(batch.signal)
    n_steps = -(-waves.shape[2] // stride)
    hidden = torch.from_numpy(hidden_steps((len(waves), n_steps), settings, rng)).to(waves.device)
    hidden = hidden.repeat_interleave(stride, dim=1)
    hidden = hidden[:, : waves.shape[2]] & batch.mask
    vectors = reader.encoder(waves.masked_fill(hidden[:, None], 0.0), batch.mask)
    restored = head(vectors)[..., : waves.shape[2]]
    error = (restored - waves).square().mean(dim=1)
    mean: Tensor = error[hidden].mean()
    return mean


def hidden_steps(shape: tuple[int, int], settings: WavePretraining, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which steps (n, n_steps) are hidden: stretches that begin anywhere, `masked` of all steps on average; one at least."""
    begins = rng.random((shape[0], shape[1] + settings.stretch - 1)) < 1 - (1 - settings.masked) ** (
        1 / settings.stretch
    )
    windows = np.lib.stride_tricks.sliding_window_view(begins, settings.stretch, axis=1)
    hidden: NDArray[np.bool_] = np.any(windows, axis=2)
    hidden[np.arange(shape[0]), rng.integers(shape[1], size=shape[0])] = True
    return hidden


@torch.no_grad()
def _validate(
    reader: SentenceReader, head: Reconstruction, examples: Examples, settings: WavePretraining, seed: int, team: Team
) -> float:
    reader.eval()
    rng, total = np.random.default_rng(seed), 0.0
    for batch in examples.in_order(AT_ONCE):
        total += (
            float(restoring_error(reader, head, batch.to(team.device), settings, rng)) * len(batch.ids) / len(examples)
        )
    team.refuse(_told(total))
    return team.mean({"loss": total})["loss"]


def _told(loss: float) -> str:
    """What is wrong with a loss; empty for nothing."""
    return "" if math.isfinite(loss) else "The loss of pretraining must be finite. Lower pretraining.learning_rate."
