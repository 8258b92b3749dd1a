"""Two stages of training: first the language model stays as it is, then it learns too, at a lower rate."""

from __future__ import annotations

import logging
import math
import zlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from models.text.reader import SentenceReader
from training.evaluate.text_codes import use_of_counts
from training.processes import average
from training.progress import training_progress
from training.team import Team
from training.text.denoising import share_of_rate
from training.text.examples import Batch, Examples
from training.text.objective import Temperatures, parts_of_loss
from training.text.progress import Learner, Progress
from training.text_recipe import StageSettings, TextRecipe

logger = logging.getLogger(__name__)
AT_ONCE = 128
"""Sentences that go through the network together when nothing is learnt."""
MOST_VECTORS = 8
"""Vectors per code that the codex begins from at most."""


@torch.no_grad()
def begin_codex(
    reader: SentenceReader, train: Examples, recipe: TextRecipe, per_step: float, team: Team | None = None
) -> None:
    """Put the codes where the untrained encoder puts the training signals; see `models.text.codex.Codex.begin`."""
    team = team or Team()
    reader.eval()
    vectors: list[Tensor] = []
    for batch in train.batches(AT_ONCE, np.random.default_rng(recipe.seed)):
        batch = batch.to(team.device)
        encoded, mask = reader.encode(batch.signal, batch.mask)
        vectors.append(encoded[batch.mask if mask is None else mask])
        if sum(map(len, vectors)) >= MOST_VECTORS * recipe.codex.n_codes:
            break
    with team.drawing(recipe.seed, alike=True):
        reader.codex.begin(torch.cat(vectors), per_step)
    floats = [value for value in reader.codex.state_dict().values() if value.is_floating_point()]
    average(floats, team.fabric)  # sums on an accelerator differ in their last digits


def train_stage(
    reader: SentenceReader,
    train: Examples,
    validation: Examples,
    recipe: TextRecipe,
    name: str,
    stage: StageSettings,
    progress: Progress,
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
        Goes on from what was before; from the middle of this stage, or to the next one, if that is what was saved.

    Raises
    ------
    TrainingError
        If a loss is no longer finite; the best weights of before are put back.
    """
    if progress.is_past(name):
        return
    team, chosen_by = progress.team, "tokens" if stage.losses.tokens else "loss"
    loop = _Stage(name, stage, recipe, reader, progress, _optimiser(reader, progress.temperatures, recipe, stage))
    learner = Learner({"reader": reader}, reader, loop.optimiser)
    place = progress.begin(learner, reader, name)
    if not place.epoch:
        place = replace(place, best_loss=evaluate(reader, validation, stage, progress)[chosen_by])
    with training_progress(len(train), progress.shown, "sentences") as bar:
        task = bar.add_task(name, total=stage.epochs, completed=place.epoch)
        try:
            while place.epoch < stage.epochs and place.epoch - place.best_epoch < stage.patience and not team.heed():
                trained = loop.epoch(train, place.epoch)
                held_out = evaluate(reader, validation, stage, progress)
                place = place.after(held_out[chosen_by])
                if place.best_epoch == place.epoch:
                    learner.keep()
                progress.log(name, place.epoch, **trained, **{f"validation_{key}": held_out[key] for key in held_out})
                progress.save(learner, reader, place)
                told = f"{name}: {chosen_by} {trained[chosen_by]:.3f} validation {held_out[chosen_by]:.3f}"
                bar.update(task, advance=1, description=told)
        finally:
            learner.put_back()
    if team.stopping:
        logger.warning("Stopped by Ctrl-C in stage %s; its best epoch so far, %d, is taken", name, place.best_epoch)


@torch.no_grad()
def evaluate(reader: SentenceReader, examples: Examples, stage: StageSettings, progress: Progress) -> dict[str, float]:
    """The loss and its parts on examples as they are."""
    reader.eval()
    team = progress.team
    sums: dict[str, float] = {}
    for batch in examples.in_order(AT_ONCE):
        parts, _ = parts_of_loss(reader, batch.to(team.device), examples.lexicon, progress.temperatures, stage.losses)
        for key, value in parts.items():
            sums[key] = sums.get(key, 0.0) + float(value) * len(batch.ids) / len(examples)
    team.refuse(_not_finite(sums, "validation"))
    return team.mean(sums)


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
        used = torch.zeros(self.reader.codex.n_codes, dtype=torch.int64)
        team = self.progress.team
        rng = np.random.default_rng((self.recipe.seed, zlib.crc32(self.name.encode()), epoch))
        for number, batch in enumerate(train.batches(batch_size, rng, team)):
            self._set_rate(epoch * per_epoch + number, per_epoch * self.settings.epochs)
            parts, codes = self._step(batch.to(team.device), train, int(rng.integers(2**31)))
            steps.append(parts)
            used += torch.bincount(codes, minlength=len(used)).cpu()
            if team.heed():
                break
        means = team.mean({key: float(np.mean([parts[key] for parts in steps])) for key in steps[0]})
        if not self.reader.codex.begun:
            return means
        use = use_of_counts(self.name, team.total(used.to(team.device)).numpy())
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
        temperatures, team = self.progress.temperatures, self.progress.team
        with team.drawing(seed), team.fabric.autocast():  # for dropout, and the codes that come back
            parts, codes = parts_of_loss(self.reader, batch, train.lexicon, temperatures, self.settings.losses)
        values = {key: float(value.detach()) for key, value in parts.items()}
        team.refuse(_not_finite(values, "training"))
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(parts["loss"])
        team.average_gradients([weight for group in self.optimiser.param_groups for weight in group["params"]])
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


def _not_finite(parts: dict[str, float], where: str) -> str:
    """What is to be told of a loss; empty if nothing is."""
    bad = [key for key, value in parts.items() if not math.isfinite(value)]
    if not bad:
        return ""
    return (
        f"The loss on {where} sentences must be finite and {', '.join(bad)} is not; the weights of before are kept. "
        "Lower the learning rates of first and second, and look for signals with huge amplitudes."
    )
