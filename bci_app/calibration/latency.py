"""How much later than its marker a participant's response begins: equipment, eyes and brain together.

Two ways, both from training trials alone: when the response is strongest, against when a known component is strongest in
most people; or by how much the response comes later than that of others with the same channels. What is found goes into
`TrialSpec.latency_s`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from bci_app.contract.windowing import TrialSpec

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

N170_S = 0.17
"""Peak of the response to faces after their onset (Bentin et al. 1996, Journal of Cognitive Neuroscience 8, 551-565)."""
SMOOTH_S = 0.015
NEARLY = 0.75
N_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds after the marker, with the ends of the 95 % interval over trials."""

    latency_s: float
    low_s: float
    high_s: float


def latency_of_peak(
    windows: Floats,
    cut: TrialSpec,
    sfreq: float,
    component_s: float = N170_S,
    search_s: tuple[float, float] = (0.05, 0.6),
    targets: Floats | None = None,
    seed: int = 0,
) -> Latency:
    """When the response has most energy over channels, less when the component has it in most people.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, n_times)
        Training trials.
    cut : TrialSpec
        How they were cut; its own latency is part of the result.
    sfreq : float
        Hz of the windows.
    component_s : float
        Seconds after the onset at which the component is strongest in most people.
    search_s : (start, stop)
        Seconds after the marker in which it is sought.
    targets : float32 array (n_trials, n_classes), optional
        One-hot: the response is then how the mean trials of the classes differ, and not the mean of all.
    seed : int
        For the interval, over trials that are drawn again.

    Raises
    ------
    SettingsError
        If there are fewer than ten trials, or the trials do not reach over the search.
    """
    from scipy.ndimage import gaussian_filter1d

    _check(windows)
    seconds = cut.latency_s + cut.start_s + np.arange(windows.shape[2]) / sfreq
    inside = np.flatnonzero((seconds >= search_s[0]) & (seconds <= search_s[1]))
    if len(inside) < 2 or seconds[0] > search_s[0] + 1 / sfreq or seconds[-1] < search_s[1] - 2 / sfreq:
        raise SettingsError(
            f"A response is sought from {search_s[0]} to {search_s[1]} s; trials last from {seconds[0]:.3f} to "
            f"{seconds[-1]:.3f} s after the marker. Cut longer trials, or search less."
        )
    kinds = [windows] if targets is None else [windows[shown > 0] for shown in targets.T]
    means = np.stack([_drawn_means(kind, seed + number) for number, kind in enumerate(kinds)])
    response = means if targets is None else means - means.mean(axis=0)
    energy = gaussian_filter1d((response**2).sum(axis=(0, 2)), SMOOTH_S * sfreq, axis=1)
    return _interval(np.array([seconds[inside[_first_peak(each)]] for each in energy[:, inside]]) - component_s)


def latency_behind(windows: Floats, template: Floats, sfreq: float, largest_s: float = 0.3, seed: int = 0) -> Latency:
    """By how much the mean trial comes later than a template, the mean trial of others cut in the same way.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, n_times)
        Training trials.
    template : float32 array (n_channels, n_times)
    sfreq : float
        Hz of both.
    largest_s : float
        Largest shift that is tried, either way. The correlation over what overlaps must be largest.
    seed : int
        For the interval, over trials that are drawn again.

    Raises
    ------
    SettingsError
        If there are fewer than ten trials, the shapes differ, or a shift leaves less than half to compare.
    """
    _check(windows)
    n_times, largest = windows.shape[2], round(largest_s * sfreq)
    if template.shape != windows.shape[1:] or not 0 < largest <= n_times // 2:
        raise SettingsError(
            f"Template and trials must be alike, and shifts at most half of them ({n_times // 2} samples); got "
            f"{template.shape}, {windows.shape[1:]} and {largest} samples. Cut longer trials, or try smaller shifts."
        )
    means, shifts = _drawn_means(windows, seed), np.arange(-largest, largest + 1)
    fits = np.stack([_correlation(*_overlap(means, template, int(shift))) for shift in shifts], axis=1)
    return _interval(shifts[fits.argmax(axis=1)] / sfreq)


def _first_peak(energy: Doubles) -> int:
    """Number of the first peak that is nearly as high as the highest: what follows it can be as strong."""
    beside = np.pad(energy, 1, constant_values=-np.inf)
    is_peak = (energy >= beside[:-2]) & (energy >= beside[2:]) & (energy >= NEARLY * energy.max())
    return int(np.argmax(is_peak))


def _overlap(means: Doubles, template: Floats, shift: int) -> tuple[Doubles, Floats]:
    """The parts that lie over one another if the means come `shift` samples later."""
    n = template.shape[1] - abs(shift)
    late, early = max(shift, 0), max(-shift, 0)
    return means[:, :, late : late + n], template[:, early : early + n]


def _correlation(means: Doubles, template: Floats) -> Doubles:
    flat, wanted = means.reshape(len(means), -1), template.ravel() - template.mean()
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat @ wanted / (np.linalg.norm(flat, axis=1) * np.linalg.norm(wanted) + 1e-12))


def _drawn_means(windows: Floats, seed: int) -> Doubles:
    """The mean trial first, then those of trials drawn again, (1 + N_DRAWS, n_channels, n_times)."""
    n = len(windows)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), N_DRAWS)
    weights = np.concatenate([np.ones((1, n)), counts]) / n
    return np.asarray((weights @ windows.reshape(n, -1)).reshape(-1, *windows.shape[1:]))


def _interval(drawn_s: Doubles) -> Latency:
    low, high = np.quantile(drawn_s[1:], (0.025, 0.975))
    return Latency(float(drawn_s[0]), float(low), float(high))


def _check(windows: Floats) -> None:
    if windows.ndim != 3 or len(windows) < 10:
        raise SettingsError(
            f"A latency is estimated from at least 10 trials (n_trials, n_channels, n_times); got {windows.shape}. Record more."
        )
