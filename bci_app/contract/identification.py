"""Identification of the shown picture: one definition for the workshop and the program.

Source: the two-way identification of fMRI image reading (Brain-Diffuser, MindEye2): all pairs, not one distractor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SignalError

Floats = NDArray[np.floating]


def correlations(predicted: Floats, target: Floats, centre: Floats) -> NDArray[np.float64]:
    """Pearson correlation of each prediction with each target, across latent components.

    Parameters
    ----------
    predicted, target : array (n, d) and (m, d)
        Latents.
    centre : array (d,)
        Mean training latent, subtracted from both first so that what all pictures share earns nothing.

    Returns
    -------
    float64 array (n, m)
        A latent without spread correlates 0 with everything.
    """
    p, t = (np.asarray(x, dtype=np.float64) - centre for x in (predicted, target))
    p, t = (x - x.mean(axis=1, keepdims=True) for x in (p, t))
    norms = [np.linalg.norm(x, axis=1, keepdims=True) for x in (p, t)]
    p, t = (np.divide(x, n, out=np.zeros_like(x), where=n > 0) for x, n in zip((p, t), norms, strict=True))
    return np.asarray(p @ t.T)


def pairwise_identification(predicted: Floats, target: Floats, centre: Floats) -> NDArray[np.float64]:
    """For each trial, the share of other trials' targets that fit its prediction less well than its own.

    Parameters
    ----------
    predicted, target : array (n, d)
        Latent read and latent shown, trial by trial; n at least 2.
    centre : array (d,)
        Mean training latent.

    Returns
    -------
    float64 array (n,)
        Chance is 0.5; ties count half. Targets equal to the trial's own (the same picture shown again) are not
        counted against it.

    Raises
    ------
    SignalError
        If there are fewer than two trials, or the two arrays do not belong together.
    """
    if predicted.shape != target.shape or predicted.ndim != 2 or len(predicted) < 2:
        raise SignalError(
            f"Identification needs at least two predictions and as many targets, each (n, latent_dim); "
            f"got {predicted.shape} and {target.shape}."
        )
    return _wins(correlations(predicted, target, centre), _others(target))


def shuffled_identification(
    predicted: Floats, target: Floats, centre: Floats, n_deals: int = 500, seed: int = 0
) -> tuple[float, float, float]:
    """Mean identification when the predictions are dealt to the trials at random, with the 95 % interval of the deals.

    Parameters as in `pairwise_identification`; `n_deals` permutations drawn with `seed`.
    """
    fit, other, rng = correlations(predicted, target, centre), _others(target), np.random.default_rng(seed)
    means = [float(_wins(fit[rng.permutation(len(fit))], other).mean()) for _ in range(n_deals)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(np.mean(means)), float(low), float(high)


def _others(target: Floats) -> NDArray[np.bool_]:
    """Which targets (n, n) are not the trial's own: the same picture shown again is not held against it."""
    _, kind = np.unique(target, axis=0, return_inverse=True)
    differs: NDArray[np.bool_] = kind.reshape(-1, 1) != kind.reshape(1, -1)
    return differs


def _wins(fit: NDArray[np.float64], other: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of `other` targets that fit less well than the own one, on the diagonal of `fit`; ties count half."""
    own = np.diagonal(fit)[:, np.newaxis]
    won = np.where(other, (fit < own) + 0.5 * (fit == own), 0.0).sum(axis=1)
    count = other.sum(axis=1)
    scores: NDArray[np.float64] = np.divide(won, count, out=np.full(len(fit), 0.5), where=count > 0)
    return scores


def n_way_accuracy(predicted: Floats, target: Floats, centre: Floats) -> float:
    """Share of trials whose own target fits better than all others; a tie is none."""
    fit = correlations(predicted, target, centre)
    own = np.diagonal(fit)[:, np.newaxis]
    return float(((fit >= own).sum(axis=1) == 1).mean())


def bootstrap_interval(
    scores: Floats, seed: int = 0, level: float = 0.95, n_draws: int = 2000
) -> tuple[float, float, float]:
    """Mean of `scores` (n,) with the percentile interval that resamples trials: (mean, low, high).

    Scores of the same run share their distractors, so the interval is that of the trials given these pictures.
    """
    scores = np.asarray(scores, dtype=np.float64)
    draws = np.random.default_rng(seed).integers(0, scores.size, (n_draws, scores.size))
    low, high = np.quantile(scores[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(scores.mean()), float(low), float(high)
