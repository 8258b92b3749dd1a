"""How good the signal of a session was, channel by channel, from looks at the recording spread over the whole of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bci_app.engine.bad_channels import read_bad_channels
from bci_app.engine.quality import LEAST_S, SECONDS, ChannelQuality, look_at
from bci_app.engine.session_signal import described, parts_of

LOOKS = 20
"""At most, each of five seconds."""


@dataclass(frozen=True, slots=True)
class SessionQuality:
    """One channel over a session: in how many of `n_looks` it was good, fair and bad, what was most often wrong with it, and
    whether somebody marked it bad."""

    channel: str
    n_looks: int
    good: int
    fair: int
    bad: int
    words: str
    marked: bool


def session_quality(folder: Path) -> tuple[SessionQuality, ...]:
    """The channels of a session by how often they were bad, the worst first; empty if it holds no EEG of some seconds.

    Neighbours are not compared, since a recording does not say where electrodes were.

    Raises
    ------
    RecordingError
        If a description of the recording cannot be read.
    """
    looks: dict[str, list[ChannelQuality]] = {}
    marked: set[str] = set()
    for part in parts_of(folder):
        for verdict in _looks_at(part):
            looks.setdefault(verdict.channel, []).append(verdict)
        marked |= set(read_bad_channels(part))
    rows = [_row(channel, verdicts, channel in marked) for channel, verdicts in looks.items()]
    return tuple(sorted(rows, key=lambda row: (-row.bad, -row.fair)))


def _row(channel: str, verdicts: list[ChannelQuality], marked: bool) -> SessionQuality:
    grades = Counter(verdict.grade for verdict in verdicts)
    worst = [verdict for verdict in verdicts if verdict.grade == "bad"] or verdicts
    words = Counter(verdict.words for verdict in worst if verdict.words).most_common(1)
    said = words[0][0] if words else ""
    return SessionQuality(channel, len(verdicts), grades["good"], grades["fair"], grades["bad"], said, marked)


def _looks_at(part: Path) -> list[ChannelQuality]:
    """Verdicts on all channels from at most `LOOKS` stretches of a recording, read from the disk one by one."""
    told = described(part)
    n, length = told.n_samples, round(SECONDS * told.sfreq)
    if told.unit != "uV" or n < LEAST_S * told.sfreq:
        return []
    samples = np.memmap(part / "eeg.f32", np.float32, "r", shape=(n, len(told.channels)))
    rows = [index for index, name in enumerate(told.channels) if name not in told.as_sent]
    judged = tuple(told.channels[index] for index in rows)
    alone = np.full((len(judged), 1), -1, np.intp)
    starts = np.unique(np.linspace(0, max(n - length, 0), min(LOOKS, max(n // length, 1))).astype(np.intp))
    verdicts: list[ChannelQuality] = []
    for start in starts:
        stretch = np.ascontiguousarray(samples[start : start + length, rows].T)
        if np.isfinite(stretch).all():
            verdicts.extend(look_at(stretch, told.sfreq, judged, alone))
    return verdicts
