"""Power by frequency of the newest seconds, and what it tells of bands and of pairs of channels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.signal import Samples

Floats = NDArray[np.float64]

SEGMENT_S = 2.0
BANDS_HZ: dict[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 80.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Power density of each channel.

    Attributes
    ----------
    freqs_hz : float64 array (n_freqs,)
        From 0 to half the rate.
    density : float64 array (n_channels, n_freqs)
        Unit of the signal squared, per Hz; its sum times the step of the frequencies is the variance.
    """

    freqs_hz: Floats
    density: Floats

    @property
    def step_hz(self) -> float:
        """Distance of neighbouring frequencies."""
        return float(self.freqs_hz[1] - self.freqs_hz[0])

    def power(self, low_hz: float, high_hz: float) -> Floats:
        """Power between two frequencies, both included (n_channels,), in the unit of the signal squared."""
        within = (self.freqs_hz >= low_hz - 1e-9) & (self.freqs_hz <= high_hz + 1e-9)
        power: Floats = self.density[:, within].sum(axis=1) * self.step_hz
        return power


def welch(data: Samples, sfreq: float, segment_s: float = SEGMENT_S) -> Spectrum:
    """The spectrum of `data` (n_channels, n_times), averaged over half-overlapping Hann windows without their mean.

    Source: Welch 1967, IEEE Transactions on Audio and Electroacoustics 15, 70-73.
    """
    from scipy import signal

    n = max(2, min(round(segment_s * sfreq), data.shape[1]))
    freqs, density = signal.welch(data, fs=sfreq, window="hann", nperseg=n, detrend="constant", axis=-1)
    return Spectrum(np.asarray(freqs, np.float64), np.asarray(density, np.float64))


def band_correlation(data: Samples, sfreq: float, band_hz: tuple[float, float]) -> Floats:
    """How alike channels are within a band: correlations (n_channels, n_channels), NaN for a channel without power there.

    Over the Fourier coefficients X of the band, which by Parseval is the correlation of the filtered signals:
    Re sum X_i X_j* / sqrt(sum |X_i|^2 sum |X_j|^2).

    Parameters
    ----------
    data : float32 array (n_channels, n_times)
        At least two samples.
    sfreq : float
        Rate in Hz.
    band_hz : (float, float)
        Both included.
    """
    from scipy import fft, signal

    n_times = data.shape[1]
    window = signal.get_window("hann", n_times).astype(np.float32)
    coefficients = fft.rfft((data - data.mean(axis=1, keepdims=True)) * window, axis=1)
    first = math.ceil(band_hz[0] * n_times / sfreq)
    last = math.floor(band_hz[1] * n_times / sfreq)
    inside = coefficients[:, first : last + 1]
    products = (inside @ inside.conj().T).real.astype(np.float64)
    power = np.sqrt(np.diag(products))
    scale = np.outer(power, power)
    correlation: Floats = np.divide(products, scale, out=np.full_like(scale, np.nan), where=scale > 0)
    return correlation
