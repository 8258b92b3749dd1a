"""The steps of the XDREAM genetic algorithm, each a pure function.

Source: Ponce et al. 2019, Cell 177, 999-1009; Xiao & Kreiman 2020, PLoS Comput Biol 16, e1007973, and the settings of the
examples that came with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bci_app.evolution.space import Codes

Numbers = NDArray[np.float64]

_COLDEST = 1e-8
"""Least temperature: a constant response has no spread to divide by."""


def clip_outliers(scores: Numbers, percentile: float) -> Numbers:
    """`scores` (n,), none of them above their `percentile` (0 to 100), so that one lucky response does not take over."""
    return np.minimum(scores, np.percentile(scores, percentile))


def temperature(scores: Numbers, selectivity: float) -> float:
    """SD of the `scores` (n,) by `selectivity`, in units of the scores: the higher the selectivity, the colder."""
    return max(float(np.std(scores)) / selectivity, _COLDEST)


def parent_probabilities(scores: Numbers, kt: float) -> Numbers:
    """Probability (n,) of each code to be a parent: a softmax of its score at temperature `kt`; the sum is 1."""
    fitness = np.exp((scores - scores.max()) / kt)
    return np.asarray(fitness / fitness.sum())


def choose_parents(probabilities: Numbers, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices (n, 2) of two parents for each of `n` children, drawn with replacement: both may be the same."""
    return np.asarray(rng.choice(len(probabilities), size=(n, 2), p=probabilities), np.intp)


def cross(first: Codes, second: Codes, heritability: float, rng: np.random.Generator) -> Codes:
    """Children (n, dim), each gene from the `first` parent with probability `heritability`, else from the `second`."""
    return np.where(rng.random(first.shape, np.float32) < heritability, first, second)


def mutate(codes: Codes, rate: float, size: float, rng: np.random.Generator) -> Codes:
    """`codes` (n, dim) with N(0, `size`²) added to each gene with probability `rate`."""
    changed = rng.random(codes.shape, np.float32) < rate
    return codes + np.float32(size) * changed * rng.standard_normal(codes.shape, np.float32)
