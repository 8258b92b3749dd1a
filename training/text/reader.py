"""A trained reader of sentences with its tokenizer, as evaluation and report want it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from transformers import GenerationConfig
from transformers.modeling_outputs import BaseModelOutput

from bci_app.contract.manifest import Generation
from models.text.reader import SentenceReader
from training.text.denoising import labels_of, special_ids
from training.text.examples import mean_embedding, stacked
from training.text.tokens import ids_of, mask_id, padded, text_of

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]
AT_ONCE = 64
"""Sentences that go through the network together."""


class _Read(NamedTuple):
    """States (batch, n, d_model), codes (batch, n), embedding (batch, dim), and which steps are there (batch, n)."""

    states: Tensor
    codes: Tensor
    embedding: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTextReader:
    """See `training.evaluate.text_reading.TextReader`, which it fulfils.

    Parameters
    ----------
    network : SentenceReader
        In evaluation mode.
    tokenizer : Tokenizer
        Of its language model.
    generation : Generation
        How text is generated: free-running.
    waves : bool
        Whether signals are waves.
    """

    network: SentenceReader
    tokenizer: Tokenizer
    generation: Generation
    waves: bool

    @property
    def n_codes(self) -> int:
        """Codes in the codex."""
        return self.network.codex.n_codes

    @property
    def device(self) -> torch.device:
        """Where it reads."""
        return self.network.standardise.mean.device

    def generate(self, signals: Sequence[Floats]) -> list[str]:
        """The text read from each signal, free-running."""
        texts = [""] * len(signals)
        for places, read in self._read(signals):
            made = self.network.language.generate(
                encoder_outputs=BaseModelOutput(last_hidden_state=read.states),
                attention_mask=read.mask.long(),
                generation_config=self._generation(self.generation),
            )
            for place, text in zip(places, text_of(self.tokenizer, made.cpu().tolist()), strict=True):
                texts[place] = text
        return texts

    def codes(self, signals: Sequence[Floats]) -> list[Codes]:
        """The codes (n_states,) that each signal was quantised to."""
        codes: dict[int, Codes] = {}
        for places, read in self._read(signals):
            codes |= {
                place: row[there].cpu().numpy() for place, row, there in zip(places, read.codes, read.mask, strict=True)
            }
        return [codes[place] for place in range(len(signals))]

    def embed_signals(self, signals: Sequence[Floats]) -> Floats:
        """Embeddings (n, dim) of signals."""
        embeddings = np.zeros((len(signals), self.network.read_pool.leave.out_features), np.float32)
        for places, read in self._read(signals):
            embeddings[places] = read.embedding.cpu().numpy()
        return embeddings

    def embed_sentences(self, sentences: Sequence[str]) -> Floats:
        """Embeddings (n, dim) of sentences."""
        embeddings = np.zeros((len(sentences), self.network.shown_pool.leave.out_features), np.float32)
        with torch.no_grad():
            for places, ids, mask in self._tokens(sentences):
                embeddings[places] = self.network.sentence_embedding(ids, mask).cpu().numpy()
        return embeddings

    def word_vectors(self, texts: Sequence[str]) -> Floats:
        """Mean of the language model's input embeddings over the tokens of each text (n, d_model); zeros for no token."""
        with torch.no_grad():
            parts = [
                mean_embedding(self.network.language, ids, mask) for _, ids, mask in self._tokens(texts, in_order=True)
            ]
        return (
            torch.cat(parts).cpu().numpy()
            if parts
            else np.zeros((0, self.network.language.config.d_model or 0), np.float32)
        )

    def language_alone(self, n: int, seed: int) -> list[str]:
        """Texts that the language model draws where it is given one mask and no signal."""
        made: list[list[int]] = []
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            for start in range(0, n, AT_ONCE):
                masks = torch.full((min(AT_ONCE, n - start), 1), mask_id(self.tokenizer), device=self.device)
                config = self._generation(Generation(max_tokens=self.generation.max_tokens), do_sample=True)
                made += self.network.language.generate(input_ids=masks, generation_config=config).cpu().tolist()
        return text_of(self.tokenizer, made)

    def teacher_forced(self, signals: Sequence[Floats], sentences: Sequence[str]) -> list[str]:
        """The most probable token at each place given the true tokens before it: not a reading."""
        texts, ids = [""] * len(signals), ids_of(self.tokenizer, sentences)
        language = self.network.language
        for places, read in self._read(signals):
            labels = labels_of([ids[place] for place in places], language)
            with torch.no_grad():
                encoded = BaseModelOutput(last_hidden_state=read.states)
                logits = language(encoder_outputs=encoded, attention_mask=read.mask.long(), labels=labels).logits
            best = [
                row[label != -100].tolist() for row, label in zip(logits.argmax(dim=2).cpu(), labels.cpu(), strict=True)
            ]
            for place, text in zip(places, text_of(self.tokenizer, best), strict=True):
                texts[place] = text
        return texts

    def _generation(self, generation: Generation, do_sample: bool = False) -> GenerationConfig:
        """The same as in a bundle; see `bci_app.contract.manifest.Generation`."""
        config = self.network.language.config
        beams = {"length_penalty": generation.length_penalty, "early_stopping": False} if generation.n_beams > 1 else {}
        return GenerationConfig(  # type: ignore[no-untyped-call]
            max_length=generation.max_tokens + 1,
            num_beams=generation.n_beams,
            repetition_penalty=generation.repetition_penalty,
            do_sample=do_sample,
            decoder_start_token_id=config.decoder_start_token_id,
            forced_bos_token_id=config.bos_token_id,
            eos_token_id=config.eos_token_id,
            pad_token_id=config.pad_token_id,
            **beams,
        )

    def _read(self, signals: Sequence[Floats]) -> Iterator[tuple[list[int], _Read]]:
        """Signals of about the same length together: their places, and what the network makes of them."""
        lengths = [signal.shape[-1 if self.waves else 0] for signal in signals]
        for places in _together(lengths):
            with torch.no_grad():
                signal, mask = stacked([signals[place] for place in places], self.waves)
                quantised = self.network.quantise(signal.to(self.device), mask.to(self.device))
                assert quantised.mask is not None
                states, embedding = self.network.understand(quantised)
            yield places, _Read(states, quantised.codes, embedding, quantised.mask)

    def _tokens(self, texts: Sequence[str], in_order: bool = False) -> Iterator[tuple[list[int], Tensor, Tensor]]:
        ids = ids_of(self.tokenizer, texts)
        for places in _together([0 if in_order else len(row) for row in ids]):
            yield places, *padded([ids[place] for place in places], special_ids(self.network.language)[2], self.device)


def _together(lengths: Sequence[int]) -> list[list[int]]:
    """Places of at most `AT_ONCE`, shortest first."""
    order = np.argsort(np.asarray(lengths, np.int64), kind="stable").tolist()
    return [order[start : start + AT_ONCE] for start in range(0, len(order), AT_ONCE)]
