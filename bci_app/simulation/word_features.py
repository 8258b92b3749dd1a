"""Features of the words that were read, in the manner of ZuCo: amplitudes of 8 bands at each channel, a row per word.

The features of a word with vector ``v`` are ``A v + e``. ``A = information * STRENGTH * M``, where ``M`` is drawn for each
participant but for a part that all share, and scaled so that the mean of the diagonal of ``M' S^-1 M`` is 1. The noise ``e``
is Gaussian with covariance ``S = B (x) C``, ``B_ij = 0.6^|i-j|`` over bands and ``C_ij = 0.7^|i-j|`` over channels; each
feature's noise has variance 1. So an ideal observer needs no more than ``y = A' S^-1 x``, whose law is ``N(G v, G)`` with
``G = A' S^-1 A``, and what a word's features tell is known exactly: `bits_per_word`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import toeplitz
from scipy.special import logsumexp

from bci_app.simulation.semantics import Semantics
from bci_app.simulation.sentences import word_prior
from bci_app.simulation.settings import ReadingSettings

Floats = NDArray[np.float64]
BANDS: Final = ("t1", "t2", "a1", "a2", "b1", "b2", "g1", "g2")
BAND_CORRELATION, CHANNEL_CORRELATION = 0.6, 0.7
STRENGTH: Final = 0.78
"""Signal-to-noise ratio of each number of a word's vector, on average, where `information` is 1: chosen so that an ideal
observer then gets about 5 of the 7.4 bits that the word is."""


class Bits(NamedTuple):
    """Bits per word, and the standard error of the simulation that found them."""

    bits: float
    standard_error: float


class WordFeatures:
    """What the eye tracker and the EEG of one participant give for each word.

    Parameters
    ----------
    settings : ReadingSettings
        How much words tell.
    subject : int
        Which participant.
    n_channels : int
        Channels; there are 8 features each.

    Attributes
    ----------
    rows : tuple of str
        Names of the features, such as ``"GD_t1/ch01"``; bands change slowest.
    mixing : float64 array (n_features, dim)
        ``A`` of the module.
    """

    def __init__(self, settings: ReadingSettings, subject: int, n_channels: int) -> None:
        self.rows = tuple(f"GD_{band}/ch{number + 1:02d}" for band in BANDS for number in range(n_channels))
        self._semantics = Semantics(settings.dim, settings.semantics_seed)
        covariances = [
            toeplitz(correlation ** np.arange(n))
            for correlation, n in ((BAND_CORRELATION, len(BANDS)), (CHANNEL_CORRELATION, n_channels))
        ]
        self._band_root, self._channel_root = map(np.linalg.cholesky, covariances)
        self._covariance = np.kron(*covariances)
        seed = settings.semantics_seed
        shared, own = (
            np.random.default_rng([seed, *key]).standard_normal((len(self.rows), settings.dim))
            for key in ((0,), (1, subject))
        )
        self.mixing: Floats = np.sqrt(settings.shared) * shared + np.sqrt(1 - settings.shared) * own
        self.mixing *= settings.information * STRENGTH / np.sqrt(np.trace(self.precision()) / settings.dim)

    def precision(self) -> Floats:
        """``G = A' S^-1 A`` (dim, dim), what the features tell of a word's vector."""
        return np.asarray(self.mixing.T @ np.linalg.solve(self._covariance, self.mixing))

    def read(self, words: Sequence[str], rng: np.random.Generator) -> NDArray[np.float32]:
        """Features (n_words, n_features) of printed words; the noise does not depend on what they are."""
        white = rng.standard_normal((len(words), len(BANDS), len(self._channel_root)))
        noise = self._band_root @ white @ self._channel_root.T
        signal = self._semantics.of(words) @ self.mixing.T
        return np.asarray(signal + noise.reshape(signal.shape), np.float32)


def bits_per_word(
    settings: ReadingSettings, subject: int = 0, n_channels: int = 16, n: int = 4000, seed: int = 0
) -> Bits:
    """Mutual information of a word and its features: of an ideal observer who knows everything but the word.

    Words come as often as in the sentences of the tasks (`word_prior`), each by itself: what its neighbours tell of it,
    which a language model uses, is not counted.

    Parameters
    ----------
    settings, subject, n_channels
        As of `WordFeatures`.
    n : int
        Words that are drawn and read.
    seed : int
        Draws them.
    """
    precision = WordFeatures(settings, subject, n_channels).precision()
    words, prior = word_prior(settings.tasks)
    vectors = Semantics(settings.dim, settings.semantics_seed).of(words)
    rng = np.random.default_rng(seed)
    read = rng.choice(len(words), size=n, p=prior)
    values, axes = np.linalg.eigh(precision)
    root = axes * np.sqrt(np.maximum(values, 0.0))
    seen = vectors[read] @ precision + rng.standard_normal((n, settings.dim)) @ root.T
    scores = seen @ vectors.T - 0.5 * np.einsum("wi,ij,wj->w", vectors, precision, vectors)
    told = (scores[np.arange(n), read] - logsumexp(scores, axis=1, b=prior)) / np.log(2)
    return Bits(float(told.mean()), float(told.std(ddof=1) / np.sqrt(n)))


def entropy_per_word(settings: ReadingSettings) -> float:
    """Bits of which word it is, of the words of the tasks: no more can be told."""
    _, prior = word_prior(settings.tasks)
    return float(-(prior @ np.log2(prior)))
