"""Has the encoder, or the generator, collapsed? Statistics of latent codes, and how different samples are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from training.evaluate.batches import Floats
from training.evaluate.intervals import share


@dataclass(frozen=True, slots=True, eq=False)
class CodeStatistics:
    """What a set of codes looks like beside N(0, I), which latents are drawn from.

    Attributes
    ----------
    variances : float64 array (d,)
        Of the means, per component; near 0 where the component says nothing about the picture.
    noise_variances : float64 array (d,)
        Mean squared standard deviation, per component; 0 without.
    effective_dim : float
        Participation ratio of the covariance of the means: 1 to d.
    identified, identified_low, identified_high : float
        Share of codes, drawn from N(mean, std^2), that lie nearer to their own mean than to any other, with Wilson's
        interval; a tie is none. Codes that have collapsed into one give 0.
    mean_offset : float
        Root mean square of the components' means; 0 for N(0, I).
    mean_variance : float
        Mean over the components of `variances` plus `noise_variances`; 1 for N(0, I).
    divergence : float
        Kullback-Leibler divergence from N(0, I) of the Gaussian with the components' means and these variances, in
        nats per component.
    n : int
        Codes.
    """

    variances: NDArray[np.float64]
    noise_variances: NDArray[np.float64]
    effective_dim: float
    identified: float
    identified_low: float
    identified_high: float
    mean_offset: float
    mean_variance: float
    divergence: float
    n: int


def code_statistics(means: Floats, stds: Floats | None, rng: np.random.Generator | None = None) -> CodeStatistics:
    """Statistics of codes.

    Parameters
    ----------
    means : array (n, d)
        One code per picture, n at least 2.
    stds : array (n, d) or None
        Standard deviations of the codes, if the encoder gives any.
    rng : Generator, optional
        Draws the codes; needed only with `stds`.
    """
    m = np.asarray(means, np.float64)
    s = np.zeros_like(m) if stds is None else np.asarray(stds, np.float64)
    rng = rng or np.random.default_rng(0)
    centre, variances, noise = m.mean(axis=0), m.var(axis=0), np.square(s).mean(axis=0)
    total = variances + noise
    value, low, high = share(_own_is_nearest(m if stds is None else m + s * rng.standard_normal(m.shape), m))
    return CodeStatistics(
        variances=variances,
        noise_variances=noise,
        effective_dim=participation_ratio(m),
        identified=value,
        identified_low=low,
        identified_high=high,
        mean_offset=float(np.sqrt(np.square(centre).mean())),
        mean_variance=float(total.mean()),
        divergence=float(0.5 * (np.square(centre) + total - 1.0 - np.log(np.maximum(total, 1e-12))).mean()),
        n=len(m),
    )


def participation_ratio(codes: Floats) -> float:
    """Squared sum of the covariance's eigenvalues over the sum of their squares.

    d for equal variances in all directions, 1 if all codes lie on a line, 0 if they do not spread beyond rounding.
    """
    rows = np.asarray(codes, np.float64)
    covariance = np.atleast_2d(np.cov(rows.T))
    if np.trace(covariance) <= 1e-20 * np.square(rows).sum(axis=1).mean():
        return 0.0
    return float(np.trace(covariance) ** 2 / np.square(covariance).sum())  # symmetric: the trace of its square


def _own_is_nearest(drawn: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether row i of `drawn` is nearer to row i of `means` than to every other one."""
    search = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(means)
    distances, places = search.kneighbors(drawn)
    nearest: NDArray[np.bool_] = (places[:, 0] == np.arange(len(means))) & (distances[:, 0] < distances[:, 1])
    return nearest


def pair_distances(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Euclidean distances (n // 2,) of row 0 from row 1, row 2 from row 3 and so on: independent of each other."""
    n = len(rows) // 2 * 2
    gaps = np.asarray(rows[0:n:2], np.float64) - np.asarray(rows[1:n:2], np.float64)
    return np.asarray(np.sqrt(np.square(gaps).reshape(len(gaps), -1).sum(axis=1)))


def diversity(made: NDArray[Any], real: NDArray[Any], seed: int = 0, n_draws: int = 2000) -> tuple[float, float, float]:
    """Mean distance between two made pictures over that between two real ones, with its 95 % bootstrap interval.

    Parameters
    ----------
    made, real : array (n, ...) and (m, ...)
        Pictures or features, in random order.

    Returns
    -------
    value, low, high : float
        About 1 if samples differ as much as pictures do; 0 if the generator draws one picture.
    """
    a, b, rng = pair_distances(made), pair_distances(real), np.random.default_rng(seed)
    means_a, means_b = (x[rng.integers(0, len(x), (n_draws, len(x)))].mean(axis=1) for x in (a, b))
    low, high = np.quantile(means_a / means_b, (0.025, 0.975))
    return float(a.mean() / b.mean()), float(low), float(high)
