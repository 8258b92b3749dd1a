"""The door to Lab Streaming Layer: its clock, and which streams are there.

pylsl is imported here, in `lsl_link` (inlets) and in `lsl_outlet` alone.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import pylsl

from bci_app.contract.errors import AmbiguousStreamError, NoStreamError
from bci_app.streams.network import mark_started
from bci_app.streams.source import MAX_CHANNELS, MAX_SFREQ_HZ, StreamDescription, nothing_found, several_found

SLICE_S = 0.2
"""No call into LSL waits longer than this before it looks whether it should stop."""
OPEN_S = 2.0
"""How long a sender may take to answer once it was found."""
LSL_ERRORS = (pylsl.util.LostError, pylsl.util.TimeoutError, pylsl.util.InternalError)
# One look at the network. LSL asks at 0, 0.5 and 1 s; a look that ends in the moment of a query may hang for 5 s.
_WAVE_S = 0.6
_BUFFER_S = 60  # of samples, held by LSL while nobody pulls
_BUFFER_SAMPLES = 256  # at least, of slow signals: LSL counts in seconds of the nominal rate
_ASKED = 3  # times that a sender is asked for the header which it does not give
_LONGEST = 4096  # of a label or unit that is looked at


def local_clock() -> float:
    """LSL seconds: a monotonic clock, the only one of the program."""
    return float(pylsl.local_clock())


def library() -> str:
    """Version of the native library of LSL, and how it was built."""
    mark_started()
    version = int(pylsl.library_version())
    return f"{version // 100}.{version % 100:02d} ({pylsl.library_info()})"


class _Told(NamedTuple):
    """What a stream has told so far, how often it was asked for its header, and whether it is to be asked again."""

    description: StreamDescription
    n_asked: int = 0
    incomplete: bool = True


class Lookout:
    """Looks at the network again and again, and asks each outlet for its header once; any thread, one at a time or not.

    A sender that does not give its header is asked three times, which takes two seconds each, and listed without it.
    """

    def __init__(self) -> None:
        self._last: dict[str, _Told] = {}
        self._before: dict[str, _Told] = {}

    def look(self) -> tuple[StreamDescription, ...]:
        """All streams that answer within 0.6 s, sorted by name; one that missed two looks is asked anew."""
        now = {info.uid(): self._told(info) for info in visible()}
        self._before, self._last = self._last, now
        return _in_order(told.description for told in now.values())

    def _told(self, info: pylsl.StreamInfo) -> _Told:
        uid = info.uid()
        told = self._last.get(uid) or self._before.get(uid) or _Told(core_of(info))
        return _ask(info, told) if told.incomplete else told


def discover(timeout_s: float = 1.0) -> tuple[StreamDescription, ...]:
    """All streams that answer, sorted by name; looks in steps of 0.6 s until `timeout_s` is over."""
    lookout, deadline = Lookout(), time.monotonic() + timeout_s - _WAVE_S
    found = {each.uid: each for each in lookout.look()}
    while time.monotonic() < deadline:
        found |= {each.uid: each for each in lookout.look()}
    return _in_order(found.values())


def _in_order(streams: Iterable[StreamDescription]) -> tuple[StreamDescription, ...]:
    return tuple(sorted(streams, key=lambda each: (each.name, each.uid)))


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
    found = _resolve(asked, timeout_s, cancelled or threading.Event())
    return _ask(found, _Told(core_of(found))).description


def _resolve(asked: dict[str, str], timeout_s: float, cancelled: threading.Event) -> pylsl.StreamInfo:
    """The one stream with the properties `asked` for; see `find`."""
    deadline = time.monotonic() + timeout_s
    while True:
        there = visible()
        matches = [each for each in there if all(getattr(each, key)() == asked[key] for key in asked)]
        if matches or cancelled.is_set() or time.monotonic() >= deadline:
            break
    if len(matches) > 1:
        raise AmbiguousStreamError(several_found(asked, [core_of(each) for each in matches]))
    if not matches:
        raise NoStreamError(nothing_found(asked, [core_of(each) for each in there], timeout_s))
    return matches[0]


def by_uid(uid: str, timeout_s: float) -> pylsl.StreamInfo:
    """The very outlet, as soon as it answers; only hex digits of what came over the network go into a query."""
    mark_started()
    found = pylsl.resolve_byprop("uid", uid, 1, timeout_s) if re.fullmatch("[0-9a-fA-F-]{1,64}", uid) else []
    if not found:
        raise NoStreamError(nothing_found({"uid": uid}, [core_of(each) for each in visible()], timeout_s))
    return found[0]


def visible() -> list[pylsl.StreamInfo]:
    """All that answer. LSL's background resolver is not used: it may hang whenever it is ended."""
    mark_started()
    return list({info.uid(): info for info in pylsl.resolve_streams(_WAVE_S)}.values())


def core_of(info: pylsl.StreamInfo) -> StreamDescription:
    """What the first answer of a stream tells: everything but labels and units."""
    return StreamDescription(
        info.name(), info.type(), info.source_id(), info.hostname(), info.uid(), (), "",
        float(info.nominal_srate()), int(info.channel_count()), info.channel_format() == pylsl.cf_string,
    )  # fmt: skip


def _ask(info: pylsl.StreamInfo, told: _Told) -> _Told:
    """What the stream tells with its header; what it told before if it does not give one in time."""
    core = told.description
    if core.text or core.n_channels > MAX_CHANNELS["uV"] or not core.sfreq <= MAX_SFREQ_HZ:
        return _Told(core, incomplete=False)
    inlet = pylsl.StreamInlet(info, max_buflen=1, recover=False)
    try:
        return _Told(with_header(core, inlet.info(OPEN_S)), incomplete=False)
    except LSL_ERRORS:
        return _Told(core, told.n_asked + 1, incomplete=told.n_asked + 1 < _ASKED)


def with_header(core: StreamDescription, full: pylsl.StreamInfo) -> StreamDescription:
    """The description with labels and unit from the whole header."""
    labels, units = labels_and_units(full)
    return replace(core, channels=labels, unit=", ".join(dict.fromkeys(units)))


def labels_and_units(full: pylsl.StreamInfo) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """As sent, but cut, and one more than there are channels at most: a hostile header may hold millions."""
    labels: list[str] = []
    units: list[str] = []
    channel = full.desc().child("channels").child("channel")
    while not channel.empty() and len(labels) <= full.channel_count():
        labels.append(channel.child_value("label")[:_LONGEST])
        units.append(channel.child_value("unit")[:_LONGEST])
        channel = channel.next_sibling("channel")
    return (tuple(labels) if any(labels) else ()), tuple(units)


def held_s(sfreq: float) -> int:
    """Seconds that LSL holds of a stream; 60 for those of no fixed rate."""
    return max(_BUFFER_S, math.ceil(_BUFFER_SAMPLES / sfreq)) if sfreq > 0 else _BUFFER_S
