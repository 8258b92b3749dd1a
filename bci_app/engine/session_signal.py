"""The recorded signal of a session folder: one part, or several of an evolution that was resumed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bci_app.contract.errors import RecordingError

_GAP = 1.5
"""Sampling intervals between two samples that make a gap."""


def parts_of(folder: Path) -> tuple[Path, ...]:
    """Folders that hold raw signal: the session's own, then ``part-2`` and so on; none of a session without a stream."""
    parts = sorted(folder.glob("part-*"), key=lambda each: (len(each.name), each.name))
    return tuple(each for each in (folder, *parts) if (each / "eeg.json").is_file())


def signal_facts(folder: Path) -> dict[str, int]:
    """How many raw samples and gaps the recording of a session holds, all parts together; empty without one.

    Raises
    ------
    RecordingError
        If a description of the recording cannot be read.
    """
    found = [_facts(part) for part in parts_of(folder)]
    return {"raw_samples": sum(n for n, _ in found), "gaps": sum(gaps for _, gaps in found)} if found else {}


def recorded_words(folder: Path) -> str:
    """How long the recording of a session is, all parts together and gaps left out, in words; empty without one.

    Raises
    ------
    RecordingError
        If a description of the recording cannot be read.
    """
    seconds = sum(each.n_samples / each.sfreq for each in map(described, parts_of(folder)))
    minutes, rest = divmod(round(seconds), 60)
    return "" if seconds == 0 else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Described:
    """What a part says of its recording, and how many whole samples of all channels it holds.

    `as_sent` are the channels that are in no known unit.
    """

    channels: tuple[str, ...]
    sfreq: float
    unit: str
    n_samples: int
    as_sent: tuple[str, ...] = ()


def described(part: Path) -> Described:
    """The description of one part; RecordingError if it cannot be read."""
    try:
        told = json.loads((part / "eeg.json").read_text("utf-8"))
        channels, sfreq = tuple(map(str, told["channels"])), float(told["sfreq"])
        if not (channels and sfreq > 0):
            raise ValueError("it has no channels, or no rate")
        data = part / "eeg.f32"
        n = data.stat().st_size // (4 * len(channels)) if data.is_file() else 0
        return Described(channels, sfreq, str(told.get("unit", "uV")), n, tuple(map(str, told.get("as_sent", ()))))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"The recording in '{part}' cannot be read: {error}. Take an intact copy.") from None


def _facts(part: Path) -> tuple[int, int]:
    """Whole samples of one part, and gaps between them, from the time stamps alone."""
    told, stamps = described(part), part / "eeg_times.f64"
    times = np.fromfile(stamps, np.float64)[: told.n_samples] if stamps.is_file() else np.empty(0)
    return times.size, int((np.diff(times) > _GAP / told.sfreq).sum())
