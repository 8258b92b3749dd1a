"""Readers of known ability: what a text scores when it is copied, guessed, or as long as what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

WORDS = np.array([f"w{number}" for number in range(300)])
_FREQUENCY = 1 / np.arange(1, 301)
Rows = tuple[list[str], list[str], list[str], list[int]]
"""What was read, what was shown, tasks and numbers of steps."""


def sentence(rng: np.random.Generator, n_words: int) -> str:
    """Words of a language with few frequent and many rare ones."""
    return " ".join(rng.choice(WORDS, n_words, p=_FREQUENCY / _FREQUENCY.sum()))


def world(
    reader: str,
    seed: int,
    n_sentences: int = 40,
    n_subjects: int = 3,
    share: float = 0.0,
    n_tasks: int = 2,
    lengths: Sequence[int] | None = None,
) -> Rows:
    """Rows of a reader that says one thing, a sentence of its own, or as many words as were shown; some of them copied.

    Parameters
    ----------
    reader : {"constant", "guess", "length", "alike"}
        Who is alike guesses the same for all readers of a sentence.
    seed, n_sentences, n_subjects, n_tasks : int
    share : float
        Share of its words that are copied from the sentence shown, place by place: the information in its signal.
    lengths : sequence of int, optional
        Words of each sentence, in place of `n_sentences` lengths from 4 to 15.
    """
    rng = np.random.default_rng(seed)
    rows: Rows = ([], [], [], [])
    for number in range(n_sentences if lengths is None else len(lengths)):
        n_words = int(rng.integers(4, 16)) if lengths is None else lengths[number]
        shown = sentence(rng, n_words)
        alike = sentence(rng, n_words) if reader == "alike" else ""
        for _ in range(n_subjects):
            said = {
                "constant": "w0 w1 w2 w3 w4 w5 w6",
                "guess": sentence(rng, n_words),
                "length": " ".join(WORDS[:n_words]),
                "alike": alike,
            }[reader]
            pairs = zip_longest(said.split(), shown.split()[: len(said.split())])
            read = " ".join(true if true and rng.random() < share else word for word, true in pairs)
            for column, value in zip(rows, (read, shown, f"task {number % n_tasks}", n_words), strict=True):
                column.append(value)  # type: ignore[attr-defined]
    return rows
