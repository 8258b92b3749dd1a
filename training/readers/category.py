"""Linear discriminants of categories from the spatio-temporal pattern of a trial, in closed form.

A reader of categories gives decision values (n, n_classes), the largest for the class it reads.

Source: Blankertz, Lemm, Treder, Haufe & Mueller, NeuroImage 56 (2011) 814-825: discriminants of spatio-temporal patterns
with a shrunk covariance; Ledoit & Wolf, Journal of Multivariate Analysis 88 (2004) 365-411, for how far to shrink.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.ridge import LinearReader
from bci_app.contract.errors import SettingsError

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def fit_shrinkage_lda(
    windows: Floats, targets: Floats, bin_times: int = 1, shrinkage: float | None = None
) -> LinearReader:
    """The linear discriminant of each class, folded into one matrix over the window.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, n_times)
    targets : float32 array (n_trials, n_classes)
        One-hot.
    bin_times : int
        Samples averaged into one feature; a shorter rest at the end is not read.
    shrinkage : float, optional
        How far, above 0 to 1, the covariance within classes is shrunk towards a multiple of the identity, each feature
        divided by its training spread before; without it as Ledoit and Wolf say.

    Returns
    -------
    LinearReader
        Of the logarithm of each class's probability, up to what all have in common.

    Raises
    ------
    SettingsError
        If the targets are not one-hot over two or more classes that all have a trial, or a setting is out of range.
    """
    _check(windows, targets, bin_times, shrinkage)
    binned = bins(windows, bin_times)
    features = binned.reshape(len(windows), -1).astype(np.float64)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-9)
    standard = (features - mean) * scale
    counts = targets.sum(axis=0, dtype=np.float64)
    centres = targets.T @ standard / counts[:, np.newaxis]
    directions = _directions(standard - targets @ centres, centres, shrinkage)
    intercept = np.log(counts / counts.sum()) - 0.5 * np.einsum("kf,kf->k", centres, directions)
    weights = (directions * scale).reshape(len(counts), *binned.shape[1:])
    per_sample = np.zeros((*windows.shape[1:], len(counts)))
    per_sample[:, : binned.shape[2] * bin_times] = np.repeat(weights / bin_times, bin_times, axis=2).transpose(1, 2, 0)
    intercept -= (directions * scale) @ mean
    share = (counts / counts.sum()).astype(np.float32)
    return LinearReader(per_sample.astype(np.float32), intercept.astype(np.float32), share)


def bins(windows: Floats, bin_times: int) -> Floats:
    """Means over `bin_times` samples each, (n, n_channels, n_bins); a shorter rest at the end is left out."""
    n_bins = windows.shape[2] // bin_times
    whole = windows[:, :, : n_bins * bin_times]
    return np.asarray(whole.reshape(*windows.shape[:2], n_bins, bin_times).mean(axis=3), np.float32)


def divided(reader: LinearReader, spread: float) -> LinearReader:
    """The reader with its decision values divided by `spread`, so that those of several readers can be compared."""
    divisor = np.float32(max(spread, 1e-9))
    return replace(reader, weights=reader.weights / divisor, intercept=reader.intercept / divisor)


def _directions(rest: Doubles, centres: Doubles, shrinkage: float | None) -> Doubles:
    """Inverse of the shrunk covariance of what is left within classes (n, n_features), times the centres' rows.

    With fewer trials than features through the matrix of trials (Woodbury), which is the smaller one.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    n, n_features = rest.shape
    shrunk = ledoit_wolf_shrinkage(rest, assume_centered=True) if shrinkage is None else shrinkage
    loading = max(shrunk * float((rest**2).mean()), 1e-12)
    kept = (1 - shrunk) / n
    if n > n_features:
        covariance = kept * rest.T @ rest + loading * np.eye(n_features)
        return np.asarray(np.linalg.solve(covariance, centres.T).T)
    inner = kept * rest @ rest.T + loading * np.eye(n)
    return np.asarray((centres - kept * np.linalg.solve(inner, rest @ centres.T).T @ rest) / loading)


def _check(windows: Floats, targets: Floats, bin_times: int, shrinkage: float | None) -> None:
    one_hot = targets.ndim == 2 and np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()
    if len(windows) != len(targets) or not one_hot or targets.shape[1] < 2 or not targets.any(axis=0).all():
        raise SettingsError(
            f"Each of {len(windows)} trials needs its class, one-hot over two or more classes that all have a trial; got "
            f"targets {targets.shape}. Leave out classes without a trial."
        )
    if not 1 <= bin_times <= windows.shape[2] or not (shrinkage is None or 0 < shrinkage <= 1):
        raise SettingsError(
            f"Bins hold 1 to {windows.shape[2]} samples and a covariance is shrunk by more than 0, at most 1; got "
            f"{bin_times} and {shrinkage}. Choose others."
        )
