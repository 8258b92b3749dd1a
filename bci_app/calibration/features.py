"""What a linear reader sees of a trial: whitened channels, averaged in bins of time, scaled by their training spread.

Voxels are not whitened: a covariance of more channels than the trials hold samples says little, and one of twenty
thousand fills the memory. They are scaled only, and no matrix is then wider than channels times trials.

Source: multivariate noise normalisation, Guggenmos, Sterzer & Cichy, NeuroImage 173 (2018) 434-447, here from training
trials alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

MOST_CHANNELS = 512
"""With more, no matrix of channels by channels is made."""

_LOADING = 1e-3
"""Added to the channel covariance, as a share of its mean variance: an average reference leaves it without one rank."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of training trials, and the way from a linear map of them to one of windows.

    Attributes
    ----------
    values : float32 array (n_trials, n_features)
        Of mean 0 and variance 1 over the trials; n_features is n_channels times n_bins.
    spread : float64 array (n_features,)
        What each was divided by.
    """

    values: Floats
    spread: Doubles
    _mean: Doubles
    _whitening: Floats | None
    _averaging: Floats

    @property
    def n_bins(self) -> int:
        """Bins of a trial: features are ordered by channel, then by bin."""
        return int(self._averaging.shape[1])

    @property
    def whitened(self) -> bool:
        """Whether the channels were whitened, which they are where they are few."""
        return self._whitening is not None

    def fold(self, coefficients: Doubles, constant: Doubles) -> tuple[Floats, Floats]:
        """The map ``values @ coefficients + constant`` as one of windows.

        Parameters
        ----------
        coefficients : float64 array (n_features, n_outputs)
        constant : float64 array (n_outputs,)

        Returns
        -------
        weights : float32 array (n_channels, n_times, n_outputs)
        intercept : float32 array (n_outputs,)
        """
        scaled = coefficients.T / self.spread
        intercept = constant - scaled @ self._mean
        per_bin = scaled.reshape(len(scaled), -1, self.n_bins)
        if self._whitening is not None:
            per_bin = np.einsum("dwb,wc->dcb", per_bin, self._whitening, optimize=True)
        weights = np.einsum("dcb,tb->ctd", per_bin, self._averaging, optimize=True)
        return weights.astype(np.float32), intercept.astype(np.float32)


def features_of(windows: Floats, bin_times: int) -> Features:
    """Features of training trials (n_trials, n_channels, n_times), `bin_times` samples averaged into each."""
    averaging, whitening = averaging_matrix(windows.shape[2], bin_times), whitening_matrix(windows)
    binned = windows @ averaging
    values = (binned if whitening is None else whitening @ binned).reshape(len(windows), -1)
    mean = values.mean(axis=0, dtype=np.float64)
    values -= mean.astype(np.float32)
    # trial by trial: a copy of all of them in double precision would be the largest array there is
    spread = np.sqrt(sum(np.square(trial, dtype=np.float64) for trial in values) / len(values)) + 1e-6
    values /= spread.astype(np.float32)
    return Features(values, spread, mean, whitening, averaging)


def averaging_matrix(n_times: int, bin_times: int) -> Floats:
    """Matrix (n_times, n_bins) that averages `bin_times` samples into each bin; the last bin may be shorter."""
    n_bins = -(-n_times // bin_times)
    matrix = np.zeros((n_times, n_bins), np.float32)
    matrix[np.arange(n_times), np.arange(n_times) // bin_times] = 1
    return np.asarray(matrix / matrix.sum(axis=0))


def whitening_matrix(windows: Floats) -> Floats | None:
    """Symmetric matrix (n_channels, n_channels) that makes the trials' spatial covariance the identity.

    None where there are more channels than `MOST_CHANNELS`, or than samples to estimate it from.
    """
    n_trials, n_channels, n_times = windows.shape
    if n_channels > min(MOST_CHANNELS, n_trials * n_times):
        return None
    variances, axes = np.linalg.eigh(space_covariance(windows - windows.mean(axis=0)))
    scales = 1 / np.sqrt(np.maximum(variances, 0) + _LOADING * variances.mean() + 1e-12)
    return np.asarray((axes * scales) @ axes.T, np.float32)


def space_covariance(rest: Floats) -> Doubles:
    """Covariance over channels of trials (n_trials, n_channels, n_times) without their mean."""
    covariance = np.einsum("nct,ndt->cd", rest, rest, optimize=True).astype(np.float64)
    return np.asarray(covariance / (rest.shape[0] * rest.shape[2]))
