"""Standardisation of windows by training trials: the mean trial taken out, channels scaled or whitened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.features import space_covariance

Floats = NDArray[np.float32]

LOADING = 1e-3
"""Added to the channel covariance, as a share of its mean variance: an average reference leaves it without one rank."""


@dataclass(frozen=True, slots=True, eq=False)
class Standard:
    """``matrix @ (window - mean)``: `mean` (n_channels, n_times) and `matrix` (n_channels, n_channels)."""

    mean: Floats
    matrix: Floats

    def apply(self, windows: Floats) -> Floats:
        """Standardised windows (n, n_channels, n_times)."""
        return np.asarray(self.matrix @ (windows - self.mean), np.float32)


def fit_standard(windows: Floats, whiten: bool) -> Standard:
    """From training trials (n, n_channels, n_times) alone.

    Parameters
    ----------
    windows : float32 array (n, n_channels, n_times)
    whiten : bool
        The symmetric inverse root of the covariance over channels; else each channel over its own spread.

    Source: Guggenmos, Sterzer & Cichy 2018, NeuroImage 173, 434-447 (multivariate noise normalisation); the published
    preprocessing of THINGS-EEG2 fits it on test trials too, which is not done here.
    """
    mean = windows.mean(axis=0)
    rest = windows - mean
    covariance = space_covariance(rest)
    if not whiten:
        covariance = np.diag(np.diag(covariance))
    variances, axes = np.linalg.eigh(covariance)
    scales = 1 / np.sqrt(np.maximum(variances, 0) + LOADING * variances.mean() + 1e-12)
    return Standard(mean, np.asarray((axes * scales) @ axes.T, np.float32))
