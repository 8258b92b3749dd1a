"""The reader in real time: it waits for a listener, and its markers stand on the samples of its words."""

from __future__ import annotations

import threading
from itertools import islice
from uuid import uuid4

import numpy as np
import pytest

from bci_app.contract.signal import Samples
from bci_app.simulation import live_reading
from bci_app.simulation.live_reading import LiveReader, endless_sentences
from bci_app.simulation.process import ParticipantProcess
from bci_app.simulation.reading import WordResponse
from bci_app.simulation.sentences import TASKS, part_of
from bci_app.simulation.settings import ParticipantSettings, ReadingSettings
from bci_app.streams.lsl import find, local_clock
from bci_app.streams.lsl_source import LslSource
from bci_app.streams.markers import MARKER_TYPE, MarkerInlet

CLEAR = {"line_uv": 0.0, "blink_rate_hz": 0.0, "pop_rate_hz": 0.0, "drop_out_rate_hz": 0.0, "alpha_uv": 0.0}


def own_settings(**changes: object) -> ParticipantSettings:
    own = uuid4().hex[:8]
    names = {"stream_name": f"EEG {own}", "marker_name": f"markers {own}", "source_id": own}
    values = {**CLEAR, **names, "n_channels": 8, "sfreq": 128.0, "sensor_uv": 0.0, "pink_uv": 0.1}
    return ParticipantSettings.model_validate(values | {"reading": ReadingSettings(induced_uv=0.0)} | changes)


class Sent:
    """Keeps what is pushed instead of sending it."""

    def __init__(self, heard: bool) -> None:
        self.has_consumers = heard
        self.pushed: list[tuple[Samples | str, float]] = []

    def push(self, what: Samples | str, time_s: float) -> None:
        self.pushed.append((what, time_s))


@pytest.mark.parametrize(("heard", "first_s"), [((True, True), 1.0), ((True, False), 3.0), ((False, True), 3.0)])
def test_the_first_sentence_waits_for_somebody_who_listens_to_both_streams(
    heard: tuple[bool, bool], first_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_reading, "local_clock", lambda: 1e9)  # every sample is due
    reader = LiveReader(own_settings(reading=ReadingSettings(wait_s=2.0)))
    signal, markers = (Sent(each) for each in heard)
    while not markers.pushed:
        reader._step(signal, markers, threading.Event())  # type: ignore[arg-type]
    label, time_s = markers.pushed[0]
    assert str(label).startswith("sentence/start/")
    assert time_s == pytest.approx(first_s, abs=2 * 8 / 128)
    assert len(signal.pushed) < 3.5 * 128 / 8


def test_live_sentences_are_of_the_test_part_and_of_all_tasks_in_mixed_order() -> None:
    settings = own_settings()
    first = list(islice(endless_sentences(settings), 200))
    assert {part_of(each) for each in first} == {"test"}
    assert len(set(first[:120])) == 120, "no sentence twice in a round"
    assert list(islice(endless_sentences(settings), 200)) == first
    other = list(islice(endless_sentences(settings.model_copy(update={"session": 1})), 120))
    assert set(other) == set(first[:120])
    assert other != first[:120]
    third = len(first[:120]) // len(TASKS)
    assert sum("film" in each.casefold() for each in first[:third]) < third / 2


def test_its_process_streams_words_whose_markers_stand_on_their_responses() -> None:
    settings = own_settings()
    with ParticipantProcess(settings):
        source = LslSource(find(name=settings.stream_name, timeout_s=10.0))
        try:
            with MarkerInlet(find(name=settings.marker_name, type=MARKER_TYPE, timeout_s=10.0)) as inlet:
                chunks, heard, deadline = [], [], local_clock() + 10.0
                while len(heard) < 2 or chunks[-1].times[-1] < heard[1].time + 0.45:
                    assert local_clock() < deadline, f"{len(chunks)} chunks and {heard} came"
                    heard += inlet.pull(0.0)
                    chunk = source.pull(0.1)
                    chunks += [] if chunk is None else [chunk]
        finally:
            source.close()
    data, times = (np.concatenate([getattr(chunk, part) for chunk in chunks], axis=-1) for part in ("data", "times"))
    start, word = heard[0], heard[1]
    sentence = start.label.removeprefix("sentence/start/")
    assert word.label == f"word/{sentence.split()[0]}"
    assert part_of(sentence) == "test"
    first = int(np.abs(times - word.time).argmin())
    assert times[first] == pytest.approx(word.time, abs=2e-4), "it stands on a sample"
    truth = WordResponse(settings).evoked(sentence.split()[0])
    answer = data[:, first : first + truth.shape[1]]
    assert np.corrcoef(answer.ravel(), truth[:, : answer.shape[1]].ravel())[0, 1] > 0.98
