"""Frozen records of signal: what moves between the rooms of the program."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.checks import check_shape, check_unique
from bci_app.contract.errors import SignalError
from bci_app.contract.units import Frequency, Unit

Samples = NDArray[np.float32]
Times = NDArray[np.float64]


def _frozen(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """A read-only array of `dtype`; copies only where the caller could still write."""
    frozen = np.asarray(array, dtype=dtype)
    if frozen.flags.writeable:
        frozen = frozen.view()
        frozen.flags.writeable = False
    return frozen


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Samples as they arrived, without a gap inside.

    Parameters
    ----------
    data : float32 array (n_channels, n_times)
        Microvolts, or whatever the unit of the stream is.
    times : float64 array (n_times,)
        LSL seconds of each sample.
    first_sample : int
        How many samples of this stream came before, since the start.
    arrived_s : float
        LSL seconds at which the program had the chunk in hand; NaN offline.
    gap_before : bool
        Whether samples are missing between the chunk before and this one.
    """

    data: Samples
    times: Times
    first_sample: int
    arrived_s: float = math.nan
    gap_before: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", _frozen(self.data, np.float32))
        object.__setattr__(self, "times", _frozen(self.times, np.float64))
        if self.data.ndim != 2 or self.times.shape != self.data.shape[1:]:  # asked quickly: every sample passes here
            check_shape(self.data, (None, None), "A chunk's data")
            check_shape(self.times, (self.data.shape[1],), "A chunk's times")

    @property
    def n_times(self) -> int:
        """Number of samples in the chunk."""
        return int(self.data.shape[1])


@dataclass(frozen=True, slots=True)
class Marker:
    """Something that happened at `time` (LSL seconds), named `label`."""

    time: float
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A stretch of preprocessed signal of the decoder's own length.

    `data` is float32 (n_channels, n_times) in microvolts, `times` float64 (n_times,) in LSL seconds,
    `first_sample` counts preprocessed samples, `arrived_s` is when its last sample was in hand.
    """

    data: Samples
    times: Times
    first_sample: int
    arrived_s: float = math.nan

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", _frozen(self.data, np.float32))
        object.__setattr__(self, "times", _frozen(self.times, np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Brain data round one marker."""

    window: Window
    marker: Marker


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A whole recording in memory.

    Parameters
    ----------
    data : float32 array (n_channels, n_times)
        In `unit`.
    times : float64 array (n_times,)
        Seconds, growing.
    channels : tuple of str
        Name of each row of `data`.
    sfreq : float
        Nominal rate in Hz.
    markers : tuple of Marker
        On the clock of `times`.
    name : str
        What the user calls it, for messages.
    unit : {"uV", "count", "au"}
        Unit of the samples.

    Raises
    ------
    SignalError
        If the shapes do not belong together, or the times do not grow.
    """

    data: Samples
    times: Times
    channels: tuple[str, ...]
    sfreq: float
    markers: tuple[Marker, ...] = field(default=())
    name: str = "recording"
    unit: Unit = "uV"

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", _frozen(self.data, np.float32))
        object.__setattr__(self, "times", _frozen(self.times, np.float64))
        check_shape(self.data, (len(self.channels), None), f"The data of '{self.name}'")
        check_shape(self.times, (self.data.shape[1],), f"The times of '{self.name}'")
        check_unique(self.channels, f"'{self.name}'")
        if self.times.size > 1 and not (np.diff(self.times) > 0).all():
            raise SignalError(f"The times of '{self.name}' must grow from sample to sample; they do not.")

    @property
    def n_times(self) -> int:
        """Number of samples."""
        return int(self.data.shape[1])

    def chunks(self, sizes: int | Iterable[int] | None = None) -> Iterator[Chunk]:
        """The recording as chunks, in order, each free of gaps.

        Parameters
        ----------
        sizes : int, iterable of int, or None
            Samples per chunk: one number, one per chunk (the last one repeats), or None for the whole.

        Yields
        ------
        Chunk
            A time step that is off by more than 1.5 samples starts a new chunk with `gap_before` set.
        """
        period = Frequency(self.sfreq).period_s
        gaps = np.flatnonzero(np.abs(np.diff(self.times) - period) > 1.5 * period) + 1
        borders = [*gaps.tolist(), self.n_times]
        gap_starts = set(gaps.tolist())
        size_of = iter([sizes or max(self.n_times, 1)] if sizes is None or isinstance(sizes, int) else sizes)
        start, size = 0, 1
        for border in borders:
            while start < border:
                size = next(size_of, size)
                stop = min(start + max(size, 1), border)
                yield Chunk(self.data[:, start:stop], self.times[start:stop], start, gap_before=start in gap_starts)
                start = stop
