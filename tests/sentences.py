"""Recordings of somebody who reads: noise with the markers of sentences and words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bci_app.contract.signal import Marker, Recording

CHANNELS, SFREQ = ("Cz", "Pz"), 128.0
SHOWN = ("the dog sees", "a red book", "old man reads", "the house", "a man sees the dog", "the old dog reads a book")
SOA_S, BEFORE_S = 0.3, 0.2


def sentence_markers(sentences: Sequence[str], start_s: float = 1.0, told: bool = True) -> tuple[Marker, ...]:
    """A word every 0.3 s, the stop 0.3 s after the last, half a second between sentences; untold words have no names."""
    markers, at_s = [], start_s
    for sentence in sentences:
        words = sentence.split()
        onsets = at_s + BEFORE_S + SOA_S * np.arange(len(words) + 1)
        markers.append(Marker(at_s, "sentence/start"))
        markers += [Marker(float(t), f"word/{w if told else ''}") for t, w in zip(onsets, words, strict=False)]
        markers.append(Marker(float(onsets[-1]), "sentence/stop"))
        at_s = float(onsets[-1]) + 0.5
    return tuple(markers)


def reading_recording(
    sentences: Sequence[str] = SHOWN, told: bool = True, gap_at_s: float | None = None, tail_s: float = 1.0
) -> Recording:
    """Noise of two channels; the first holds sample numbers as well, so that every shifted sample changes what is read."""
    markers = sentence_markers(sentences, told=told)
    n = int((markers[-1].time + tail_s) * SFREQ)
    data = np.random.default_rng(0).normal(scale=20, size=(len(CHANNELS), n)).astype(np.float32)
    data[0] += np.arange(n) % 97
    times = np.arange(n) / SFREQ
    if gap_at_s is not None:
        times[times >= gap_at_s] += 0.4
    return Recording(data, times, CHANNELS, SFREQ, markers, "somebody who reads")
