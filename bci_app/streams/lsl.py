"""The only door to pylsl: clock, discovery, inlets that come back, outlets.

Time stamps are the sender's plus the clock offset that LSL measures, one offset per pulled block, for EEG and
markers alike, so that both land on the local clock. A sender on this machine has our clock, and its stamps stay as they
are: on a busy machine the measurement errs by milliseconds, which would look like missing samples. Stamps are not
dejittered: see `cutting.ChunkCutter`.
An inlet never recovers by itself (LSL would hide the loss): a lost stream is told, searched for by its
source_id and taken back only if it is the same stream in name, host, rate and channels.
"""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pylsl
from numpy.typing import NDArray

from bci_app.contract.checks import check_shape, check_unique
from bci_app.contract.errors import AmbiguousStreamError, BciError, NoStreamError, StreamError, StreamLostError
from bci_app.contract.signal import Samples, Times
from bci_app.contract.units import Frequency
from bci_app.streams.network import mark_started
from bci_app.streams.source import (
    MAX_CHANNELS,
    MAX_SFREQ_HZ,
    OnState,
    StreamDescription,
    StreamState,
    is_same_source,
    nothing_found,
    several_found,
)

SLICE_S = 0.2
"""No call into LSL waits longer than this before it looks whether it should stop."""
# One look at the network. LSL asks at 0, 0.5 and 1 s; a look that ends in the moment of a query may hang for 5 s.
_WAVE_S = 0.6
_BUFFER_S = 60  # of samples, held by LSL while nobody pulls
_BUFFER_SAMPLES = 256  # at least, of slow signals: LSL counts in seconds of the nominal rate
_OPEN_S = 2.0
_SAME_CLOCK_S = 0.1  # clocks of two machines of one name count from their starts: they differ by more
_ALONE_S = 1.0  # how long a lost stream must be the only one of its source_id, after several were seen
_LSL_ERRORS = (pylsl.util.LostError, pylsl.util.TimeoutError, pylsl.util.InternalError)

# Samples (n_times, n_stream_channels) in the type of the stream (bytes for text), and their LSL seconds.
Block = tuple[NDArray[Any], Times]
# Told labels and units of a stream before it is subscribed to; raises to refuse it.
Check = Callable[[tuple[str, ...], tuple[str, ...]], None]


def local_clock() -> float:
    """LSL seconds: a monotonic clock, the only one of the program."""
    return float(pylsl.local_clock())


def library() -> str:
    """Version of the native library of LSL, and how it was built."""
    mark_started()
    version = int(pylsl.library_version())
    return f"{version // 100}.{version % 100:02d} ({pylsl.library_info()})"


def discover(timeout_s: float = 1.0) -> tuple[StreamDescription, ...]:
    """All streams that answer, sorted by name; looks in steps of 0.6 s until `timeout_s` is over."""
    found, deadline = {info.uid(): info for info in _visible()}, time.monotonic() + timeout_s - _WAVE_S
    while time.monotonic() < deadline:
        found |= {info.uid(): info for info in _visible()}
    return tuple(sorted(map(_describe, found.values()), key=lambda each: (each.name, each.uid)))


def find(
    *, name: str | None = None, source_id: str | None = None, type: str | None = None, hostname: str | None = None,
    timeout_s: float = 5.0, cancelled: threading.Event | None = None
) -> StreamDescription:  # fmt: skip
    """The one stream that has all of the given properties.

    Parameters
    ----------
    name, source_id, type, hostname : str or None
        Compared as they stand, in Python: LSL would read them as an XPath expression.
    timeout_s : float
        How long to search, in waves of 0.6 s; all that answer in the first wave with an answer are considered.
    cancelled : threading.Event or None
        Ends the search early when set.

    Raises
    ------
    NoStreamError
        If no stream answers; lists those that are there.
    AmbiguousStreamError
        If several do; lists what tells them apart.
    """
    wanted = {"name": name, "source_id": source_id, "type": type, "hostname": hostname}
    asked = {key: value for key, value in wanted.items() if value is not None}
    return _describe(_resolve(asked, timeout_s, cancelled or threading.Event()))


def _resolve(asked: dict[str, str], timeout_s: float, cancelled: threading.Event) -> pylsl.StreamInfo:
    """The one stream with the properties `asked` for; see `find`."""
    deadline = time.monotonic() + timeout_s
    while True:
        visible = _visible()
        matches = [each for each in visible if all(getattr(each, key)() == asked[key] for key in asked)]
        if matches or cancelled.is_set() or time.monotonic() >= deadline:
            break
    if len(matches) > 1:
        raise AmbiguousStreamError(several_found(asked, [_core(each) for each in matches]))
    if not matches:
        raise NoStreamError(nothing_found(asked, [_core(each) for each in visible], timeout_s))
    return matches[0]


def _by_uid(uid: str, timeout_s: float) -> pylsl.StreamInfo:
    """The very outlet, as soon as it answers; only hex digits of what came over the network go into a query."""
    mark_started()
    found = pylsl.resolve_byprop("uid", uid, 1, timeout_s) if re.fullmatch("[0-9a-fA-F-]{1,64}", uid) else []
    if not found:
        raise NoStreamError(nothing_found({"uid": uid}, [_core(each) for each in _visible()], timeout_s))
    return found[0]


def _visible() -> list[pylsl.StreamInfo]:
    """All that answer. LSL's background resolver is not used: it may hang whenever it is ended."""
    mark_started()
    return list({info.uid(): info for info in pylsl.resolve_streams(_WAVE_S)}.values())


def _core(info: pylsl.StreamInfo) -> StreamDescription:
    """What the first answer of a stream tells: everything but labels and units."""
    return StreamDescription(
        info.name(), info.type(), info.source_id(), info.hostname(), info.uid(), (), "",
        float(info.nominal_srate()), int(info.channel_count()), info.channel_format() == pylsl.cf_string,
    )  # fmt: skip


def _describe(info: pylsl.StreamInfo) -> StreamDescription:
    """The whole description; without labels if the sender does not give them in time."""
    core = _core(info)
    if core.text or core.n_channels > MAX_CHANNELS["uV"] or not core.sfreq <= MAX_SFREQ_HZ:
        return core
    inlet = pylsl.StreamInlet(info, max_buflen=1, recover=False)
    try:
        return _with_header(core, inlet.info(_OPEN_S))
    except _LSL_ERRORS:
        return core


def _with_header(core: StreamDescription, full: pylsl.StreamInfo) -> StreamDescription:
    labels, units = _labels_and_units(full)
    return replace(core, channels=labels, unit=", ".join(dict.fromkeys(units)))


def _labels_and_units(full: pylsl.StreamInfo) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """As sent, but one more than there are channels at most: a hostile header may hold millions."""
    labels: list[str] = []
    units: list[str] = []
    channel = full.desc().child("channels").child("channel")
    while not channel.empty() and len(labels) <= full.channel_count():
        labels.append(channel.child_value("label"))
        units.append(channel.child_value("unit"))
        channel = channel.next_sibling("channel")
    return (tuple(labels) if any(labels) else ()), tuple(units)


def _held_s(sfreq: float) -> int:
    """Seconds that LSL holds of a stream; 60 for those of no fixed rate."""
    return max(_BUFFER_S, math.ceil(_BUFFER_SAMPLES / sfreq)) if sfreq > 0 else _BUFFER_S


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
        self._same_clock = False
        self._failures, self._not_before = 0, -math.inf
        self.tell("searching", f"Looking for stream {description}.")
        self._open(_by_uid(description.uid, timeout_s), check)
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
            except _LSL_ERRORS:
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
        if not self._same_clock:
            with suppress(*_LSL_ERRORS):
                self._offset = float(inlet.time_correction(SLICE_S))
        return self._offset

    def _release(self) -> None:
        self._inlet = None

    def _open(self, info: pylsl.StreamInfo, check: Check | None = None) -> None:
        """Subscribe; the clock offset is measured first, so that no pull has to wait for it later."""
        inlet = pylsl.StreamInlet(info, max_buflen=_held_s(self.description.sfreq), recover=False)
        try:
            header = _labels_and_units(inlet.info(_OPEN_S))
            if check is not None:
                check(*header)
            if self._header not in (None, header):
                raise StreamError(f"it has other channels or units now ({', '.join(header[0]) or 'none named'})")
            self._offset = float(inlet.time_correction(_OPEN_S))
            self._same_clock = info.hostname() == socket.gethostname() and abs(self._offset) < _SAME_CLOCK_S
            if self._same_clock:
                self._offset = 0.0
            inlet.open_stream(_OPEN_S)
            self._inlet, self._header = inlet, header
        except _LSL_ERRORS as error:
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
        visible = _visible()
        candidates = [info for info in visible if self._returned(info)]
        if len(candidates) > 1:
            self._not_before = time.monotonic() + _ALONE_S
            if not self._several_told:
                self._several_told = True
                self._refuse([], "several streams carry its source_id")
        elif candidates and time.monotonic() >= self._not_before:
            self._take_back(candidates[0])

    def _returned(self, info: pylsl.StreamInfo) -> bool:
        """Whether `info` is the lost stream: same source, and nothing about it has changed."""
        now = _core(info)
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


class _Outlet:
    """What outlets of numbers and of text share."""

    def __init__(self, info: pylsl.StreamInfo, chunk: int = 0) -> None:
        mark_started()
        held_s = _held_s(info.nominal_srate())
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(info, chunk, max_buffered=held_s)
        bound = self._outlet.get_info()
        self.description = _with_header(_core(bound), bound)

    @property
    def has_consumers(self) -> bool:
        """Whether somebody is subscribed."""
        return self._outlet is not None and bool(self._outlet.have_consumers())

    def wait_for_consumers(self, timeout_s: float) -> bool:
        """Whether somebody subscribed within `timeout_s` seconds."""
        return self._outlet is not None and bool(self._outlet.wait_for_consumers(timeout_s))

    def close(self) -> None:
        """End the stream; close its inlets first where they are yours. What was not pulled yet is lost."""
        self._outlet = None

    def _open(self) -> pylsl.StreamOutlet:
        if self._outlet is None:
            raise StreamError(f"Stream '{self.description.name}' was closed; nothing more can be sent on it.")
        return self._outlet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LslOutlet(_Outlet):
    """Sends a signal.

    Parameters
    ----------
    name, source_id : str
        `source_id` must be unique and stay the same from start to start: receivers find the stream again by it.
    channels : sequence of str
        Label of each channel.
    sfreq : float
        Hz.
    unit, type : str
        As receivers will read them.
    chunk : int
        Samples per network packet; 0 sends each push as it is.
    """

    def __init__(
        self, name: str, channels: Sequence[str], sfreq: float, source_id: str, *,
        unit: str = "microvolts", type: str = "EEG", chunk: int = 0
    ) -> None:  # fmt: skip
        check_unique(channels, f"Stream '{name}'")
        info = _new_info(name, type, len(channels), Frequency(sfreq).hz, pylsl.cf_float32, source_id)
        info.set_channel_labels(list(channels))
        info.set_channel_units(unit)
        info.set_channel_types(type)
        super().__init__(info, chunk)

    def push(self, data: Samples, time_s: float) -> None:
        """Send `data` (n_channels, n_times), whose last sample was taken at `time_s` LSL seconds."""
        check_shape(data, (self.description.n_channels, None), f"What stream '{self.description.name}' sends")
        self._open().push_chunk(np.ascontiguousarray(data.T, dtype=np.float32), time_s)


class TextOutlet(_Outlet):
    """Sends text, one value per sample, at no fixed rate."""

    def __init__(self, name: str, source_id: str, *, type: str = "Markers") -> None:
        super().__init__(_new_info(name, type, 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, source_id))

    def push(self, text: str, time_s: float) -> None:
        """Send `text`, stamped `time_s` LSL seconds."""
        self._open().push_sample([text], time_s)


def _new_info(name: str, type: str, n: int, sfreq: float, form: int, source_id: str) -> pylsl.StreamInfo:
    if not name or not source_id:
        raise StreamError(f"A stream needs a name and a source_id; got {name!r}, {source_id!r}. Give both.")
    return pylsl.StreamInfo(name, type, n, sfreq, form, source_id)
