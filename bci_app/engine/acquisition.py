"""The acquisition thread: pull, check, filter, ring. Nothing else may slow it down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.checks import listed
from bci_app.contract.errors import SignalError, StreamLostError
from bci_app.contract.preprocessing import Preprocessor
from bci_app.contract.signal import Chunk
from bci_app.contract.units import Unit
from bci_app.engine.worker import Worker
from bci_app.streams.ring import Ring
from bci_app.streams.source import Source

_FLAT_AFTER_S = 2.0
_FLAT_SAMPLES = 10
"""Fewer equal samples than this are no sign of anything, however long they lasted."""
_REMIND_AFTER_S = 10.0
_GIVE_WAY_S = 5e-5
"""The decoder, which has just been woken, gets the interpreter before the rest of a turn does: 0.1 ms less until it reads."""


@dataclass(frozen=True, slots=True)
class Ending:
    """When a session is over: after `duration_s`, when `source_ended` says so, or `give_up_s` after the last sample."""

    on_end: Callable[[str], None]
    duration_s: float = math.inf
    give_up_s: float = math.inf
    source_ended: Callable[[], bool] | None = None


class Acquisition(Worker):
    """Moves samples from the source to the ring.

    Parameters
    ----------
    source : Source
        Its first channels are those of the preprocessing, in their order; others that follow are for `on_raw` alone.
    preprocessor : Preprocessor
        Used by this thread alone.
    ring : Ring
        Written by this thread alone.
    on_problem, on_failure : callable
        Called in this thread with a message for the user.
    on_raw : callable, optional
        Given every raw chunk, in this thread; must return at once (the recorder's queue).
    clock : callable
        LSL seconds.
    ending : Ending
        When the session is over.
    is_read : bool
        Whether a model reads the signal as it comes.

    Attributes
    ----------
    n_raw, n_gaps : int
        Samples received, and how often some were missing in between; any thread may read them.
    """

    def __init__(
        self,
        source: Source,
        preprocessor: Preprocessor,
        ring: Ring,
        on_problem: Callable[[str], None],
        on_failure: Callable[[str], None],
        on_raw: Callable[[Chunk], None] | None,
        clock: Callable[[], float],
        ending: Ending,
        is_read: bool = True,
    ) -> None:
        super().__init__("acquisition", on_failure)
        self._source = source
        self._preprocessor = preprocessor
        self._ring = ring
        self._on_problem = on_problem
        self._on_raw = on_raw
        self._after_bad = False
        self._complained_at = -np.inf
        self._gap_told_at = -np.inf
        self._last_time = math.nan
        spec = preprocessor.spec
        self._n_read = len(spec.channels)
        self._flat = FlatWatch(spec.channels, spec.sfreq, spec.unit, is_read)
        self._clock = clock
        self._ending = ending
        self._started_at = self._heard_at = clock()
        self.n_raw = self.n_gaps = 0

    def start(self) -> None:
        """Start the thread; the session's time runs from here."""
        self._started_at = self._heard_at = self._clock()
        super().start()

    def step(self) -> bool:
        """Pull one chunk and pass it on; acquisition thread."""
        if self._clock() - self._started_at > self._ending.duration_s:
            self._ending.on_end(f"The session lasted the {self._ending.duration_s:g} s asked for.")
            return False
        chunk = self._source.pull(0.2)
        if chunk is None:
            return self._still_expected()
        self._heard_at = chunk.arrived_s
        self.n_raw += chunk.n_times
        read = chunk if len(chunk.data) == self._n_read else replace(chunk, data=chunk.data[: self._n_read])
        try:
            self._pass_on(read)
            time.sleep(_GIVE_WAY_S)
        finally:  # after the ring, so that the recorder does not wake before the decoder; but whatever happens
            if self._on_raw is not None:
                self._on_raw(chunk)
        self._tell_what_is_wrong(read)
        return True

    def _pass_on(self, chunk: Chunk) -> None:
        """Filter the chunk and put it where the decoder waits for it."""
        if self._after_bad and not chunk.gap_before:
            chunk = Chunk(chunk.data, chunk.times, chunk.first_sample, chunk.arrived_s, gap_before=True)
        try:
            kept = self._preprocessor.process(chunk)
        except SignalError as error:
            self._leave_out(chunk, str(error))
            return
        self._after_bad = False
        if kept.n_times:
            self._ring.write(kept)

    def leave_alone(self, bad: Collection[str]) -> None:
        """Say nothing from now on about channels that are known to be bad, and about these alone; any thread."""
        self._flat.leave_alone(bad)

    def close(self) -> None:
        """Close the inlet, in the thread that pulled from it."""
        self._source.close()

    def _still_expected(self) -> bool:
        """Whether more samples may come after a silence."""
        silent_s = self._clock() - self._heard_at
        if self._ending.source_ended is not None and silent_s > 1.0 and self._ending.source_ended():
            self._ending.on_end("The recording has ended.")
            return False
        if silent_s > self._ending.give_up_s:
            raise StreamLostError(
                f"Samples of {self._source.description} were expected; none came for {silent_s:.0f} s. What was "
                "recorded so far is kept. Check the amplifier and its sender, then start again."
            )
        return True

    def _tell_what_is_wrong(self, chunk: Chunk) -> None:
        """Missing samples and flat channels, in words."""
        if chunk.gap_before:
            self.n_gaps += 1
            if chunk.times[0] - self._gap_told_at > _REMIND_AFTER_S:
                self._gap_told_at = float(chunk.times[0])
                self._on_problem(
                    f"Samples of stream '{self._source.description.name}' are missing: its time stamps jump by "
                    f"{chunk.times[0] - self._last_time:.2f} s. Nothing is read across such a gap. If it happens again, "
                    "check the amplifier's wireless link and the load of this machine."
                )
        self._last_time = float(chunk.times[-1])
        for message in self._flat.look(chunk):
            self._on_problem(message)

    def _leave_out(self, chunk: Chunk, message: str) -> None:
        """A chunk with NaN would poison the filters for ever: it becomes a gap, and the user is told."""
        self._after_bad = True
        if chunk.times[-1] - self._complained_at > _REMIND_AFTER_S:
            self._complained_at = float(chunk.times[-1])
            self._on_problem(f"{message} Until then these samples are left out, as a gap.")


class FlatWatch:
    """Tells once when a raw channel has not moved for two seconds and ten samples, and once when it moves again.

    A neuron that is silent for a while is none the worse for it: of spike counts, only all of them together are watched.

    Parameters
    ----------
    channels : tuple of str
        In the order of the samples.
    sfreq : float
        Rate in Hz.
    unit : {"uV", "count", "au"}
        Of the samples.
    is_read : bool
        Whether a model reads them as they come.
    """

    def __init__(self, channels: tuple[str, ...], sfreq: float, unit: Unit = "uV", is_read: bool = True) -> None:
        self._channels = channels
        self._needed = max(int(_FLAT_AFTER_S * sfreq), _FLAT_SAMPLES)
        self._after_s = self._needed / sfreq
        self._together = unit == "count"
        what = "the electrode" if unit == "uV" else "what sends it"
        self._advice = f"Check {what}{'; what the decoder reads meanwhile is not to be trusted' if is_read else ''}."
        self._last = np.full(len(channels), np.nan, np.float32)
        self._still = np.zeros(len(channels), np.intp)
        self._told = np.zeros(len(channels), bool)
        self._known = np.zeros(len(channels), bool)

    def leave_alone(self, bad: Collection[str]) -> None:
        """Say nothing from now on about these channels, and about these alone; any thread."""
        self._known = np.array([name in bad for name in self._channels], bool)

    def look(self, chunk: Chunk) -> tuple[str, ...]:
        """Messages due after `chunk` (n_channels, n_times)."""
        moved = (chunk.data != self._last[:, np.newaxis]).any(axis=1)
        self._last = chunk.data[:, -1].copy()
        self._still = np.where(moved, 0, self._still + chunk.n_times)
        flat, known = self._still >= self._needed, self._known
        if self._together:
            flat = np.full_like(flat, flat.all())
        fell, rose = flat & ~self._told & ~known, self._told & ~flat & ~known
        self._told = flat & ~known
        messages = []
        if fell.any():
            messages.append(
                f"Channel(s) {self._named(fell)} have been flat for {self._after_s:g} s; a moving signal "
                f"was expected. {self._advice}"
            )
        if rose.any():
            messages.append(f"Channel(s) {self._named(rose)} move again.")
        return tuple(messages)

    def _named(self, which: NDArray[np.bool_]) -> str:
        return listed([self._channels[index] for index in np.flatnonzero(which)])
