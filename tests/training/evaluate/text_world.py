"""Readers of sentences whose ability is known: signals whose first row is the number of the word, and what is made of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.text.worlds import WORDS, sentence
from training.data.readings import Floats, Reading, Readings
from training.evaluate.text_reading import Codes

N_CODES = 400
ROWS = ("word", "other 1", "other 2")


def word_readings(n_sentences: int, n_subjects: int = 2, seed: int = 0, n_tasks: int = 2) -> Readings:
    """Every subject reads every sentence; of each word, its number and two numbers that tell nothing."""
    rng, items = np.random.default_rng(seed), []
    shown = [sentence(rng, int(rng.integers(4, 12))) for _ in range(n_sentences)]
    for subject in range(n_subjects):
        for number, text in enumerate(shown):
            words = text.split()
            signal = rng.normal(size=(len(words), 3)).astype(np.float32)
            signal[:, 0] = [int(word[1:]) for word in words]
            items.append(Reading(text, signal, f"s{subject}", f"task {number % n_tasks}", tuple(words)))
    return Readings(tuple(items), "word-features", ROWS, name="numbered words")


class TellingReader:
    """Reads every word (``"all"``), none (``"nothing"``), or says as many words as there are rows (``"length"``)."""

    n_codes = N_CODES

    def __init__(self, reads: str) -> None:
        self._reads = reads

    def generate(self, signals: Sequence[Floats]) -> list[str]:
        if self._reads == "nothing":
            return ["w0 w1 w2 w3 w4 w5"] * len(signals)
        if self._reads == "length":
            return [" ".join(WORDS[: len(signal)]) for signal in signals]
        return [" ".join(WORDS[code] for code in codes) for codes in self.codes(signals)]

    def codes(self, signals: Sequence[Floats]) -> list[Codes]:
        if self._reads != "all":
            return [np.zeros(len(signal), np.int64) for signal in signals]
        return [np.clip(np.round(signal[:, 0]), 0, len(WORDS) - 1).astype(np.int64) for signal in signals]

    def embed_signals(self, signals: Sequence[Floats]) -> Floats:
        return self.embed_sentences(self.generate(signals))

    def embed_sentences(self, sentences: Sequence[str]) -> Floats:
        return self.word_vectors(sentences)

    def word_vectors(self, texts: Sequence[str]) -> Floats:
        """Share of each word, less the last: a text of nothing is zeros."""
        vectors = np.zeros((len(texts), len(WORDS)), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.split():
                vector[int(word[1:])] += 1 / len(text.split())
        return vectors

    def language_alone(self, n: int, seed: int) -> list[str]:
        rng = np.random.default_rng(seed)
        return [sentence(rng, int(rng.integers(4, 12))) for _ in range(n)]

    def teacher_forced(self, signals: Sequence[Floats], sentences: Sequence[str]) -> list[str]:
        return list(sentences)
