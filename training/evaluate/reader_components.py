"""How well each component of a latent is read: correlation over trials, and variance explained.

Both are taken within folds: the mean of a fold's readings and of its targets is taken out of the correlation, because the
training means of two folds differ in the direction opposite to that of their test trials.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluate.reader_reading import Indices, Reading, scaled
from training.evaluate.reader_scores import Doubles, Finding, clusters, finding, named

N_DRAWS, N_DEALS = 1000, 500
_AT_ONCE = 2_000_000
"""Weights held at once while resampling."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Correlation of each component (dim,) over trials, its 95 % interval over pictures, and its controls."""

    real: Doubles
    low: Doubles
    high: Doubles
    noise: Doubles
    shuffled: Doubles
    name: str


def component_correlations(reading: Reading, seed: int = 0) -> Components:
    """Pearson correlation over trials, component by component; a component without spread has 0."""
    real, noise, shuffled = (_pearson(_within(reading, key)) for key in ("real", "noise", "shuffled"))
    draws = np.concatenate(list(_resampled(reading, seed)))
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    return Components(real, low, high, noise, shuffled, named("latent correlation by component", reading))


def component_scores(reading: Reading, use_spread: bool = False, seed: int = 0) -> tuple[Finding, ...]:
    """Mean latent correlation over components, and the variance explained by the readings.

    Parameters
    ----------
    reading : Reading
    use_spread : bool
        Divide components by their training spread first, so that each has the same say in the variance explained; the
        correlation is the same in both.
    seed : int
        For intervals and deals.

    Returns
    -------
    tuple of Finding
        The correlation's chance is 0. Variance explained is 1 - sum of squared errors / sum of squares round the training
        mean, all components together; 0 is a reader that always gives the training mean, and less than 0 is worse
        than that: readings that were stretched to the spread of the pictures pay for it here.
    """
    return _correlation(reading, seed), _explained(scaled(reading) if use_spread else reading, seed)


def _correlation(reading: Reading, seed: int) -> Finding:
    real, noise, shuffled = (float(_pearson(_within(reading, key)).mean()) for key in ("real", "noise", "shuffled"))
    draws = np.concatenate([part.mean(axis=1) for part in _resampled(reading, seed)])
    low, high = np.quantile(draws, (0.025, 0.975))
    read, target = _within(reading, "real")
    dealt = np.array([_pearson((read[order], target)).mean() for order in _deals(reading, seed)])
    name = named("latent correlation, mean over components", reading)
    return finding(name, (real, float(low), float(high)), dealt, reading, 0.0, noise, shuffled)


def _explained(reading: Reading, seed: int) -> Finding:
    target = reading.target.astype(np.float64) - reading.centre
    total = (target**2).sum(axis=1)

    def errors(read: NDArray[np.floating]) -> Doubles:
        return np.asarray(((read - reading.centre - target) ** 2).sum(axis=1))

    def share(missed: Doubles) -> float:
        return float(1 - missed.sum() / max(total.sum(), 1e-30))

    missed = errors(reading.real)
    draws = [1 - weights @ missed / np.maximum(weights @ total, 1e-30) for weights in _weights(reading, seed)]
    low, high = np.quantile(np.concatenate(draws), (0.025, 0.975))
    dealt = np.array([share(errors(reading.real[order])) for order in _deals(reading, seed)])
    interval = share(missed), float(low), float(high)
    noise, shuffled = share(errors(reading.noise)), share(errors(reading.shuffled))
    return finding(named("variance explained", reading), interval, dealt, reading, 0.0, noise, shuffled)


def _within(reading: Reading, control: str) -> tuple[Doubles, Doubles]:
    """Readings and targets (n, dim) less the mean of their fold's test trials."""
    both = np.stack([getattr(reading, control), reading.target]).astype(np.float64)
    for fold in np.unique(reading.fold):
        rows = reading.fold == fold
        both[:, rows] -= both[:, rows].mean(axis=1, keepdims=True)
    return both[0], both[1]


def _pearson(pair: tuple[Doubles, Doubles], weights: Doubles | None = None) -> Doubles:
    """Correlation over trials (..., dim), each trial counted `weights` (..., n) times."""
    read, target = pair
    weights = np.ones(len(read)) if weights is None else weights
    n = weights.sum(axis=-1)[..., np.newaxis]
    a, b = weights @ read / n, weights @ target / n
    together = weights @ (read * target) / n - a * b
    spread = np.sqrt(np.maximum((weights @ read**2 / n - a**2) * (weights @ target**2 / n - b**2), 0.0))
    varies = spread > 1e-12 * read.std() * target.std()
    return np.asarray(np.divide(together, spread, out=np.zeros_like(together), where=varies))


def _resampled(reading: Reading, seed: int) -> Iterator[Doubles]:
    pair = _within(reading, "real")
    return (_pearson(pair, weights) for weights in _weights(reading, seed))


def _weights(reading: Reading, seed: int) -> Iterator[Doubles]:
    """How often each trial (draws, n) comes when pictures are drawn with replacement, in parts that fit in memory."""
    group, rng = clusters(reading), np.random.default_rng(seed)
    n_groups, left, part = int(group.max()) + 1, N_DRAWS, max(_AT_ONCE // len(group), 1)
    while left > 0:
        size = min(part, left)
        drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size)
        yield drawn[:, group].astype(np.float64)
        left -= size


def _deals(reading: Reading, seed: int) -> Iterator[Indices]:
    """Orders (n,) in which the readings of each fold are dealt to its trials."""
    rng, folds = np.random.default_rng(seed), [np.flatnonzero(reading.fold == each) for each in np.unique(reading.fold)]
    for _ in range(N_DEALS):
        order = np.empty(len(reading), np.intp)
        for rows in folds:
            order[rows] = rng.permutation(rows)
        yield order
