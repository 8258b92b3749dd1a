"""An inlet that comes back.

Time stamps are the sender's plus the clock offset that LSL measures, one offset per pulled block, for EEG and
markers alike, so that both land on the local clock; the measurement is followed slowly, see `ClockOffset`. A sender on
this machine has our clock, and its stamps stay as they are. Stamps are not dejittered: see `cutting.ChunkCutter`.
An inlet never recovers by itself (LSL would hide the loss): a lost stream is told, searched for by its
source_id and taken back only if it is the same stream in name, host, rate and channels.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pylsl
from numpy.typing import NDArray

from bci_app.contract.checks import listed
from bci_app.contract.errors import BciError, StreamError, StreamLostError
from bci_app.contract.signal import Times
from bci_app.streams.clock_offset import ClockOffset
from bci_app.streams.lsl import LSL_ERRORS, OPEN_S, SLICE_S, by_uid, core_of, held_s, labels_and_units, visible
from bci_app.streams.source import OnState, StreamDescription, StreamState, is_same_source, short

_SAME_CLOCK_S = 0.1  # clocks of two machines of one name count from their starts: they differ by more
_ALONE_S = 1.0  # how long a lost stream must be the only one of its source_id, after several were seen

# Samples (n_times, n_stream_channels) in the type of the stream (bytes for text), and their LSL seconds.
Block = tuple[NDArray[Any], Times]
# Told labels and units of a stream before it is subscribed to; raises to refuse it.
Check = Callable[[tuple[str, ...], tuple[str, ...]], None]


class Link:
    """One inlet that is taken back when its sender returns; pulled from one thread, closed from any.

    Parameters
    ----------
    description : StreamDescription
        The stream, as `find` gave it.
    on_state : callable or None
        Called with (state, message) from the thread that constructs or pulls.
    check : callable or None
        Called before the first connection.
    timeout_s : float
        How long the first connection may take.

    Raises
    ------
    NoStreamError, StreamLostError
        If the stream is no longer there, or cannot be opened.
    """

    def __init__(
        self, description: StreamDescription, on_state: OnState | None = None, check: Check | None = None,
        timeout_s: float = 5.0
    ) -> None:  # fmt: skip
        self.description = description
        self.state: StreamState = "searching"
        self.losses = 0
        self._on_state = on_state or (lambda state, message: None)
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._inlet: pylsl.StreamInlet | None = None
        self._header: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._refused: set[str] = set()
        self._several_told = False
        self._offset: ClockOffset | None = None  # None: the sender has our clock
        self._failures, self._not_before = 0, -math.inf
        self.tell("searching", f"Looking for stream {description}.")
        self._open(by_uid(description.uid, timeout_s), check)
        self.tell("connected", f"Connected to stream {description}.")

    def tell(self, state: StreamState, message: str) -> None:
        """Note the new state and report it."""
        self.state = state
        self._on_state(state, message)

    def pull(self, timeout_s: float, max_samples: int) -> Block | None:
        """What has arrived; else the first that comes within `timeout_s`. A lost stream is looked for: 0.6 s."""
        with self._lock:
            try:
                if self._closing.is_set():
                    return None
                if self._inlet is None:
                    self._look()
                    return None
                samples, stamps = self._inlet.pull_chunk(timeout_s, max_samples, min_samples=1, as_numpy=True)
                return (samples, stamps + self._clock_offset(self._inlet)) if len(stamps) else None
            except LSL_ERRORS:
                self._lose()
                return None
            finally:
                if self._closing.is_set():
                    self._release()

    def close(self) -> None:
        """Let go, in less than half a second: at once if no pull is under way, else that pull does it when it ends."""
        self._closing.set()
        if self._lock.acquire(timeout=0.3):
            self._release()
            self._lock.release()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closing.is_set()

    def _clock_offset(self, inlet: pylsl.StreamInlet) -> float:
        """Seconds from the sender's clock to ours; the last one known if the sender is just going away."""
        if self._offset is None:
            return 0.0
        with suppress(*LSL_ERRORS):
            self._offset.follow(float(inlet.time_correction(SLICE_S)), time.monotonic())
        return self._offset.seconds

    def _release(self) -> None:
        self._inlet = None

    def _open(self, info: pylsl.StreamInfo, check: Check | None = None) -> None:
        """Subscribe; the clock offset is measured first, so that no pull has to wait for it later."""
        inlet = pylsl.StreamInlet(info, max_buflen=held_s(self.description.sfreq), recover=False)
        try:
            header = labels_and_units(inlet.info(OPEN_S))
            if check is not None:
                check(*header)
            if self._header not in (None, header):
                named = listed([short(name) for name in header[0]]) or "none named"
                raise StreamError(f"it has other channels or units now ({named})")
            measured_s = float(inlet.time_correction(OPEN_S))
            same_clock = info.hostname() == socket.gethostname() and abs(measured_s) < _SAME_CLOCK_S
            self._offset = None if same_clock else ClockOffset(measured_s, time.monotonic())
            inlet.open_stream(OPEN_S)
            self._inlet, self._header = inlet, header
        except LSL_ERRORS as error:
            raise StreamLostError(
                f"Stream {self.description} was found but could not be opened: {error} "
                "Check that the sender still runs and that the firewall lets its ports through."
            ) from error
        finally:
            del inlet  # the traceback of an error must not keep it open

    def _lose(self) -> None:
        self._release()
        self.losses += 1
        self._refused.clear()
        self._several_told = False
        self._failures, self._not_before = 0, -math.inf
        again = (
            "It is taken back when it returns." if self.description.source_id else "Without a source_id: choose anew."
        )
        self.tell("lost", f"Stream {self.description} broke off. {again}")

    def _look(self) -> None:
        """Look once whether the lost stream is there, and take it back if it is."""
        candidates = [info for info in visible() if self._returned(info)]
        if len(candidates) > 1:
            self._not_before = time.monotonic() + _ALONE_S
            if not self._several_told:
                self._several_told = True
                self._refuse([], "several streams carry its source_id")
        elif candidates and time.monotonic() >= self._not_before:
            self._take_back(candidates[0])

    def _returned(self, info: pylsl.StreamInfo) -> bool:
        """Whether `info` is the lost stream: same source, and nothing about it has changed."""
        now = core_of(info)
        if now.uid in self._refused or not is_same_source(self.description, now):
            return False
        lost = self.description
        same = replace(now, uid=lost.uid, channels=lost.channels, unit=lost.unit) == lost
        if not same:
            self._refuse([info], f"a stream with its source_id is there, but it is {now}")
        return same

    def _refuse(self, infos: Sequence[pylsl.StreamInfo], reason: str) -> None:
        """Say why these are not taken, and do not look at them again."""
        self._refused.update(info.uid() for info in infos)
        self.tell("lost", f"Stream {self.description} is still lost: {reason}. Stop the wrong one, or choose anew.")

    def _take_back(self, info: pylsl.StreamInfo) -> None:
        try:
            self._open(info)
        except StreamLostError:
            self._not_before = time.monotonic() + min(0.25 * 2**self._failures, 4.0)
            self._failures += 1
        except BciError as error:
            self._refuse([info], str(error))
        else:
            self.description = replace(self.description, uid=info.uid())
            self.tell("back", f"Stream {self.description} is back.")
