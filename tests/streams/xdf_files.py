"""Writes tiny XDF files, whole and broken."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np


def block(tag: int, content: bytes) -> bytes:
    """One block: length, tag, content."""
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def header(stream: int, fields: dict[str, Any], channels: Sequence[tuple[str, str]] = ()) -> bytes:
    """A stream's header; `channels` are (label, unit)."""
    described = "".join(f"<channel><label>{label}</label><unit>{unit}</unit></channel>" for label, unit in channels)
    core = "".join(f"<{key}>{value}</{key}>" for key, value in fields.items())
    xml = f"<?xml version='1.0'?><info>{core}<desc><channels>{described}</channels></desc></info>"
    return block(2, struct.pack("<I", stream) + xml.encode())


def samples(stream: int, times: Sequence[float], data: Any) -> bytes:
    """A block of samples: float32 rows (n_times, n_channels), or one text per time."""
    content = struct.pack("<I", stream) + b"\x04" + struct.pack("<I", len(times))
    for time, row in zip(times, data, strict=True):
        content += b"\x08" + struct.pack("<d", time)
        if isinstance(row, str):
            content += b"\x04" + struct.pack("<I", len(row.encode())) + row.encode()
        else:
            content += np.asarray(row, dtype="<f4").tobytes()
    return block(3, content)


def footer(stream: int, n_times: int) -> bytes:
    """A stream's footer."""
    xml = f"<?xml version='1.0'?><info><sample_count>{n_times}</sample_count></info>"
    return block(6, struct.pack("<I", stream) + xml.encode())


def eeg(
    stream: int,
    times: np.ndarray,
    data: np.ndarray,
    *,
    name: str = "amp",
    kind: str = "EEG",
    sfreq: Any = 100,
    unit: str = "microvolts",
    counted: int | None = None,
    **fields: Any,
) -> list[bytes]:
    """Header, two blocks of samples and footer of a float32 stream; `data` is (n_channels, n_times)."""
    core = {
        "name": name,
        "type": kind,
        "channel_count": len(data),
        "nominal_srate": sfreq,
        "channel_format": "float32",
        **fields,
    }
    half = len(times) // 2
    return [
        header(stream, core, [(f"E{number}", unit) for number in range(len(data))]),
        samples(stream, times[:half], data.T[:half]),
        samples(stream, times[half:], data.T[half:]),
        footer(stream, len(times) if counted is None else counted),
    ]


def markers(stream: int, times: Sequence[float], labels: Sequence[str]) -> list[bytes]:
    """Header, samples and footer of a marker stream."""
    core = {
        "name": "events",
        "type": "Markers",
        "channel_count": 1,
        "nominal_srate": 0,
        "channel_format": "string",
    }
    return [header(stream, core), samples(stream, times, labels), footer(stream, len(times))]


def whole(*streams: list[bytes]) -> bytes:
    """The file."""
    start = block(1, b"<?xml version='1.0'?><info><version>1.0</version></info>")
    return b"XDF:" + start + b"".join(part for stream in streams for part in stream)
