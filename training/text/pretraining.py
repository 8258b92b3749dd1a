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
from training.errors import TrainingError
from training.progress import training_progress
from training.run_folder import RunFolder
from training.text.denoising import share_of_rate
from training.text.examples import Batch, Examples
from training.text.stages import AT_ONCE, Progress
from training.text_recipe import TextRecipe, WavePretraining


def pretrain_waves(
    reader: SentenceReader,
    train: Examples,
    validation: Examples,
    recipe: TextRecipe,
    settings: WavePretraining,
    progress: Progress,
    run: RunFolder | None = None,
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
        Gets the curve: the squared error of hidden samples, in variances of the waves.
    run : RunFolder, optional
        Gets the log. Without one nothing is written or shown.

    Raises
    ------
    SettingsError
        If the reader does not read waves.
    TrainingError
        If the loss is no longer finite.
    """
    if not isinstance(reader.encoder, WaveEncoder):
        raise SettingsError("pretraining reconstructs waves; this reader reads words. Leave pretraining out.")
    encoder = reader.encoder
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(recipe.seed)
        head = Reconstruction(encoder, len(reader.standardise.mean))
    optimiser = AdamW([*encoder.parameters(), *head.parameters()], lr=settings.learning_rate)
    per_epoch = -(-len(train) // recipe.optimiser.batch_size)
    best, best_loss = {key: value.clone() for key, value in encoder.state_dict().items()}, math.inf
    with training_progress(len(train), run is not None, "sentences") as bar:
        task = bar.add_task("waves", total=settings.epochs)
        for epoch in range(settings.epochs):
            if progress.asked.is_set:
                break
            encoder.train()
            rng, total = np.random.default_rng((recipe.seed, epoch)), 0.0
            for number, batch in enumerate(train.batches(recipe.optimiser.batch_size, rng)):
                for group in optimiser.param_groups:
                    step, n_steps = epoch * per_epoch + number, per_epoch * settings.epochs
                    group["lr"] = settings.learning_rate * share_of_rate(step, n_steps, recipe.optimiser.warm_up)
                with torch.random.fork_rng(devices=()):
                    torch.manual_seed(int(rng.integers(2**31)))
                    loss = restoring_error(reader, head, batch, settings, rng)
                if not math.isfinite(loss.item()):
                    raise TrainingError("The loss of pretraining must be finite. Lower pretraining.learning_rate.")
                optimiser.zero_grad(set_to_none=True)
                torch.autograd.backward(loss)
                torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
                optimiser.step()
                total += loss.item() / per_epoch
            held_out = _validate(reader, head, validation, settings, recipe.seed)
            facts = {"restoring": total, "validation_restoring": held_out}
            progress.curve.append({"part": "waves", "epoch": epoch + 1, **facts})
            if run:
                run.log(part="waves", epoch=epoch + 1, **facts)
            if held_out < best_loss:
                best, best_loss = {key: value.clone() for key, value in encoder.state_dict().items()}, held_out
            bar.update(task, advance=1, description=f"waves {total:.3f} validation {held_out:.3f}")
    encoder.load_state_dict(best)
    encoder.eval()


def restoring_error(
    reader: SentenceReader, head: Reconstruction, batch: Batch, settings: WavePretraining, rng: np.random.Generator
) -> Tensor:
    """Mean squared error of the samples that were hidden, in variances of the waves."""
    stride = head.samples_per_step
    waves = reader.standardise(batch.signal)
    n_steps = -(-waves.shape[2] // stride)
    hidden = torch.from_numpy(hidden_steps((len(waves), n_steps), settings, rng)).repeat_interleave(stride, dim=1)
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
    reader: SentenceReader, head: Reconstruction, examples: Examples, settings: WavePretraining, seed: int
) -> float:
    reader.eval()
    rng, total = np.random.default_rng(seed), 0.0
    for batch in examples.in_order(AT_ONCE):
        total += float(restoring_error(reader, head, batch, settings, rng)) * len(batch.ids) / len(examples)
    return total
