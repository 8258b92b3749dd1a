"""What is known of patterns and noise beyond the trials themselves: noise is stationary, patterns are smooth, both few.

Sources: Wiener filter of estimated patterns, Rasmussen & Williams, Gaussian processes for machine learning (2006), eq. 2.23,
with a prior of Kronecker form estimated from the patterns (empirical Bayes). Shrinkage: Ledoit & Wolf, Journal of
Multivariate Analysis 88 (2004) 365-411. Through the trials' Gram matrix: Woodbury's identity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_LOADING = 1e-4
"""Added to a covariance, as a share of its mean variance."""


def stationary(residuals: Floats) -> Doubles:
    """Covariance of noise that is the same at all times, a little loaded.

    Parameters
    ----------
    residuals : float32 array (n_trials, n_channels, n_times)
        Of mean 0.

    Returns
    -------
    float64 array (n_channels * n_times, n_channels * n_times)
        Channels and times in the order of the residuals; it depends on the lag between two times alone. Sums over a lag
        are divided by all times, also by those it does not reach: only so is the matrix never negative.
    """
    n_trials, n_channels, n_times = residuals.shape
    covariance = np.empty((n_channels, n_times, n_channels, n_times))
    for lag in range(n_times):
        later, earlier = residuals[:, :, lag:], residuals[:, :, : n_times - lag]
        one = np.einsum("nct,ndt->cd", later, earlier, optimize=True) / (n_trials * n_times)
        for time in range(n_times - lag):
            covariance[:, time + lag, :, time] = one
            covariance[:, time, :, time + lag] = one.T
    matrix = covariance.reshape(n_channels * n_times, -1)
    return np.asarray(matrix + _LOADING * np.trace(matrix) / len(matrix) * np.eye(len(matrix)))


def filtered_patterns(patterns: Doubles, noise: Doubles, covariance: Doubles, n_trials: int, n_times: int) -> Doubles:
    """Least squares' patterns, without what their prior says is noise.

    Parameters
    ----------
    patterns : float64 array (latent_dim, n_channels * n_times)
        Fitted to `n_trials` trials with the covariance `noise`, of latents with the covariance `covariance`.
    noise : float64 array (n_features, n_features)
    covariance : float64 array (latent_dim, latent_dim)
    n_trials, n_times : int

    Returns
    -------
    float64 array of the shape of `patterns`
        Their mean under the prior: for uncorrelated latents of unit variance, patterns are independent, Gaussian, and of
        a covariance that is a product of one over channels and one over times.
    """
    dim, n_features = patterns.shape
    shape = (n_features // n_times, n_times)
    error = noise / n_trials  # of one pattern, for latents of unit variance
    white = (np.linalg.cholesky(covariance + 1e-9 * np.trace(covariance) * np.eye(dim)).T @ patterns).reshape(
        dim, *shape
    )
    errors = error.reshape(*shape, *shape)
    space = _positive(np.einsum("dct,det->ce", white, white) / dim - np.einsum("ctet->ce", errors))
    time = _positive(np.einsum("dct,dcu->tu", white, white) / dim - np.einsum("ctcu->tu", errors))
    if not space.any() or not time.any():
        return np.zeros_like(patterns)
    prior = np.kron(space, time) / np.trace(time)
    return np.asarray(np.linalg.solve(prior + error, patterns.T).T @ prior)


def weigh_by_trials(residuals: Floats, patterns: Floats) -> Doubles:
    """Inverse of the residuals' shrunk covariance times the patterns, without ever making the covariance.

    Parameters
    ----------
    residuals : float32 array (n_trials, n_features)
        Of mean 0.
    patterns : float32 array (n_patterns, n_features)

    Returns
    -------
    float64 array (n_features, n_patterns)
        The covariance is shrunk towards its diagonal.
    """
    spread = np.sqrt(np.einsum("nf,nf->f", residuals, residuals) / len(residuals)) + np.float32(1e-6)
    scaled, wanted = residuals / spread, patterns / spread
    gram = (scaled @ scaled.T).astype(np.float64) / len(scaled)
    share = float(np.clip(shrinkage(gram, scaled.shape[1]), 1e-3, 1 - 1e-6))
    ratio = share / (1 - share)
    inner = (scaled @ wanted.T).astype(np.float64) / len(scaled)
    seen = scaled.T @ np.linalg.solve(gram + ratio * np.eye(len(gram)), inner).astype(np.float32)
    return np.asarray((wanted.T - seen).astype(np.float64) / share / spread[:, np.newaxis])


def shrinkage(gram: Doubles, n_features: int) -> float:
    """The share of the identity in Ledoit and Wolf's covariance, from the Gram matrix of trials over their number.

    Parameters
    ----------
    gram : float64 array (n_trials, n_trials)
        ``X @ X.T / n_trials`` of trials X (n_trials, n_features) of mean 0.
    n_features : int
    """
    n_trials, mean = len(gram), np.trace(gram) / n_features
    squares = (gram**2).sum()
    distance = squares / n_features - mean**2
    error = (n_trials * (np.diag(gram) ** 2).sum() - squares) / (n_trials * n_features)
    return float(min(error, distance) / max(distance, 1e-30))


def _positive(matrix: Doubles) -> Doubles:
    """The matrix without its negative eigenvalues."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)
