"""Least squares from latents to the brain, and back: each picture's latent as the cause of what was recorded.

A trial is ``b = A' z + noise``: the patterns A are fitted by least squares with an intercept, from few latents to many
channels or voxels, which is well posed where the other way round is not. A new trial is read by inverting the map.

Plain, as published, the inverse is the pseudo-inverse, ``z = b A' (A A')^-1``, and each latent is scaled to the spread of
the training latents. (There the constant 1 is inverted along with the latents; here it is known, and taken off first.)

Weighted, the reading is the mean of the latent given the trial, ``(C^-1 + A S^-1 A')^-1 A S^-1 b``, for Gaussian latents of
the training latents' covariance C and Gaussian noise of the residuals' covariance S. Where channels are few, and features
not more than `MOST_FEATURES`, S is made stationary in time, and the patterns are filtered (Wiener) by a prior, separable in
space and time, of what patterns look like. Otherwise, and of principal components, S is shrunk towards its diagonal (Ledoit
& Wolf), and nothing is wider than features times trials. Fitted patterns make every reading too sure of itself; so a map
from readings of left-out trials to their latents comes last.

A transductive reading, scaled by the statistics of the test set, is `scaled_by_test_set`, for comparison with publications.

Sources: Mozafari, Reddy & VanRullen, IJCNN 2020. Ledoit & Wolf, Journal of Multivariate Analysis 88 (2004) 365-411. The
weighted inverse: Rodgers, Inverse methods for atmospheric sounding (2000), eq. 2.27; Friston et al., NeuroImage 39 (2008)
181-205, for the direction of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.features import Features, features_of
from bci_app.calibration.penalised import fit_penalised
from bci_app.calibration.ridge import LinearReader, stretch
from bci_app.contract.errors import SettingsError
from training.readers.patterns import Doubles, Floats, filtered_patterns, stationary, weigh_by_trials

N_FOLDS = 5
MOST_FEATURES = 3000
"""With more, no matrix of features by features is made."""

_PENALTIES = np.logspace(-5, 1, 13)
"""Of the last map, as a share of the sum of squares of the average reading."""


def fit_least_squares(
    windows: Floats, targets: Floats, *, bin_times: int, n_components: int | None = None, weighted: bool = True
) -> LinearReader:
    """A reader by least squares from latents to the brain.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, n_times)
        Preprocessed trials.
    targets : float32 array (n_trials, latent_dim)
        Latent of the picture shown in each.
    bin_times : int
        Samples averaged into one feature.
    n_components : int, optional
        Reduce the features to so many principal components of the training trials first.
    weighted : bool
        The mean of the latent given trial and noise; else the pseudo-inverse, as published.

    Returns
    -------
    LinearReader
        Stretched as `bci_app.calibration.ridge.fit_reader` does; plain, all the way. One new trial can be read alone.

    Raises
    ------
    SettingsError
        If trials and targets do not belong together, or there are too few different pictures for so many latents.
    """
    folds = _folds_by_picture(windows, targets, n_components)
    left_out = np.empty(targets.shape, np.float64)
    fit = partial(fit_inverse, bin_times=bin_times, n_components=n_components, weighted=weighted)
    for train, test in folds:
        left_out[test] = fit(windows[train], targets[train]).read(windows[test])
    reader = fit(windows, targets)
    turn, shift = _last_map(left_out, targets) if weighted else _rescaling(left_out, targets)
    weights = (reader.weights @ turn).astype(np.float32)
    return LinearReader(weights, (reader.intercept @ turn + shift).astype(np.float32), reader.mean_target)


def scaled_by_test_set(readings: Floats, targets: Floats) -> Floats:
    """Transductive: readings (n, latent_dim) with the mean and spread of the training `targets`, by their own statistics.

    A single new trial cannot be read so. Whoever scores such readings calls the score transductive.
    """
    mean, spread = readings.mean(axis=0), np.maximum(readings.std(axis=0), 1e-12)
    return np.asarray(targets.mean(axis=0) + (readings - mean) / spread * targets.std(axis=0), np.float32)


def fit_inverse(
    windows: Floats, targets: Floats, *, bin_times: int, n_components: int | None = None, weighted: bool = True
) -> LinearReader:
    """The reader as its formula gives it, before the last map: what left-out trials say of it is not asked.

    Parameters as in `fit_least_squares`; what that refuses is not looked for here.
    """
    features = features_of(windows, bin_times)
    values, axes = _components(features, n_components)
    centre = targets.mean(axis=0, dtype=np.float64)
    latents = targets - centre
    patterns = np.linalg.pinv(latents).astype(np.float32) @ values
    if weighted:
        inverse = _weighted(values, latents, patterns, None if n_components else features)
    else:
        inverse = patterns.T @ np.linalg.pinv((patterns @ patterns.T).astype(np.float64), hermitian=True)
    weights, intercept = features.fold(inverse if axes is None else axes @ inverse, centre)
    return LinearReader(weights, intercept, centre.astype(np.float32))


def _weighted(values: Floats, latents: Doubles, patterns: Floats, features: Features | None) -> Doubles:
    """Matrix (n_features, latent_dim) from a trial to the mean of its latent."""
    n_trials, dim = latents.shape
    residuals = (values - latents.astype(np.float32) @ patterns) * np.float32(np.sqrt(n_trials / (n_trials - dim - 1)))
    covariance = latents.T @ latents / n_trials
    if features is not None and features.whitened and values.shape[1] <= MOST_FEATURES:
        scale = (
            features.spread
        )  # in the scale of the signal noise is stationary, and not where each feature has its own
        noise = stationary((residuals * scale).astype(np.float32).reshape(n_trials, -1, features.n_bins))
        means = filtered_patterns(patterns * scale, noise, covariance, n_trials, features.n_bins)
        means, weighed = means / scale, scale[:, np.newaxis] * np.linalg.solve(noise, means.T)
    else:
        means = patterns.astype(np.float64)
        weighed = weigh_by_trials(residuals, patterns)
    return np.asarray(weighed @ np.linalg.solve(np.eye(dim) + covariance @ (means @ weighed), covariance))


def _components(features: Features, n_components: int | None) -> tuple[Floats, Floats | None]:
    """Scores (n_trials, n_components) of the largest principal components, and their axes; all features without a number."""
    if n_components is None:
        return features.values, None
    values = features.values
    if values.shape[1] <= values.shape[0]:
        axes = np.linalg.eigh((values.T @ values).astype(np.float64))[1][:, ::-1][:, :n_components].astype(np.float32)
    else:
        sizes, vectors = np.linalg.eigh((values @ values.T).astype(np.float64))
        scaled = (vectors / np.sqrt(np.maximum(sizes, 1e-12)))[:, ::-1][:, :n_components]
        axes = values.T @ scaled.astype(np.float32)
    return values @ axes, axes


def _folds_by_picture(
    windows: Floats, targets: Floats, n_components: int | None
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Which trials are learnt from and which left out, five times; trials of one latent stay together."""
    _, picture = np.unique(targets, axis=0, return_inverse=True)
    different, dim = int(picture.max(initial=-1)) + 1, targets.shape[1]
    needed = -(-(dim + 3) * N_FOLDS // (N_FOLDS - 1))
    if len(windows) != len(targets) or different < needed:
        raise SettingsError(
            f"Least squares from {dim} latents need trials of at least {needed} different pictures; got {len(windows)} "
            f"trials and {len(targets)} latents of {different} pictures. Record more, or take reader.kind=linear."
        )
    if n_components is not None and not dim <= n_components < different * (N_FOLDS - 1) // N_FOLDS:
        raise SettingsError(
            f"n_components must lie between the number of latents, {dim}, and four fifths of the {different} different "
            f"pictures; got {n_components}. Choose another number, or none."
        )
    fold = picture.ravel() % N_FOLDS
    return ((fold != each, fold == each) for each in range(N_FOLDS))


def _last_map(left_out: Doubles, targets: Floats) -> tuple[Doubles, Doubles]:
    """Matrix and shift that bring readings to the latents, learnt from left-out ones, and stretch them."""
    size = max(float((left_out**2).sum()) / left_out.shape[1], 1e-12)
    fitted = fit_penalised(left_out, targets, _PENALTIES * size)
    factor, centre = stretch(fitted.left_out, targets), targets.mean(axis=0, dtype=np.float64)
    return fitted.coefficients * factor, centre + factor * (fitted.intercept - centre)


def _rescaling(left_out: Doubles, targets: Floats) -> tuple[Doubles, Doubles]:
    """Diagonal matrix and shift that give left-out readings the mean and spread of the training latents."""
    centre, mean = targets.mean(axis=0, dtype=np.float64), left_out.mean(axis=0)
    factor = targets.std(axis=0, dtype=np.float64) / np.maximum(left_out.std(axis=0), 1e-12)
    return np.diag(factor), centre - mean * factor
