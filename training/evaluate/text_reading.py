"""What a trained model of EEG-to-text must be able to do to be scored, whatever it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]


class TextReader(Protocol):
    """A trained model with its tokenizer; signals are those of `training.data.readings.Reading`, one array a sentence.

    All of it is deterministic: the same signals give the same text, in whatever order and company they come.
    """

    @property
    def n_codes(self) -> int:
        """Codes in the codex."""
        ...

    def generate(self, signals: Sequence[Floats]) -> list[str]:
        """The text read from each signal, free-running: each token from those that were generated before it."""
        ...

    def codes(self, signals: Sequence[Floats]) -> list[Codes]:
        """The codes (n_states,) that each signal was quantised to."""
        ...

    def embed_signals(self, signals: Sequence[Floats]) -> Floats:
        """Embeddings (n, dim) of signals, to be compared with those of sentences by their cosine."""
        ...

    def embed_sentences(self, sentences: Sequence[str]) -> Floats:
        """Embeddings (n, dim) of sentences, in the space of `embed_signals`."""
        ...

    def word_vectors(self, texts: Sequence[str]) -> Floats:
        """Mean of the language model's input embeddings over the tokens of each text (n, d_model); zeros for no token."""
        ...

    def language_alone(self, n: int, seed: int) -> list[str]:
        """`n` texts that the language model writes without any signal, drawn with `seed`."""
        ...

    def teacher_forced(self, signals: Sequence[Floats], sentences: Sequence[str]) -> list[str]:
        """The most probable token at each place when the decoder is given the true tokens before it: not a reading."""
        ...
