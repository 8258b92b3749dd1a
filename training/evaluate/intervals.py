"""Shares with their intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

Interval = tuple[float, float, float]
"""A value and the two ends of its 95 % interval."""
NORMAL_975 = 1.959964
"""Standard deviations that a normal variable exceeds in 2.5 % of draws."""


def wilson(n_hits: int, n: int) -> Interval:
    """Share of hits with Wilson's 95 % interval.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    ends = binomtest(n_hits, n).proportion_ci(method="wilson")
    return n_hits / n, float(ends.low), float(ends.high)


def clustered(scores: NDArray[np.floating], groups: NDArray[np.intp], seed: int = 0, n_draws: int = 2000) -> Interval:
    """Mean of scores (n,) with the 95 % percentile interval that resamples whole groups, such as the trials of a picture.

    Parameters
    ----------
    scores : array (n,)
    groups : int array (n,)
        Group of each score, 0 to the number of groups less one; with one score each this is the usual bootstrap.
    """
    sums, counts = np.bincount(groups, scores), np.bincount(groups)
    rng, n_groups = np.random.default_rng(seed), len(counts)
    means = np.empty(n_draws)
    for number in range(n_draws):  # one by one: all draws of many groups would not fit in memory
        drawn = rng.integers(0, n_groups, n_groups)
        means[number] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, (0.025, 0.975))
    return float(np.mean(scores)), float(low), float(high)


def share(hits: NDArray[np.bool_]) -> Interval:
    """Share of true values (n,) with Wilson's 95 % interval."""
    return wilson(int(np.count_nonzero(hits)), len(hits))
