"""The signal and the markers of a session as an XDF file, without anything that names a person, a machine or a day.

Source: the XDF specification, version 1.0: chunks of a length, a tag and a content, all numbers little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from bci_app.contract.errors import RecordingError
from bci_app.contract.signal import Marker, Recording
from bci_app.streams.source import SENT_UNITS, STREAM_TYPES

_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _STREAM_FOOTER = 1, 2, 3, 6
_SIGNAL, _MARKERS, _OTHERS = 1, 2, 3
_BLOCK = 4096
"""Samples in a chunk: a reader that meets a damaged one loses no more."""


def write_xdf(recording: Recording, path: Path, others: Recording | None = None) -> None:
    """Write `recording` as XDF, under its final name only when it is whole.

    Time stamps are LSL seconds as they were recorded, samples float32 as they came; so whoever reads the file without taking
    jitter out of its time stamps has both to the bit.

    Parameters
    ----------
    recording : Recording
        The signal and its markers.
    path : Path
        The file.
    others : Recording or None
        Channels of the same samples that are in no known unit: a stream of their own, of type "Misc" and without a unit, so that
        the signal is still in one unit.

    Raises
    ------
    RecordingError
        If there is such a file already, or the disk refuses.
    """
    if path.exists():
        raise RecordingError(f"'{path}' is there already and is not overwritten. Choose another name, or move it away.")
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("wb") as file:
            file.write(b"XDF:")
            for chunk in _chunks(recording, others):
                file.write(chunk)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise RecordingError(
            f"'{path}' cannot be written: {error.strerror}. Free space, or choose another place."
        ) from None


def _chunks(recording: Recording, others: Recording | None) -> Iterator[bytes]:
    kind, unit = STREAM_TYPES[recording.unit], SENT_UNITS[recording.unit]
    yield _chunk(_FILE_HEADER, _xml({"version": "1.0"}))
    yield _chunk(_STREAM_HEADER, _marker_header(), _MARKERS)
    yield from _stream(recording, _SIGNAL, kind, unit)
    if others is not None and others.channels:
        yield from _stream(others, _OTHERS, "Misc", "")
    if recording.markers:
        yield _chunk(_SAMPLES, _labels(recording.markers), _MARKERS)
    yield _chunk(_STREAM_FOOTER, _footer([marker.time for marker in recording.markers]), _MARKERS)


def _stream(recording: Recording, number: int, kind: str, unit: str) -> Iterator[bytes]:
    """Header, samples and footer of a stream of numbers."""
    yield _chunk(_STREAM_HEADER, _signal_header(recording, kind, unit), number)
    for start in range(0, recording.n_times, _BLOCK):
        yield _chunk(_SAMPLES, _samples(recording, slice(start, start + _BLOCK)), number)
    yield _chunk(_STREAM_FOOTER, _footer(recording.times.tolist()), number)


def _chunk(tag: int, content: bytes, stream: int | None = None) -> bytes:
    """[NumLengthBytes][Length][Tag][StreamId?][Content]; the length counts the tag and what follows."""
    body = struct.pack("<H", tag) + (b"" if stream is None else struct.pack("<I", stream)) + content
    return struct.pack("<BQ", 8, len(body)) + body


def _samples(recording: Recording, which: slice) -> bytes:
    """[NumSampleBytes][NumSamples], then for each sample [TimeStampBytes = 8][TimeStamp][Values]."""
    times = recording.times[which]
    kind = np.dtype([("n_bytes", "u1"), ("time", "<f8"), ("values", "<f4", (len(recording.channels),))])
    rows = np.empty(times.size, kind)
    rows["n_bytes"], rows["time"], rows["values"] = 8, times, recording.data[:, which].T
    return struct.pack("<BI", 4, times.size) + rows.tobytes()


def _labels(markers: tuple[Marker, ...]) -> bytes:
    """The same of texts: each value is [NumLengthBytes][Length][UTF-8]."""
    pieces = [struct.pack("<BI", 4, len(markers))]
    for marker in markers:
        text = marker.label.encode()
        pieces.append(struct.pack("<BdBI", 8, marker.time, 4, len(text)) + text)
    return b"".join(pieces)


def _signal_header(recording: Recording, kind: str, unit: str) -> bytes:
    own = {"label": "", "unit": unit, "type": kind}
    channels = "".join(f"<channel>{_elements(own | {'label': name})}</channel>" for name in recording.channels)
    return _header(kind, kind, len(recording.channels), recording.sfreq, "float32", channels)


def _marker_header() -> bytes:
    return _header("Markers", "Markers", 1, 0.0, "string", "")


def _header(name: str, kind: str, n_channels: int, sfreq: float, form: str, channels: str) -> bytes:
    facts = {
        "name": name,
        "type": kind,
        "channel_count": str(n_channels),
        "nominal_srate": repr(float(sfreq)),
        "channel_format": form,
    }
    return _xml(facts, f"<desc><channels>{channels}</channels></desc>" if channels else "<desc></desc>")


def _footer(times: list[float]) -> bytes:
    ends = {"first_timestamp": repr(times[0]), "last_timestamp": repr(times[-1])} if times else {}
    return _xml({**ends, "sample_count": str(len(times))})


def _xml(facts: Mapping[str, str], more: str = "") -> bytes:
    return f'<?xml version="1.0"?><info>{_elements(facts)}{more}</info>'.encode()


def _elements(facts: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in facts.items())
