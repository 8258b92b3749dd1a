"""Linear discriminants of categories from the spatio-temporal pattern of a trial, in closed form.

A reader of categories gives decision values (n, n_classes), the largest for the class it reads.

Source: Blankertz, Lemm, Treder, Haufe & Mueller, NeuroImage 56 (2011) 814-825: discriminants of spatio-temporal patterns
with a shrunk covariance; Ledoit & Wolf, Journal of Multivariate Analysis 88 (2004) 365-411, for how far to shrink;
Guggenmos, Sterzer & Cichy, NeuroImage 173 (2018) 434-447, for whitening channels first.
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
    windows: Floats, targets: Floats, bin_times: int = 1, shrinkage: float | None = None, loading: float = 1.0
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
    loading : float
        Channels are whitened first by their covariance within classes, of which so much, above 0 to 1, is replaced by a
        multiple of the identity; with 1 they stay as they are.

    Returns
    -------
    LinearReader
        Of the logarithm of each class's probability, up to what all have in common.

    Raises
    ------
    SettingsError
        If the targets are not one-hot over two or more classes that all have a trial, or a setting is out of range.
    """
    _check(windows, targets, bin_times, shrinkage, loading)
    binned = bins(windows, bin_times)
    whitening = _whitening(binned, targets, loading)
    features = (whitening @ binned).reshape(len(windows), -1).astype(np.float64)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-9)
    standard = (features - mean) * scale
    counts = targets.sum(axis=0, dtype=np.float64)
    centres = targets.T @ standard / counts[:, np.newaxis]
    directions = _directions(standard - targets @ centres, centres, shrinkage)
    shares, per_feature = counts / counts.sum(), directions * scale
    intercept = np.log(shares) - 0.5 * np.einsum("kf,kf->k", centres, directions) - per_feature @ mean
    per_bin = whitening @ per_feature.reshape(len(counts), *binned.shape[1:])
    weights = np.zeros((*windows.shape[1:], len(counts)), np.float32)
    weights[:, : binned.shape[2] * bin_times] = np.repeat(per_bin / bin_times, bin_times, axis=2).transpose(1, 2, 0)
    return LinearReader(weights, intercept.astype(np.float32), shares.astype(np.float32))


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


def _whitening(windows: Floats, targets: Floats, loading: float) -> Floats:
    """Symmetric inverse root (n_channels, n_channels) of the loaded covariance over channels within classes."""
    n_channels = windows.shape[1]
    if loading == 1.0:
        return np.eye(n_channels, dtype=np.float32)
    centres = np.einsum("nk,nct->kct", targets / targets.sum(axis=0), windows, optimize=True)
    rest = windows - centres[targets.argmax(axis=1)]
    covariance = np.einsum("nct,ndt->cd", rest, rest, optimize=True).astype(np.float64) / (len(rest) * rest.shape[2])
    variances, axes = np.linalg.eigh(covariance)
    loaded = (1 - loading) * np.maximum(variances, 0) + loading * variances.mean() + 1e-12
    return np.asarray((axes / np.sqrt(loaded)) @ axes.T, np.float32)


def _check(windows: Floats, targets: Floats, bin_times: int, shrinkage: float | None, loading: float) -> None:
    one_hot = targets.ndim == 2 and np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()
    if len(windows) != len(targets) or not one_hot or targets.shape[1] < 2 or not targets.any(axis=0).all():
        raise SettingsError(
            f"Each of {len(windows)} trials needs its class, one-hot over two or more classes that all have a trial; got "
            f"targets {targets.shape}. Leave out classes without a trial."
        )
    shares = [loading] if shrinkage is None else [loading, shrinkage]
    if not 1 <= bin_times <= windows.shape[2] or not all(0 < share <= 1 for share in shares):
        raise SettingsError(
            f"Bins hold 1 to {windows.shape[2]} samples, and covariances are shrunk and loaded by more than 0, at most 1; got "
            f"{bin_times}, {shrinkage} and {loading}. Choose others."
        )
