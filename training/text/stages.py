"""Two stages of training: first the language model stays as it is, then it learns too, at a lower rate."""

from __future__ import annotations

import logging
import math
import zlib
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from models.text.reader import SentenceReader
from training.errors import TrainingError
from training.evaluate.text_codes import code_use
from training.interrupts import Asked
from training.progress import training_progress
from training.run_folder import RunFolder
from training.text.denoising import share_of_rate
from training.text.examples import Batch, Examples
from training.text.objective import Temperatures, parts_of_loss
from training.text_recipe import StageSettings, TextRecipe

logger = logging.getLogger(__name__)
AT_ONCE = 128
"""Sentences that go through the network together when nothing is learnt."""
MOST_VECTORS = 8
"""Vectors per code that the codex begins from at most."""


@dataclass(slots=True)
class Progress:
    """What both stages share.

    Attributes
    ----------
    temperatures : Temperatures
    curve : list of dict
        What each epoch gave.
    asked : Asked
        Whether somebody pressed Ctrl-C.
    """

    asked: Asked = field(default_factory=Asked)
    temperatures: Temperatures = field(default_factory=Temperatures)
    curve: list[dict[str, float | int | str]] = field(default_factory=list)


@torch.no_grad()
def begin_codex(reader: SentenceReader, train: Examples, recipe: TextRecipe, per_step: float) -> None:
    """Put the codes where the untrained encoder puts the training signals; see `models.text.codex.Codex.begin`."""
    reader.eval()
    vectors: list[Tensor] = []
    for batch in train.batches(AT_ONCE, np.random.default_rng(recipe.seed)):
        encoded, mask = reader.encode(batch.signal, batch.mask)
        vectors.append(encoded[batch.mask if mask is None else mask])
        if sum(map(len, vectors)) >= MOST_VECTORS * recipe.codex.n_codes:
            break
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(recipe.seed)
        reader.codex.begin(torch.cat(vectors), per_step)


def train_stage(
    reader: SentenceReader,
    train: Examples,
    validation: Examples,
    recipe: TextRecipe,
    name: str,
    stage: StageSettings,
    progress: Progress,
    run: RunFolder | None = None,
) -> None:
    """Train until tokens of validation sentences are expected no better, and put the best weights back.

    Parameters
    ----------
    reader : SentenceReader
        Changed in place.
    train, validation : Examples
        No sentence is on both sides; nothing else chooses.
    recipe : TextRecipe
        Losses, optimiser and seed: every random number is a function of seed, stage and step.
    name : str
        Of the stage, for log and progress.
    stage : StageSettings
    progress : Progress
        Goes on from what was before.
    run : RunFolder, optional
        Gets the log. Without one nothing is written or shown.

    Raises
    ------
    TrainingError
        If a loss is no longer finite; the best weights of before are put back.
    """
    loop = _Stage(name, stage, recipe, reader, progress, _optimiser(reader, progress.temperatures, recipe, stage))
    chosen_by = "tokens" if stage.losses.tokens else "loss"
    best, best_loss, best_epoch = _kept(reader), evaluate(reader, validation, stage, progress)[chosen_by], 0
    with training_progress(len(train), run is not None, "sentences") as bar:
        task = bar.add_task(name, total=stage.epochs)
        try:
            for epoch in range(stage.epochs):
                if progress.asked.is_set or epoch - best_epoch >= stage.patience:
                    break
                trained = loop.epoch(train, epoch)
                held_out = evaluate(reader, validation, stage, progress)
                facts = trained | {f"validation_{key}": value for key, value in held_out.items()}
                progress.curve.append({"part": name, "epoch": epoch + 1, **facts})
                if run:
                    run.log(part=name, epoch=epoch + 1, **facts)
                if held_out[chosen_by] < best_loss:
                    best, best_loss, best_epoch = _kept(reader), held_out[chosen_by], epoch + 1
                told = f"{name}: {chosen_by} {trained[chosen_by]:.3f} validation {held_out[chosen_by]:.3f}"
                bar.update(task, advance=1, description=told)
        finally:
            reader.load_state_dict(best)
            reader.eval()
    if progress.asked.is_set:
        logger.warning("Stopped by Ctrl-C in stage %s; its best epoch so far, %d, is taken", name, best_epoch)


@torch.no_grad()
def evaluate(reader: SentenceReader, examples: Examples, stage: StageSettings, progress: Progress) -> dict[str, float]:
    """The loss and its parts on examples as they are."""
    reader.eval()
    sums: dict[str, float] = {}
    for batch in examples.in_order(AT_ONCE):
        parts, _ = parts_of_loss(reader, batch, examples.lexicon, progress.temperatures, stage.losses)
        for key, value in parts.items():
            sums[key] = sums.get(key, 0.0) + float(value) * len(batch.ids) / len(examples)
    _refuse_not_finite(sums, "validation")
    return sums


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """All that an epoch of a stage needs."""

    name: str
    settings: StageSettings
    recipe: TextRecipe
    reader: SentenceReader
    progress: Progress
    optimiser: AdamW

    def epoch(self, train: Examples, epoch: int) -> dict[str, float]:
        """One pass over the training sentences, or up to Ctrl-C: the mean parts of the loss, and how the codex was used."""
        self.reader.train()
        if not self.settings.language:
            self.reader.language.train(False)
        batch_size = self.recipe.optimiser.batch_size
        per_epoch, steps = -(-len(train) // batch_size), list[dict[str, float]]()
        used = list[Tensor]()
        rng = np.random.default_rng((self.recipe.seed, zlib.crc32(self.name.encode()), epoch))
        for number, batch in enumerate(train.batches(batch_size, rng)):
            self._set_rate(epoch * per_epoch + number, per_epoch * self.settings.epochs)
            parts, codes = self._step(batch, train, int(rng.integers(2**31)))
            steps.append(parts)
            used.append(codes)
            if self.progress.asked.is_set:
                break
        means = {key: float(np.mean([parts[key] for parts in steps])) for key in steps[0]}
        if not self.reader.codex.begun:
            return means
        use = code_use(self.name, [codes.numpy() for codes in used], self.reader.codex.n_codes)
        return {**means, "code_share": use.share_used, "code_perplexity": use.perplexity}

    def _set_rate(self, step: int, n_steps: int) -> None:
        share = share_of_rate(step, n_steps, self.recipe.optimiser.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = group["own_rate"] * share

    def _step(self, batch: Batch, train: Examples, seed: int) -> tuple[dict[str, float], Tensor]:
        """One update; the parts of the loss, and the codes used.

        Raises
        ------
        TrainingError
            If the loss is not finite; the weights are then still those of before the update.
        """
        temperatures = self.progress.temperatures
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)  # for dropout, and the codes that come back
            parts, codes = parts_of_loss(self.reader, batch, train.lexicon, temperatures, self.settings.losses)
        values = {key: float(value.detach()) for key, value in parts.items()}
        _refuse_not_finite(values, "training")
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(parts["loss"])
        for group in self.optimiser.param_groups:
            nn.utils.clip_grad_norm_(group["params"], 1.0)
        self.optimiser.step()
        temperatures.constrain()
        return values, codes


def _optimiser(reader: SentenceReader, temperatures: Temperatures, recipe: TextRecipe, stage: StageSettings) -> AdamW:
    """Weights of layers decay; norms, biases, places and temperatures do not. The language model may have a rate of its own."""
    language = {id(weight) for weight in reader.language.parameters()}
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for weight in reader.parameters():
        rate = stage.learning_rate * (stage.language if id(weight) in language else 1.0)
        weight.requires_grad_(rate > 0)
        if rate:
            decay = recipe.optimiser.weight_decay if weight.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(weight)
    groups.setdefault((stage.learning_rate, 0.0), []).extend(temperatures.parameters())
    return AdamW(
        [
            {"params": weights, "lr": rate, "own_rate": rate, "weight_decay": decay}
            for (rate, decay), weights in groups.items()
        ]
    )


def _kept(reader: SentenceReader) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in reader.state_dict().items()}


def _refuse_not_finite(parts: dict[str, float], where: str) -> None:
    bad = [key for key, value in parts.items() if not math.isfinite(value)]
    if bad:
        raise TrainingError(
            f"The loss on {where} sentences must be finite and {', '.join(bad)} is not; the weights of before are kept. "
            "Lower the learning rates of first and second, and look for signals with huge amplitudes."
        )
