"""Where windows and trials begin and end: the same arithmetic over a recording and over the live ring buffer.

Windows are counted in samples from the first sample (or the first after a gap), so any chunking gives the same
ones. Trials are cut at the sample nearest to their marker. Nothing is ever cut across a gap.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from typing import Protocol, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bci_app.contract.errors import SettingsError
from bci_app.contract.signal import Marker, Samples, Times, Trial, Window
from bci_app.contract.units import Frequency

AHEAD_S = 10.0
_AHEAD_SAMPLES = 25
_SLOW_HZ = 10.0
_OFF_THE_MIDDLE = 0.01
_AT_A_GAP = 0.51  # half a sample, and a hair for rounding


class WindowSpec(BaseModel):
    """Sliding windows: `window_s` seconds long, a new one every `hop_s` seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    window_s: float = Field(gt=0, le=60)
    hop_s: float = Field(gt=0, le=60)


class TrialSpec(BaseModel):
    """Trials: from `start_s` to `stop_s` round the onset; `baseline_s` (from, to) is averaged and subtracted.

    The onset is `latency_s` after the marker: what a participant's equipment, eyes and brain add to the time that the
    marker tells, estimated from the trials a decoder was trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    start_s: float = Field(ge=-10, le=60)
    stop_s: float = Field(ge=-10, le=60)
    baseline_s: tuple[float, float] | None = None
    latency_s: float = Field(default=0.0, ge=-1, le=10)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if not self.start_s < self.stop_s:
            raise SettingsError(f"A trial must stop after it starts; got {self.start_s} to {self.stop_s} s.")
        if self.baseline_s is not None:
            low, high = self.baseline_s
            if not self.start_s <= low < high <= self.stop_s:
                raise SettingsError(
                    f"The baseline must lie inside the trial ({self.start_s} to {self.stop_s} s); got {low} to {high} s."
                )
        return self


def marker_latency_s(cut: WindowSpec | TrialSpec) -> float:
    """How long after its marker a trial's onset is taken to be; 0 for windows, which belong to no marker."""
    return cut.latency_s if isinstance(cut, TrialSpec) else 0.0


def reach_s(cut: WindowSpec | TrialSpec) -> float:
    """Seconds of signal that must be held to cut one window or trial: a trial is found by the sample at its marker."""
    if isinstance(cut, WindowSpec):
        return cut.window_s
    return max(cut.stop_s + cut.latency_s, 0.0) - min(cut.start_s + cut.latency_s, 0.0)


def samples_per_window(cut: WindowSpec | TrialSpec, sfreq: float) -> int:
    """How many preprocessed samples at `sfreq` Hz one window or trial holds."""
    rate = Frequency(sfreq)
    if isinstance(cut, WindowSpec):
        return rate.samples(cut.window_s)
    return rate.samples(cut.stop_s) - rate.samples(cut.start_s)


class SampleStore(Protocol):
    """Preprocessed samples that can be read by their number: an array offline, the ring buffer live."""

    @property
    def sfreq(self) -> float:
        """Rate in Hz."""
        ...

    @property
    def oldest(self) -> int:
        """Number of the first sample still held."""
        ...

    @property
    def newest(self) -> int:
        """One past the number of the last sample written."""
        ...

    def read(self, start: int, stop: int) -> tuple[Samples, Times]:
        """Copies of samples [start, stop): float32 (n_channels, n) and float64 (n,)."""
        ...

    def index_at(self, time_s: float) -> int | None:
        """Number of the sample nearest to `time_s`; None if that one is not held (too new or too old)."""
        ...

    def first_gap(self, start: int, stop: int) -> int | None:
        """Number of the first sample in (start, stop) before which samples are missing; None without one."""
        ...

    def arrived_at(self, index: int) -> float:
        """LSL seconds at which sample `index` was in hand; NaN offline."""
        ...


class ArrayStore:
    """A whole preprocessed recording as a `SampleStore`.

    Parameters
    ----------
    data : float32 array (n_channels, n_times)
        Microvolts.
    times : float64 array (n_times,)
        Seconds.
    sfreq : float
        Rate in Hz.
    gaps : tuple of int
        Numbers of the samples before which samples are missing, growing.
    """

    def __init__(self, data: Samples, times: Times, sfreq: float, gaps: tuple[int, ...] = ()) -> None:
        self.data = data
        self.times = times
        self.sfreq = sfreq
        self.gaps = gaps
        self.oldest = 0
        self.newest = int(times.size)

    def read(self, start: int, stop: int) -> tuple[Samples, Times]:
        """See `SampleStore.read`."""
        return self.data[:, start:stop].copy(), self.times[start:stop].copy()

    def index_at(self, time_s: float) -> int | None:
        """See `SampleStore.index_at`."""
        return nearest_sample(self.times, time_s, self.sfreq)

    def first_gap(self, start: int, stop: int) -> int | None:
        """See `SampleStore.first_gap`."""
        return first_between(self.gaps, start, stop)

    def arrived_at(self, index: int) -> float:
        """NaN: nothing arrives offline."""
        return math.nan


def nearest_sample(times: Times, time_s: float, sfreq: float) -> int | None:
    """Index into the growing `times` nearest to `time_s`; None more than half a sample outside of them."""
    half = 0.5 / sfreq
    if times.size == 0 or not times[0] - half <= time_s <= times[-1] + half:
        return None
    right = min(int(np.searchsorted(times, time_s)), times.size - 1)
    left = max(right - 1, 0)
    return left if time_s - times[left] < times[right] - time_s else right


def first_between(numbers: tuple[int, ...], start: int, stop: int) -> int | None:
    """The first of the growing `numbers` inside (start, stop), both ends left out."""
    position = bisect_right(numbers, start)
    return numbers[position] if position < len(numbers) and numbers[position] < stop else None


class HopWindows:
    """Gives each sliding window once, as soon as its last sample is there.

    Parameters
    ----------
    spec : WindowSpec
        Length and hop in seconds.
    sfreq : float
        Rate of the preprocessed signal in Hz.

    Attributes
    ----------
    skipped : int
        Windows passed over because they were overwritten, or because only the latest was asked for.
    """

    def __init__(self, spec: WindowSpec, sfreq: float) -> None:
        self.n_times = samples_per_window(spec, sfreq)
        self.n_hop = Frequency(sfreq).samples(spec.hop_s)
        if self.n_times < 1 or self.n_hop < 1:
            raise SettingsError(
                f"A window and its hop must each last at least one sample ({1 / sfreq:g} s at {sfreq:g} Hz); "
                f"got {spec.window_s} s and {spec.hop_s} s."
            )
        self.skipped = 0
        self._next = 0

    @property
    def next_end(self) -> int:
        """One past the number of the sample that completes the next window."""
        return self._next + self.n_times

    def due(self, store: SampleStore, latest_only: bool = False) -> Iterator[Window]:
        """Windows complete by now, oldest first.

        Parameters
        ----------
        store : SampleStore
            Where the samples are.
        latest_only : bool
            Live: leave out all but the newest, so that a slow decoder falls behind by no more than one.
        """
        while self.next_end <= store.newest:
            gap = store.first_gap(self._next, self.next_end)
            if gap is not None:
                self._next = gap
                continue
            start = self._next
            self._next += self.n_hop
            overwritten = start < store.oldest
            if overwritten or (latest_only and self.next_end <= store.newest):
                self.skipped += 1
                continue
            data, times = store.read(start, start + self.n_times)
            yield Window(data, times, start, store.arrived_at(start + self.n_times - 1))


class MarkerTrials:
    """Cuts a trial round each marker, as soon as its last sample is there.

    Parameters
    ----------
    spec : TrialSpec
        From when to when, and the baseline.
    sfreq : float
        Rate of the preprocessed signal in Hz.
    decimation : int
        One in how many raw samples it keeps. A marker that stands exactly on a raw sample may lie half-way between
        two kept ones, where the least error of a clock would decide; with an even decimation all markers are
        therefore moved half a raw sample earlier before the nearest kept sample is taken. With an odd one that
        goes for a marker half-way between two: in a slow signal (10 Hz or less, such as volumes of a scanner, to which
        pictures are often timed) markers are moved a hundredth of a sample earlier.
    ahead_s : float
        A marker this far ahead of the newest sample is not waited for, nor one 25 samples ahead if that is more.

    Attributes
    ----------
    dropped : list of (Marker, str)
        Markers that gave no trial, each with the reason.
    """

    def __init__(self, spec: TrialSpec, sfreq: float, decimation: int = 1, ahead_s: float = AHEAD_S) -> None:
        frequency = Frequency(sfreq)
        off_the_middle = _OFF_THE_MIDDLE if sfreq <= _SLOW_HZ else 0.0
        self._earlier_s = frequency.period_s * (off_the_middle if decimation % 2 else 0.5 / decimation)
        later = frequency.samples(spec.latency_s)
        self.start = frequency.samples(spec.start_s) + later
        self.stop = frequency.samples(spec.stop_s) + later
        self.n_times = samples_per_window(spec, sfreq)
        if self.n_times < 1:
            raise SettingsError(f"A trial from {spec.start_s} to {spec.stop_s} s holds no sample at {sfreq:g} Hz.")
        self._baseline: slice | None = None
        if spec.baseline_s is not None:
            low, high = (frequency.samples(border) + later - self.start for border in spec.baseline_s)
            self._baseline = slice(low, max(high, low + 1))
        self._period = frequency.period_s
        self._ahead_s = max(ahead_s, _AHEAD_SAMPLES * frequency.period_s)
        self._pending: list[Marker] = []
        self.dropped: list[tuple[Marker, str]] = []

    @property
    def pending(self) -> tuple[Marker, ...]:
        """Markers whose trial is not complete yet."""
        return tuple(self._pending)

    def add(self, marker: Marker) -> None:
        """Await the trial of `marker`; markers may come before or after their samples."""
        self._pending.append(marker)

    def due(self, store: SampleStore) -> list[Trial]:
        """Trials complete by now, in the order of their markers."""
        trials = []
        for marker in sorted(self._pending, key=lambda each: each.time):
            outcome = self._cut(marker, store)
            if outcome is None:
                continue
            self._pending.remove(marker)
            if isinstance(outcome, Trial):
                trials.append(outcome)
            else:
                self.dropped.append((marker, outcome))
        return trials

    def drop_pending(self, reason: str) -> None:
        """Give up on all markers still waiting, noting `reason`."""
        self.dropped.extend((marker, reason) for marker in self._pending)
        self._pending.clear()

    def _cut(self, marker: Marker, store: SampleStore) -> Trial | str | None:
        """The trial; or the reason why there is none; or None while samples are still to come."""
        if store.newest == 0:
            return None
        centre = store.index_at(marker.time - self._earlier_s)
        if centre is None:
            _, newest_time = store.read(store.newest - 1, store.newest)
            if marker.time > newest_time[0] + self._ahead_s:
                return (
                    "it lies far ahead of the newest sample: the stream stands still, or the marker has another clock"
                )
            return None if marker.time > newest_time[0] else "its samples came before the first one held"
        start, stop = centre + self.start, centre + self.stop
        if start < store.oldest:
            return "its first samples are no longer, or were never, held"
        # it is counted from the sample at the marker: missing ones on the way to it would shift it
        gap = store.first_gap(min(centre, start), min(max(centre + 1, stop), store.newest))
        if gap is not None:
            return f"samples are missing {'inside' if start < gap < stop else 'between its marker and'} it"
        if stop > store.newest:
            return None
        _, at_marker = store.read(centre, centre + 1)
        follows_gap = store.first_gap(centre - 1, centre + 1) is not None  # then a nearer sample is among those missing
        if abs(at_marker[0] - marker.time) > (_AT_A_GAP if follows_gap else 1.0) * self._period:
            return "samples are missing at its marker"
        data, times = store.read(start, stop)
        if self._baseline is not None:
            data -= data[:, self._baseline].mean(axis=-1, keepdims=True)
        return Trial(Window(data, times, start, store.arrived_at(stop - 1)), marker)
