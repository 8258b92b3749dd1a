"""Readings with known signals: every word is a direction of its own, in some noise."""

from __future__ import annotations

import itertools
import zlib

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.reading import Reads, SentenceSpec
from training.data.readings import Reading, Readings

SENTENCES = tuple(
    f"{who} {does} {what}."
    for who, does, what in itertools.product(
        ("Anna", "The old man", "A poet"), ("saw", "painted", "left"), ("the river", "a small house", "Rome")
    )
)
"""27 of them, of three to seven words."""
N_FEATURES, N_CHANNELS, SFREQ = 12, 3, 64.0


def vector(word: str, size: int = N_FEATURES) -> NDArray[np.float32]:
    """The signal of a word."""
    return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(size).astype(np.float32)


def known_readings(reads: Reads = "word-features", n_subjects: int = 1, noise: float = 0.1) -> Readings:
    """Every sentence read by every subject."""
    rng = np.random.default_rng(0)
    items = [
        Reading(
            sentence, _signal(sentence.split(), reads, noise, rng), f"subject {number}", words=tuple(sentence.split())
        )
        for number in range(n_subjects)
        for sentence in SENTENCES
    ]
    if reads == "word-features":
        return Readings(tuple(items), reads, tuple(f"feature {number}" for number in range(N_FEATURES)))
    channels = tuple(f"C{number}" for number in range(N_CHANNELS))
    spec = PreprocessingSpec.design(channels, SFREQ, (1.0, 25.0))
    sentence = SentenceSpec() if reads == "word-windows" else SentenceSpec(word_cut=None, max_s=4.0)
    return Readings(tuple(items), reads, channels, spec, sentence)


def _signal(words: list[str], reads: Reads, noise: float, rng: np.random.Generator) -> NDArray[np.float32]:
    if reads == "word-features":
        signal = np.stack([vector(word) for word in words])
    else:
        shape, n_times = (N_CHANNELS, -1), 32
        windows = np.stack([vector(word, N_CHANNELS * n_times).reshape(shape) for word in words])
        signal = windows if reads == "word-windows" else np.concatenate(list(windows), axis=1)
    return np.asarray(signal + noise * rng.standard_normal(signal.shape), np.float32)
