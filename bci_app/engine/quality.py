"""Whether each channel can be used, from the last seconds as they are streamed: pure functions, and a verdict in words.

A verdict rests on five figures. Those that people know from offline cleaning are the ones of PREP, which marks channels by
their deviation, by correlation with others below 0.4, and by their noise at high frequencies.
Source: Bigdely-Shamlo et al. 2015, Frontiers in Neuroinformatics 9:16; limits without a source are ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.signal import Samples
from bci_app.engine.spectrum import Floats, Spectrum, band_correlation, welch

Grade = Literal["good", "fair", "bad"]

SECONDS = 5.0
"""Length of signal that a verdict rests on."""
LEAST_S = 2.0
LINES_HZ = (50.0, 60.0)
BROAD_HZ = (1.0, 80.0)
CORRELATED_HZ = (1.0, 40.0)
N_NEIGHBOURS = 4
NEAR = 0.7
"""Farthest neighbour, in radii of the head: a little more than the distance of the 10-20 system, 36 degrees. Electrodes that
are farther apart need not be alike: those of a headband with four are not."""
_FEWEST_NEIGHBOURS = 2
"""One alone may be the one that is bad."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From which figure on a channel is fair, and from which it is bad; `flat_uv` and `repeated` are of a flat one."""

    flat_uv: float = 0.5
    repeated: float = 0.5
    clipped: tuple[float, float] = (0.005, 0.05)
    line: tuple[float, float] = (0.25, 0.6)
    drift_uv: tuple[float, float] = (50.0, 200.0)
    alike: tuple[float, float] = (0.4, 0.15)


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What was measured, each (n_channels,); NaN where it cannot be.

    `spread_uv`: standard deviation; `repeated`: share of samples equal to the one before; `clipped`: share of samples at the
    extremes; `line`: share of the power at `line_hz`; `drift_uv`: standard deviation of the means of single seconds;
    `alike`: median correlation with the nearest electrodes.
    """

    spread_uv: Floats
    repeated: Floats
    clipped: Floats
    line: Floats
    line_hz: float
    drift_uv: Floats
    alike: Floats


@dataclass(frozen=True, slots=True)
class ChannelQuality:
    """The verdict on one channel; `words` say why, and are empty if nothing is wrong."""

    channel: str
    grade: Grade
    words: str


def repeated_share(data: Samples) -> Floats:
    """Share of the samples of `data` (n_channels, n_times) that equal the one before, (n_channels,)."""
    return np.asarray((data[:, 1:] == data[:, :-1]).mean(axis=1), np.float64)


def clipped_share(data: Samples) -> Floats:
    """Share of the samples of `data` (n_channels, n_times) that stand at the extremes with a neighbour that does too.

    A free signal touches its extremes for a sample; one that is clipped stays there. Of a sine of amplitude a that is cut at
    c, it is 1 - 2 / pi asin(c / a).
    """
    ends = (data == data.max(axis=1, keepdims=True)) | (data == data.min(axis=1, keepdims=True))
    padded = np.pad(ends, ((0, 0), (1, 1)))
    return np.asarray((ends & (padded[:, :-2] | padded[:, 2:])).mean(axis=1), np.float64)


def line_share(spectrum: Spectrum, line_hz: float) -> Floats:
    """Share of the power from 1 to 80 Hz that lies within 1 Hz of `line_hz`, (n_channels,).

    NaN where there is no power, or the rate is too low to tell.
    """
    if line_hz + 1 > spectrum.freqs_hz[-1]:
        return np.full(len(spectrum.density), np.nan)
    total = spectrum.power(*BROAD_HZ)
    line = spectrum.power(line_hz - 1, line_hz + 1)
    return np.divide(line, total, out=np.full_like(total, np.nan), where=total > 0)


def slow_spread_uv(data: Samples, sfreq: float) -> Floats:
    """Standard deviation of the means of single seconds of `data` (n_channels, n_times), (n_channels,).

    Of a straight drift of s a second over n seconds it is s sqrt((n^2 - 1) / 12). NaN for less than two seconds.
    """
    n = round(sfreq)
    n_seconds = data.shape[1] // n if n else 0
    if n_seconds < 2:
        return np.full(len(data), np.nan)
    seconds = data[:, -n_seconds * n :].reshape(len(data), n_seconds, n)
    return np.asarray(seconds.mean(axis=2, dtype=np.float64).std(axis=1), np.float64)


def nearest_electrodes(
    channels: tuple[str, ...], places: Mapping[str, Floats], n: int = N_NEIGHBOURS
) -> NDArray[np.intp]:
    """The `n` nearest electrodes of each channel, nearest first (n_channels, n); -1 where there is none within `NEAR`.

    Parameters
    ----------
    channels : tuple of str
        All channels.
    places : mapping of str to float64 array (3,)
        Where those of them are whose place is known.
    """
    known = np.array([row for row, name in enumerate(channels) if name in places], np.intp)
    result = np.full((len(channels), n), -1, np.intp)
    if len(known) < 2:
        return result
    at = np.stack([places[channels[row]] for row in known])
    apart = np.linalg.norm(at[:, np.newaxis] - at, axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, : min(n, len(known) - 1)]
    near = np.take_along_axis(apart, nearest, axis=1) <= NEAR
    result[known, : nearest.shape[1]] = np.where(near, known[nearest], -1)
    return result


def neighbour_correlation(correlation: Floats, neighbours: NDArray[np.intp]) -> Floats:
    """Median correlation of each channel with its neighbours, (n_channels,).

    Parameters
    ----------
    correlation : float64 array (n_channels, n_channels)
        See `band_correlation`.
    neighbours : int array (n_channels, n)
        See `nearest_electrodes`; -1 for none.

    Returns
    -------
    float64 array (n_channels,)
        NaN with fewer than two neighbours, or without power.
    """
    result = np.full(len(correlation), np.nan)
    for row, nearest in enumerate(neighbours):
        values = correlation[row, nearest[nearest >= 0]]
        values = values[np.isfinite(values)]
        if len(values) >= _FEWEST_NEIGHBOURS:
            result[row] = np.median(values)
    return result


def measure(data: Samples, sfreq: float, neighbours: NDArray[np.intp]) -> Figures:
    """All figures of `data` (n_channels, n_times) in microvolts; of the two line frequencies the stronger one counts."""
    spectrum = welch(data, sfreq)
    lines = [line_share(spectrum, hz) for hz in LINES_HZ]
    stronger = int(np.argmax([np.nansum(each) for each in lines]))
    high_hz = min(CORRELATED_HZ[1], 0.45 * sfreq)
    return Figures(
        data.std(axis=1, dtype=np.float64),
        repeated_share(data),
        clipped_share(data),
        lines[stronger],
        LINES_HZ[stronger],
        slow_spread_uv(data, sfreq),
        neighbour_correlation(band_correlation(data, sfreq, (CORRELATED_HZ[0], high_hz)), neighbours),
    )


def judge(channels: tuple[str, ...], figures: Figures, limits: Limits | None = None) -> tuple[ChannelQuality, ...]:
    """The verdict on each channel: the worst of its figures, and every one that is not good in words."""
    limits = limits or Limits()
    return tuple(_verdict(name, row, figures, limits) for row, name in enumerate(channels))


def look_at(
    data: Samples, sfreq: float, channels: tuple[str, ...], neighbours: NDArray[np.intp]
) -> tuple[ChannelQuality, ...]:
    """`measure` and `judge` in one; none while there are less than two seconds (n_channels, n_times) in microvolts."""
    return judge(channels, measure(data, sfreq, neighbours)) if data.shape[1] >= LEAST_S * sfreq else ()


def _verdict(name: str, row: int, figures: Figures, limits: Limits) -> ChannelQuality:
    spread = figures.spread_uv[row]
    if spread < limits.flat_uv or figures.repeated[row] > limits.repeated:
        return ChannelQuality(name, "bad", f"flat: moves by {spread:.2g} µV")
    found = [
        _compared(figures.clipped[row], limits.clipped, f"clipped {100 * figures.clipped[row]:.0f} % of the time"),
        _compared(figures.line[row], limits.line, f"{figures.line_hz:g} Hz is {100 * figures.line[row]:.0f} % of it"),
        _compared(figures.drift_uv[row], limits.drift_uv, f"drifts by {figures.drift_uv[row]:.0f} µV"),
        _compared(-figures.alike[row], (-limits.alike[0], -limits.alike[1]), "unlike its neighbours"),
    ]
    grades = [grade for grade, _ in found]
    worst: Grade = "bad" if "bad" in grades else "fair" if "fair" in grades else "good"
    return ChannelQuality(name, worst, ", ".join(words for grade, words in found if grade != "good"))


def _compared(value: float, limits: tuple[float, float], words: str) -> tuple[Grade, str]:
    if math.isnan(value) or value < limits[0]:
        return "good", words
    return ("bad" if value >= limits[1] else "fair"), words
