"""A small BART learns to restore noisy sentences, before it has met any signal.

Source: Lewis et al. 2020, "BART: denoising sequence-to-sequence pre-training", section 2.2: masked, deleted and infilled tokens;
other tokens in their place as in Devlin et al. 2019 (BERT), section 3.1, since a signal misreads words. The encoder is given
words without first and stop token, as it is when a signal takes their place.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.optim import AdamW
from transformers import BartForConditionalGeneration

from models.text.language import small_bart
from training.data.images import batch_indices
from training.processes import together
from training.progress import training_progress
from training.run_folder import RunFolder
from training.team import Team
from training.text.tokens import Ids, ids_of, mask_id, padded, refuse_long
from training.text_recipe import NoisySettings, SmallBart

logger = logging.getLogger(__name__)
LOOKS = 10
"""How often the loss on validation sentences is looked at."""
AT_ONCE = 256


def train_language(
    tokenizer: Tokenizer,
    sentences: Sequence[str],
    validation: Sequence[str],
    settings: SmallBart,
    seed: int,
    run: RunFolder | None = None,
    team: Team | None = None,
) -> BartForConditionalGeneration:
    """A small BART that restores sentences like these.

    Parameters
    ----------
    tokenizer : Tokenizer
        See `training.text.tokens.train_tokenizer`.
    sentences : sequence of str
        Training text.
    validation : sequence of str
        Sentences that are not in it; the weights that restore them best are taken. None are held-out ones.
    settings : SmallBart
    seed : int
        Of the first weights, and of all noise.
    run : RunFolder, optional
        Gets the log. Without one nothing is written or shown.
    team : Team, optional
        Where it is trained, and whether somebody pressed Ctrl-C: the best weights so far are then taken.

    Raises
    ------
    SettingsError
        If a sentence is longer than the model has places.
    TrainingError
        If the loss is no longer finite.
    """
    train, held_out = ids_of(tokenizer, sentences), ids_of(tokenizer, validation)
    team, texts, ids = team or Team(), [*sentences, *validation], [*train, *held_out]
    together(team.fabric, lambda: refuse_long(texts, ids, settings.n_places))
    with team.drawing(seed, alike=True):
        language = untrained(tokenizer, settings)
        team.part_ways(seed)
        _fit(language.to(team.device), train, held_out or train, tokenizer, settings, seed, run, team)  # type: ignore[arg-type]
    language.train(False)
    return language


def untrained(tokenizer: Tokenizer, settings: SmallBart) -> BartForConditionalGeneration:
    """A small BART of these sizes that knows nothing yet."""
    return small_bart(
        tokenizer.get_vocab_size(),
        settings.d_model,
        settings.n_layers,
        settings.n_heads,
        settings.hidden,
        settings.n_places,
        settings.dropout,
    )


def _fit(
    language: BartForConditionalGeneration,
    train: list[list[int]],
    validation: list[list[int]],
    tokenizer: Tokenizer,
    settings: SmallBart,
    seed: int,
    run: RunFolder | None,
    team: Team,
) -> None:
    """Train in place, and put the best weights back."""
    optimiser = AdamW(language.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    noise, batch_size = Noise(settings.noise, tokenizer, train), min(settings.batch_size, len(train))
    every, best, best_loss = max(settings.steps // LOOKS, 1), {}, math.inf
    with training_progress(batch_size, run is not None and team.first, "sentences") as bar:
        task = bar.add_task("language model", total=settings.steps)
        for step in range(settings.steps):
            rng = np.random.default_rng((seed, step, *team.apart))
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * share_of_rate(step, settings.steps, settings.warm_up)
            language.train()
            chosen = [train[number] for number in team.share(batch_indices(len(train), batch_size, step, seed))]
            apart = max(2.0 * (step + 1) / settings.steps - 1.0, 0.0)
            with team.fabric.autocast():
                loss = restoring_loss(language, chosen, noise, rng, apart)
            team.refuse(_told(loss.item(), step))
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            team.average_gradients([*language.parameters()])
            torch.nn.utils.clip_grad_norm_(language.parameters(), 1.0)
            optimiser.step()
            stop = team.heed()
            if (step + 1) % every == 0 or step + 1 == settings.steps or stop:
                held_out = team.mean({"loss": validation_loss(language, validation, noise, seed)})["loss"]
                team.refuse(_told(held_out, step))
                if held_out < best_loss:
                    best_loss, best = held_out, {key: value.clone() for key, value in language.state_dict().items()}
                bar.update(task, description=f"language model {loss.item():.3f} validation {held_out:.3f}")
                facts = {"loss": loss.item(), "validation_loss": held_out}
                together(team.fabric, partial(_log, run if team.first else None, step + 1, facts))
            bar.advance(task)
            if stop:
                logger.warning(
                    "Stopped by Ctrl-C after step %d of the language model; the best so far is taken", step + 1
                )
                break
    language.load_state_dict(best)


def _log(run: RunFolder | None, step: int, facts: dict[str, float]) -> None:
    if run:
        run.log(part="language", step=step, **facts)


def _told(loss: float, step: int) -> str:
    """What is wrong with a loss; empty for nothing."""
    if math.isfinite(loss):
        return ""
    return f"Step {step} of the language model: the loss must be finite; it is {loss}. Lower language.learning_rate."


def share_of_rate(step: int, n_steps: int, warm_up: int) -> float:
    """Share of the learning rate at a step: a linear rise, then half a cosine down to zero."""
    return min((step + 1) / (warm_up + 1), 1.0) * 0.5 * (1.0 + math.cos(math.pi * step / n_steps))


def restoring_loss(
    language: BartForConditionalGeneration,
    sentences: Sequence[Ids],
    noise: Noise,
    rng: np.random.Generator,
    apart: float = 1.0,
) -> Tensor:
    """Cross-entropy per token of sentences of which the encoder was given a noisy version; see `Noise`."""
    n_places = language.config.max_position_embeddings  # blanks may make more of a long sentence than there is room for
    ids, mask = padded(
        [noise(sentence, rng, apart)[:n_places] for sentence in sentences], special_ids(language)[2], language.device
    )
    loss: Tensor = language(input_ids=ids, attention_mask=mask.long(), labels=labels_of(sentences, language)).loss
    return loss


@torch.no_grad()
def validation_loss(language: BartForConditionalGeneration, sentences: Sequence[Ids], noise: Noise, seed: int) -> float:
    """`restoring_loss` of sentences, always with the same noise, without dropout."""
    language.train(False)
    rng, total = np.random.default_rng(seed), 0.0
    for start in range(0, len(sentences), AT_ONCE):
        part = sentences[start : start + AT_ONCE]
        total += restoring_loss(language, part, noise, rng).item() * len(part)
    return total / len(sentences)


def labels_of(sentences: Sequence[Ids], language: BartForConditionalGeneration) -> Tensor:
    """What the decoder is to write (n, longest + 2): first token, sentence, stop token; -100 where nothing counts."""
    first, stop, _ = special_ids(language)
    framed = [[first, *sentence, stop] for sentence in sentences]
    labels, mask = padded(framed, 0, language.device)
    return labels.masked_fill(~mask, -100)


def special_ids(language: BartForConditionalGeneration) -> tuple[int, int, int]:
    """First, stop and padding token."""
    config = language.config
    first, stop, pad = config.bos_token_id, config.eos_token_id, config.pad_token_id
    assert isinstance(stop, int)
    assert first is not None
    assert pad is not None
    return first, stop, pad


class Noise:
    """Makes tokens noisy; see `NoisySettings`.

    Parameters
    ----------
    settings : NoisySettings
    tokenizer : Tokenizer
    sentences : sequence of tokens
        What other tokens are taken from, as often as they come there.
    """

    def __init__(self, settings: NoisySettings, tokenizer: Tokenizer, sentences: Sequence[Ids]) -> None:
        self._settings, self._mask = settings, mask_id(tokenizer)
        self._others = np.concatenate([np.asarray(sentence, np.int64) for sentence in sentences])

    def __call__(self, sentence: Ids, rng: np.random.Generator, apart: float = 1.0) -> list[int]:
        """A noisy version of a sentence; at least one token. `apart` is the share of the blanks that may come."""
        settings = self._settings
        if rng.random() < settings.nothing or not len(sentence):
            return [self._mask]
        ids, drawn = np.array(sentence), rng.random(len(sentence))
        masked = drawn < settings.mask
        swapped = ~masked & (drawn < settings.mask + settings.swap)
        dropped = ~masked & ~swapped & (drawn < settings.mask + settings.swap + settings.drop)
        ids[masked] = self._mask
        ids[swapped] = rng.choice(self._others, int(swapped.sum()))
        kept = ids[~dropped].tolist() or [self._mask]
        if rng.random() < settings.infill:
            length = min(int(rng.poisson(3.0)), len(kept))  # section 2.2; of length 0 it is a mask too many
            start = int(rng.integers(len(kept) - length + 1))
            kept[start : start + length] = [self._mask]
        return self._apart(kept, round(apart * settings.blanks), rng) if settings.blanks else kept

    def _apart(self, ids: list[int], most: int, rng: np.random.Generator) -> list[int]:
        """Masks between the tokens: a language model that has never met them would write words in their place."""
        counts = rng.integers(most + 1, size=len(ids) + 1)
        apart = [self._mask] * int(counts[0])
        for token, count in zip(ids, counts[1:].tolist(), strict=True):
            apart += [token, *[self._mask] * count]
        return apart
