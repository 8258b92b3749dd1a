"""Every kind of recording is played from the window, as a stream that says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from bci_app.streams import lsl
from bci_app.streams.lsl import Lookout
from bci_app.streams.lsl_source import LslSource
from bci_app.streams.markers import MarkerInlet
from bci_app.streams.source import StreamDescription
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.starting import SPEEDS, StartBox
from tests.player import PlayerThread
from tests.streams.conftest import pull_samples
from tests.streams.recording_files import CHANNELS, KINDS, SFREQ, made_recording

SPEED = cycle((0.0, 16.0, 8.0))


@pytest.fixture
def boxes(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, StartBox]]:
    """One for each kind of recording, with players in this process."""
    monkeypatch.setattr(lsl, "_WAVE_S", 0.25)
    monkeypatch.setattr("bci_app.engine.senders.ReplayProcess", PlayerThread)
    made = {kind: StartBox(Holder()) for kind in KINDS}
    for box in made.values():
        qtbot.addWidget(box)
    yield made
    for box in made.values():
        box.end_sender()
        box.close_box()
        box.finish()


def streams_of(boxes: dict[str, StartBox]) -> dict[str, list[StreamDescription]]:
    """Signal and markers of each, when all answer."""
    sources = {kind: str(box._holder.stream().source_id) for kind, box in boxes.items()}
    lookout, found = Lookout(), {kind: list[StreamDescription]() for kind in sources}
    while not all(len(streams) == 2 for streams in found.values()):
        there = lookout.look()
        found = {kind: [each for each in there if each.source_id.startswith(own)] for kind, own in sources.items()}
    return found


def check_played(kind: str, streams: list[StreamDescription]) -> bool:
    """Whether the stream has the samples of the recording, and markers at theirs."""
    recording = made_recording()
    (signal,), (labels,) = ([each for each in streams if each.text == text] for text in (False, True))
    assert (signal.channels, signal.sfreq, signal.unit) == (CHANNELS, SFREQ, "microvolts"), kind
    with closing(MarkerInlet(labels)) as inlet, closing(LslSource(signal)) as source:
        chunks, heard = pull_samples(source, recording.n_times), inlet.pull(1.0)
        while len(heard) < len(recording.markers):
            heard = [*heard, *inlet.pull(1.0)]
    data, began_s = np.hstack([chunk.data for chunk in chunks]), chunks[0].times[0]
    np.testing.assert_allclose(data, recording.data, rtol=0, atol=1e-3, err_msg=kind)
    places = [(round((each.time - began_s) * SFREQ), each.label.rpartition("/")[2]) for each in heard]
    assert places == [(round(each.time * SFREQ), each.label) for each in recording.markers], kind
    return True


def test_recording_of_every_kind_is_a_stream_with_its_samples_and_markers(
    boxes: dict[str, StartBox], qtbot: QtBot, tmp_path: Path
) -> None:
    for (kind, box), speed in zip(boxes.items(), SPEED, strict=False):
        box.file.set_path(KINDS[kind](made_recording(), tmp_path))
        box.speed.setCurrentIndex([value for _, value in SPEEDS].index(speed))
        box.replay.click()
    qtbot.waitUntil(lambda: all(box._holder.own_sender is not None for box in boxes.values()), timeout=20_000)
    assert all(box.state.startswith("REPLAY is chosen") for box in boxes.values())
    streams = streams_of(boxes)
    with ThreadPoolExecutor(len(streams)) as pool:  # waiting alone takes half a second each
        assert all(pool.map(check_played, streams.keys(), streams.values()))
