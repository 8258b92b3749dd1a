"""The recorded signal of a session folder: one part, or several of an evolution that was resumed."""

from __future__ import annotations

import json
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


def _facts(part: Path) -> tuple[int, int]:
    """Whole samples of one part, and gaps between them, from the time stamps alone."""
    try:
        described = json.loads((part / "eeg.json").read_text("utf-8"))
        n_bytes = 4 * len(described["channels"])
        data, stamps = part / "eeg.f32", part / "eeg_times.f64"
        n = data.stat().st_size // n_bytes if data.is_file() else 0
        times = np.fromfile(stamps, np.float64)[:n] if stamps.is_file() else np.empty(0)
        return times.size, int((np.diff(times) > _GAP / float(described["sfreq"])).sum())
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise RecordingError(f"The recording in '{part}' cannot be read: {error}. Take an intact copy.") from None
