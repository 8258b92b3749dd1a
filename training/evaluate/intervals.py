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


def share(hits: NDArray[np.bool_]) -> Interval:
    """Share of true values (n,) with Wilson's 95 % interval."""
    return wilson(int(np.count_nonzero(hits)), len(hits))
