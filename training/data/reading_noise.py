"""The noise that a model of EEG-to-text is given in place of signals: matched to those it was trained on."""

from __future__ import annotations

import numpy as np

from bci_app.calibration.ridge import fit_noise
from bci_app.contract.noise import NoiseModel
from bci_app.contract.reading import Reads
from training.data.readings import Floats, Readings

STRETCH_S = 1.0
"""Length of the stretches that the noise of waves is matched to, and joined from."""
_MOST_WINDOWS = 4000
"""Words or stretches that are enough to know a covariance by."""


def reading_noise(train: Readings) -> NoiseModel:
    """Mean and covariances of words or stretches of waves; features are windows of one sample.

    Parameters
    ----------
    train : Readings
        What the model was trained on. Of more than a few thousand words, evenly spaced ones are taken.
    """
    n_times = _stretch(train)
    counts = [steps // n_times if train.reads == "waves" else steps for steps in train.n_steps]
    n, first = sum(counts), np.cumsum([0, *counts[:-1]])
    taken = np.linspace(0, n - 1, min(n, _MOST_WINDOWS)).astype(int)
    parts = []
    for item, start, count in zip(train.items, first, counts, strict=True):
        own = taken[(taken >= start) & (taken < start + count)] - start
        parts.append(_windows(item.signal, train.reads, n_times)[own])
    return fit_noise(np.concatenate(parts))


def _stretch(train: Readings) -> int:
    """Samples of a stretch of waves: those of `STRETCH_S`, or the shortest reading."""
    if train.reads != "waves" or train.preprocessing is None:
        return 1
    return min(round(STRETCH_S * train.preprocessing.output_sfreq), *train.n_steps)


def _windows(signal: Floats, reads: Reads, n_times: int) -> Floats:
    """The words or the whole stretches of a reading (n, n_rows, n_times)."""
    if reads == "word-windows":
        return signal
    if reads == "word-features":
        return signal[:, :, np.newaxis]
    n_rows, n = signal.shape[0], signal.shape[1] // n_times
    return signal[:, : n * n_times].reshape(n_rows, n, n_times).swapaxes(0, 1)
