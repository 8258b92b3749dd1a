"""Band amplitudes of windows of EEG, by products with fixed waves, so that the same graph computes them everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

BANDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "t1": (4.0, 6.0),
        "t2": (6.5, 8.0),
        "a1": (8.5, 10.0),
        "a2": (10.5, 13.0),
        "b1": (13.5, 18.0),
        "b2": (18.5, 30.0),
        "g1": (30.5, 40.0),
        "g2": (40.0, 49.5),
    }
)
"""The eight bands of ZuCo, lowest and highest frequency in Hz. Source: Hollenstein et al. 2018, "ZuCo, a simultaneous EEG and
eye-tracking resource for natural sentence reading", Scientific Data 5, section "EEG data"."""
FLOOR_UV = 1e-3
"""Amplitude below which nothing is told apart; it keeps the logarithm of silence finite."""


class BandAmplitudes(nn.Module):
    """Logarithm of the amplitude of each channel in each band.

    A window is multiplied with tapered cosines and sines whose frequencies fill the band; the powers of both are averaged over
    the frequencies of the band. No filter is run, so no sample outside the window counts.

    Parameters
    ----------
    n_times : int
        Samples of a window.
    sfreq : float
        Their rate in Hz.
    bands : mapping of str to (float, float)
        Lowest and highest frequency of each in Hz.

    Attributes
    ----------
    names : tuple of str
        Names of the bands, in order.

    Raises
    ------
    ValueError
        If a band reaches the Nyquist frequency, or the window is too short to hold a cycle of its lowest one.
    """

    cosines: Tensor
    sines: Tensor
    averages: Tensor

    def __init__(self, n_times: int, sfreq: float, bands: Mapping[str, tuple[float, float]] = BANDS) -> None:
        super().__init__()
        high = [name for name, (_, highest) in bands.items() if highest >= sfreq / 2]
        low = [name for name, (lowest, _) in bands.items() if lowest * n_times < sfreq]
        if high or low:
            raise ValueError(
                f"Bands must lie below half of {sfreq:g} Hz, and {n_times} samples must hold a cycle of each; not so: "
                f"{', '.join(high + low)}. Leave them out, or change the rate or the length of the windows"
            )
        self.names = tuple(bands)
        per_band = [_frequencies(*limits, sfreq / n_times) for limits in bands.values()]
        waves = torch.cat(per_band)[:, None] * (2 * math.pi / sfreq) * torch.arange(n_times, dtype=torch.float64)
        taper = torch.hann_window(n_times + 2, periodic=False, dtype=torch.float64)[1:-1]
        taper = 2.0 * taper / taper.sum()  # a wave of amplitude 1 at one of the frequencies has power 1 there
        self.register_buffer("cosines", (taper * waves.cos()).float())
        self.register_buffer("sines", (taper * waves.sin()).float())
        owner = torch.repeat_interleave(torch.tensor([len(each) for each in per_band]))
        averages = (owner == torch.arange(len(per_band))[:, None]).float()
        self.register_buffer("averages", averages / averages.sum(dim=1, keepdim=True))

    @property
    def n_bands(self) -> int:
        """How many bands there are."""
        return len(self.names)

    def forward(self, windows: Tensor) -> Tensor:
        """Log amplitudes (..., n_channels * n_bands), channel by channel, of windows (..., n_channels, n_times) in uV."""
        centred = windows - windows.mean(dim=-1, keepdim=True)
        powers = (centred @ self.cosines.T).square() + (centred @ self.sines.T).square()
        amplitudes: Tensor = 0.5 * torch.log(powers @ self.averages.T + FLOOR_UV**2)
        return amplitudes.flatten(-2)


def usable_bands(sfreq: float, n_times: int) -> dict[str, tuple[float, float]]:
    """Those of the eight bands that windows of `n_times` samples at `sfreq` Hz can tell."""
    return {
        name: (lowest, highest)
        for name, (lowest, highest) in BANDS.items()
        if highest < sfreq / 2 and lowest * n_times >= sfreq
    }


def _frequencies(lowest: float, highest: float, resolution: float) -> Tensor:
    """Frequencies in Hz from one limit to the other, no further apart than half the resolution of the window."""
    n = max(1 + math.ceil((highest - lowest) / (resolution / 2)), 2)
    return torch.linspace(lowest, highest, n, dtype=torch.float64)
