"""Pulled blocks become chunks: channels by name, one unit, and a cut wherever samples are missing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.signal import Chunk, Times

# A sender that stamps samples as they arrive brings some of them too close together; how much, tells its
# jitter. The memory of it halves in this many seconds of signal.
_JITTER_HALF_LIFE_S = 30.0
# More than this is not believed to be jitter: a rate above the nominal one looks like an endless hurry.
_MAX_JITTER_S = 0.2
# Stamps that go back further than this are a clock that was set, not jitter.
_CLOCK_SET_BACK_S = 0.1


class ChunkCutter:
    """Cuts blocks of samples into chunks that are free of gaps.

    A step between two time stamps that is late by more than ``max(1.5 / sfreq, jitter_s, 2 x observed
    jitter)`` is a gap. The observed jitter is the time that stamps lately made up by coming too close
    together, 0.2 s at most: a sender that stamps on a regular grid never does that, so it is held to 1.5 samples, while
    one that stamps on arrival shows its own unsteadiness and is not accused of losing samples at every
    hiccup. LSL's dejitter filter is not used: it needs a minute to settle, smears true gaps over many
    samples and would shift the EEG against the markers, which it cannot touch. Stamps that step back a
    little are held just above the last, so times grow.

    Parameters
    ----------
    order : int array (n_channels,)
        Which columns of a block to take, in order.
    scale : float64 array (n_channels,)
        Factor that brings each of them to the unit wanted.
    sfreq : float
        Nominal rate in Hz.
    jitter_s : float
        Lateness in seconds that is never taken for a gap.
    """

    def __init__(
        self, order: NDArray[np.intp], scale: NDArray[np.float64], sfreq: float, jitter_s: float = 0.0
    ) -> None:
        as_sent = np.array_equal(order, np.arange(len(order)))
        self._columns = slice(0, len(order)) if as_sent else order  # a slice copies nothing
        self._scale = None if np.all(scale == 1.0) else scale
        self._period = 1.0 / sfreq
        self._floor = 1.5 / sfreq
        self._jitter_s = jitter_s
        self._set_back = -(_CLOCK_SET_BACK_S + self._period)
        self._decay = 0.5 ** (self._period / _JITTER_HALF_LIFE_S)
        self._jitter = 0.0
        self._run = 0.0
        self._last: float | None = None
        self._held = -np.inf
        self._interrupted = False
        self.count = 0

    @property
    def tolerance_s(self) -> float:
        """Lateness in seconds that is not taken for a gap at present."""
        return max(self._floor, self.slack_s)

    @property
    def slack_s(self) -> float:
        """How unsteady the stamps are, in seconds: what tells nothing of the rate."""
        return max(self._jitter_s, 2 * self._jitter)

    def interrupt(self) -> None:
        """The connection was lost: the next chunk follows a gap, whatever its stamps say."""
        self._interrupted = self._last is not None
        self._jitter = self._run = 0.0

    def cut(self, block: NDArray[np.generic], times: Times, arrived_s: float) -> list[Chunk]:
        """The block as chunks.

        Parameters
        ----------
        block : array (n_times, n_stream_channels)
            As LSL gives it, any numeric type. NaN is passed on; who reads the chunks decides about it.
        times : float64 array (n_times,)
            LSL seconds, corrected to the local clock.
        arrived_s : float
            LSL seconds at which the block was in hand.
        """
        if len(times) == 0:
            return []
        if self._is_even(times):
            return [self._whole(block, times, arrived_s)]
        gaps = self._gaps(times)
        self._last = float(times[-1])
        data = self._scaled(block)
        borders = sorted({0, *gaps, len(times)})
        chunks = []
        for start, stop in pairwise(borders):
            stamps = self._growing(times[start:stop], fresh=start in gaps)
            chunks.append(Chunk(data[:, start:stop], stamps, self.count, arrived_s, start in gaps))
            self.count += stop - start
        return chunks

    def _is_even(self, times: Times) -> bool:
        """Whether the block goes on where the last one ended, a period from stamp to stamp: the usual case, quickly seen."""
        last = self._last
        if last is None or self._interrupted or self._run or not self._held <= last:
            return False
        steps = np.empty(len(times))
        steps[0] = times[0] - last
        np.subtract(times[1:], times[:-1], out=steps[1:])
        return bool(np.abs(steps - self._period).max() <= 0.2 * self._period)

    def _whole(self, block: NDArray[np.generic], times: Times, arrived_s: float) -> Chunk:
        """The block as one chunk that follows the last without a gap."""
        self._jitter *= self._decay ** len(times)
        self._last = self._held = float(times[-1])
        chunk = Chunk(self._scaled(block), times, self.count, arrived_s)
        self.count += len(times)
        return chunk

    def _gaps(self, times: Times) -> list[int]:
        """Positions in the block before which samples are missing."""
        expected = times[0] - self._period
        previous = expected if self._last is None or self._interrupted else self._last
        late = np.diff(times, prepend=previous) - self._period
        self._jitter = max(self._jitter * self._decay ** len(times), self._hurry(late))
        is_gap = (late > self.tolerance_s) | (late < self._set_back)
        is_gap[0] |= self._interrupted
        self._interrupted = False
        return [int(gap) for gap in np.flatnonzero(is_gap)]

    def _hurry(self, late: NDArray[np.float64]) -> float:
        """Seconds made up by the longest run of stamps that came too close together."""
        hurried = (late < -0.25 * self._period) & (late > self._set_back)
        made_up = self._run + np.cumsum(np.where(hurried, -late, 0.0))
        runs = made_up - np.maximum.accumulate(np.where(hurried, 0.0, made_up))
        self._run = float(runs[-1])
        return min(float(runs.max()), _MAX_JITTER_S)

    def _growing(self, times: Times, fresh: bool) -> Times:
        """`times`, those that step back held just above the greatest so far; a gap starts afresh."""
        floor = -np.inf if fresh else self._held
        if (np.diff(times, prepend=floor) <= 0).any():
            ramp = 1e-3 * self._period * np.arange(1, len(times) + 1)
            times = (ramp + np.maximum.accumulate(np.maximum(times - ramp, floor))).astype(np.float64)
        self._held = float(times[-1])
        return times

    def _scaled(self, block: NDArray[np.generic]) -> NDArray[np.float32]:
        """Float32 (n_channels, n_times) in the unit wanted; the one transposition of the program."""
        picked = block[:, self._columns]
        if self._scale is not None:
            picked = picked.astype(np.float64) * self._scale
        return np.ascontiguousarray(picked.T, dtype=np.float32)
