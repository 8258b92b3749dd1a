"""Readings as a network learns from them: padded batches of signals, tokens and words."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BartForConditionalGeneration

from bci_app.contract.errors import SettingsError
from bci_app.text.words import sentence_key
from training.data.readings import Readings
from training.team import Team
from training.text.tokens import ids_of, mask_id, padded, refuse_long

Floats = NDArray[np.float32]
POOL = 16
"""Batches among which sentences are sorted by their length, so that little is padded."""
ABSENT = -1


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A batch of sentences.

    Attributes
    ----------
    signal : float32 Tensor, see `models.text.reader.SentenceReader.read`
    mask : bool Tensor (batch, n_words or n_times)
    ids : tuple of list of int
        Tokens of each sentence, special ones left out.
    sentence : int64 Tensor (batch,)
        Its number.
    forms : int64 Tensor (batch, n_words)
        Number of the printed form of each word, see `Lexicon`; -1 where there is none. Words are those that were looked at, a
        step each; of waves, all of the sentence in their order.
    """

    signal: Tensor
    mask: Tensor
    ids: tuple[list[int], ...]
    sentence: Tensor
    forms: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same, on a device."""
        moved = (each.to(device) for each in (self.signal, self.mask, self.sentence, self.forms))
        signal, mask, sentence, forms = moved
        return Batch(signal, mask, self.ids, sentence, forms)


class Lexicon:
    """The printed forms of the words that were read, as the language model knows them.

    Parameters
    ----------
    words : sequence of str
        As they are printed; punctuation round them does not count.
    tokenizer : Tokenizer

    Attributes
    ----------
    numbers : dict of str to int
        Of each word as printed.
    same : int64 Tensor (n_forms,)
        Equal for forms of the same word, such as "The" and "the".
    """

    def __init__(self, words: Sequence[str], tokenizer: Tokenizer) -> None:
        distinct = tuple(dict.fromkeys(words))
        forms = [word.strip(string.punctuation) or word for word in distinct]
        keys = {key: number for number, key in enumerate(dict.fromkeys(map(sentence_key, forms)))}
        self.numbers = {word: number for number, word in enumerate(distinct)}
        self.same = torch.tensor([keys[sentence_key(form)] for form in forms], dtype=torch.int64)
        self._ids, self._mask = padded(ids_of(tokenizer, [f" {form}" for form in forms]), 0)
        self._blank = mask_id(tokenizer)

    def vectors(self, language: BartForConditionalGeneration) -> Tensor:
        """Mean of the input embeddings of each form's tokens (n_forms, d_model); no gradient."""
        with torch.no_grad():
            return mean_embedding(language, self._ids.to(language.device), self._mask.to(language.device))

    def blank(self, language: BartForConditionalGeneration) -> Tensor:
        """Input embedding (1, d_model) of the mask, which stands where no word is found; no gradient."""
        with torch.no_grad():
            embedded: Tensor = language.get_input_embeddings()(torch.tensor([self._blank]).to(language.device))
            return embedded


def mean_embedding(language: BartForConditionalGeneration, ids: Tensor, mask: Tensor) -> Tensor:
    """Mean of the language model's input embeddings over tokens (n, longest); zero for none."""
    embedded: Tensor = language.get_input_embeddings()(ids)
    return (embedded * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


class Examples:
    """Readings with their tokens.

    Parameters
    ----------
    readings : Readings
    tokenizer : Tokenizer
    n_places : int
        Of the language model.
    lexicon : Lexicon, optional
        That of the training words; one of these readings by default.

    Raises
    ------
    SettingsError
        If there is no reading, or a sentence is too long for the language model.
    """

    def __init__(self, readings: Readings, tokenizer: Tokenizer, n_places: int, lexicon: Lexicon | None = None) -> None:
        if not len(readings):
            raise SettingsError(f"'{readings.name}' must hold readings on each side of the split; a side has none.")
        keys = {key: number for number, key in enumerate(dict.fromkeys(readings.keys))}
        self.signals = [each.signal for each in readings.items]
        self.ids = ids_of(tokenizer, [each.sentence for each in readings.items])
        self.sentence = torch.tensor([keys[key] for key in readings.keys], dtype=torch.int64)
        self.n_steps, self.waves = np.array(readings.n_steps), readings.reads == "waves"
        words = [each.sentence.split() if self.waves else each.words for each in readings.items]
        self.lexicon = lexicon or Lexicon([word for row in words for word in row], tokenizer)
        numbers = [[self.lexicon.numbers.get(word, ABSENT) for word in row] for row in words]
        self._forms = [torch.tensor(row, dtype=torch.int64) for row in numbers]
        refuse_long([each.sentence for each in readings.items], self.ids, n_places)

    def __len__(self) -> int:
        return len(self.signals)

    def batch(self, chosen: Sequence[int] | NDArray[np.intp]) -> Batch:
        """The chosen examples, by number."""
        signal, mask = stacked([self.signals[number] for number in chosen], self.waves)
        forms = [self._forms[number] for number in chosen]
        return Batch(
            signal,
            mask,
            tuple(self.ids[number] for number in chosen),
            self.sentence[torch.as_tensor(chosen)],
            pad_sequence(forms, batch_first=True, padding_value=ABSENT),
        )

    def batches(self, batch_size: int, rng: np.random.Generator, team: Team | None = None) -> Iterator[Batch]:
        """An epoch: every example once, sentences of about the same length together, in random order.

        Of a team each process gets its share of every batch.
        """
        order = rng.permutation(len(self))
        pools = [order[start : start + POOL * batch_size] for start in range(0, len(order), POOL * batch_size)]
        chosen = [
            part for pool in pools for part in _cut(pool[np.argsort(self.n_steps[pool], kind="stable")], batch_size)
        ]
        for number in rng.permutation(len(chosen)):
            yield self.batch(team.share(chosen[number]) if team else chosen[number])

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Every example once, shortest signals first."""
        for part in _cut(np.argsort(self.n_steps, kind="stable"), batch_size):
            yield self.batch(part)


def stacked(signals: Sequence[Floats], waves: bool) -> tuple[Tensor, Tensor]:
    """Signals of different lengths as one Tensor, zeros behind the end, and True where there is signal."""
    axis = -1 if waves else 0
    lengths = torch.tensor([signal.shape[axis] for signal in signals])
    longest = int(lengths.max())
    shape = list(signals[0].shape)
    shape[axis] = longest
    batch = np.zeros((len(signals), *shape), np.float32)
    for row, signal in zip(batch, signals, strict=True):
        row[tuple(slice(length) for length in signal.shape)] = signal
    return torch.from_numpy(batch), torch.arange(longest)[None] < lengths[:, None]


def _cut(order: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    return [order[start : start + size] for start in range(0, len(order), size)]
