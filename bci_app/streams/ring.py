"""The newest minutes of preprocessed signal, written by one thread and read by several."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.checks import check_shape
from bci_app.contract.errors import SignalError
from bci_app.contract.signal import Chunk, Samples, Times
from bci_app.contract.units import Frequency
from bci_app.contract.windowing import first_between, nearest_sample


class Ring:
    """Fixed memory that holds the last `seconds` of a signal; a `SampleStore`.

    Every sample is written twice, at `i` and at `i + length`, so that any stretch that is still held lies
    in one piece: writing costs the chunk, reading costs the copy, and nothing is ever moved. Samples are
    numbered as they are written, from 0.

    One thread writes, any number read; readers get copies, made under a lock that the writer holds only for
    the length of its own copy.

    Parameters
    ----------
    n_channels : int
        Rows of the signal.
    sfreq : float
        Rate in Hz.
    seconds : float
        How much is held.

    Raises
    ------
    SignalError
        If that is not even one sample of one channel.
    """

    def __init__(self, n_channels: int, sfreq: float, seconds: float) -> None:
        self._length = Frequency(sfreq).samples(seconds)
        if n_channels < 1 or self._length < 1:
            raise SignalError(
                f"A ring must hold at least one sample of one channel; {n_channels} channels for {seconds:g} s at "
                f"{sfreq:g} Hz are none. Hold longer."
            )
        self._sfreq = sfreq
        self._data = np.zeros((n_channels, 2 * self._length), dtype=np.float32)
        self._times = np.zeros(2 * self._length, dtype=np.float64)
        self._arrived = np.full(self._length, np.nan)
        self._gaps: tuple[int, ...] = ()
        self._gap_due = False
        self._ordered_from = 0
        self._newest = 0
        self._grown = threading.Condition()

    @property
    def sfreq(self) -> float:
        """Rate in Hz."""
        return self._sfreq

    @property
    def n_channels(self) -> int:
        """Rows of the signal."""
        return int(self._data.shape[0])

    @property
    def oldest(self) -> int:
        """Number of the first sample still held."""
        return max(self._newest - self._length, 0)

    @property
    def newest(self) -> int:
        """One past the number of the last sample written."""
        return self._newest

    @property
    def last_gap(self) -> int:
        """Number of the first sample after the newest gap; 0 without one."""
        return self._gaps[-1] if self._gaps else 0

    def write(self, chunk: Chunk) -> None:
        """Append the samples of `chunk` and wake those who wait. The chunk's own numbers are not used."""
        if chunk.data.shape[0] != self.n_channels:
            check_shape(chunk.data, (self.n_channels, None), "What is written into the ring")
        with self._grown:
            self._gap_due |= chunk.gap_before
            if chunk.n_times:
                self._mark(chunk)
                self._place(chunk)
            self._grown.notify_all()

    def wait_newer(self, index: int, timeout_s: float, or_if: Callable[[], bool] = lambda: False) -> bool:
        """Whether a sample beyond `newest == index` was written within `timeout_s` seconds, or `or_if` holds; waits for it."""
        with self._grown:
            return self._grown.wait_for(lambda: self._newest > index or or_if(), timeout_s)

    def nudge(self) -> None:
        """Let those who wait ask again whether what they wait for is there."""
        with self._grown:
            self._grown.notify_all()

    def read(self, start: int, stop: int, rows: NDArray[np.intp] | None = None) -> tuple[Samples, Times]:
        """Copies of samples [start, stop): float32 (n_channels, n) and float64 (n,); only of `rows` if they are given.

        Raises
        ------
        SignalError
            If they are overwritten or not written yet.
        """
        with self._grown:
            self._check_held(start, stop)
            first = start % self._length
            piece = slice(first, first + stop - start)
            data = self._data[:, piece].copy() if rows is None else self._data[rows, piece]
            return data, self._times[piece].copy()

    def index_at(self, time_s: float) -> int | None:
        """Number of the sample nearest to `time_s`; None if that one is not held (too new or too old)."""
        with self._grown:
            start = max(self.oldest, self._ordered_from)
            first = start % self._length
            position = nearest_sample(self._times[first : first + self._newest - start], time_s, self._sfreq)
            return None if position is None else start + position

    def first_gap(self, start: int, stop: int) -> int | None:
        """Number of the first sample in (start, stop) before which samples are missing; None without one."""
        return first_between(self._gaps, start, stop)

    def arrived_at(self, index: int) -> float:
        """LSL seconds at which sample `index` was in hand; NaN offline.

        Raises
        ------
        SignalError
            If it is overwritten or not written yet.
        """
        with self._grown:
            self._check_held(index, index + 1)
            return float(self._arrived[index % self._length])

    def _mark(self, chunk: Chunk) -> None:
        """Note a gap before the chunk, and forget those that were overwritten."""
        if not self._gap_due:
            return
        self._gap_due = False  # it may have come with an earlier chunk that decimation left empty
        if self._newest == 0:
            return
        oldest = max(self._newest + chunk.n_times - self._length, 0)
        self._gaps = (*self._gaps[bisect_left(self._gaps, oldest) :], self._newest)
        if chunk.times[0] <= self._times[(self._newest - 1) % self._length]:
            # The clock was set back: only what follows can be found by time.
            self._ordered_from = self._newest

    def _place(self, chunk: Chunk) -> None:
        """Copy the chunk to both places, in at most two pieces each; of a longer one, the end."""
        start = max(chunk.n_times - self._length, 0)
        while start < chunk.n_times:
            begin = (self._newest + start) % self._length
            stop = min(start + self._length - begin, chunk.n_times)
            end = begin + stop - start
            data, times = chunk.data[:, start:stop], chunk.times[start:stop]
            for shift in (0, self._length):
                self._data[:, begin + shift : end + shift] = data
                self._times[begin + shift : end + shift] = times
            self._arrived[begin:end] = chunk.arrived_s
            start = stop
        self._newest += chunk.n_times

    def _check_held(self, start: int, stop: int) -> None:
        if not self.oldest <= start <= stop <= self._newest:
            raise SignalError(
                f"Samples {start} to {stop} are wanted; the ring holds {self.oldest} to {self._newest} "
                f"({self._length / self._sfreq:g} s). Read sooner, or hold longer."
            )
