"""Sentences word by word: markers bear the times at which words were out, and make sentences that are cut."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QScreen
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bci_app.contract.reading import SentenceSpec, SentenceTrials
from bci_app.contract.signal import Marker
from bci_app.engine.evolution_settings import Stimulus
from bci_app.engine.sentence_list import Pace
from bci_app.pictures.picture import MID_GREY
from bci_app.ui import stimulus_window
from bci_app.ui.app import run_sentences
from bci_app.ui.sentence_show import PAUSED, SIDE, WAITING, SentenceShow, word_picture
from bci_app.ui.stimulator import Stimulator
from bci_app.ui.stimulus_window import OnClosed, OnKey
from tests.ui.test_stimulator import Paper

SENTENCES = ("The old dog", "sees")
QUICK = Pace.model_construct(soa_s=0.02, lead_s=0.02, pause_s=0.02)


class Outlet:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.has_consumers = False
        self.sent: list[Marker] = []

    def push(self, text: str, time_s: float) -> None:
        self.sent.append(Marker(time_s, text))


class Desk:
    """A show on paper; every frame that goes out is 4 ms later than its due time."""

    def __init__(self) -> None:
        self.offset = [0.0]
        self.paper, self.outlet = Paper(self.offset), Outlet()
        self.stimulator = Stimulator(self.paper, self.clock, None)
        self.show = SentenceShow(SENTENCES, QUICK, self.stimulator, self.outlet, self.clock)

    def clock(self) -> float:
        return time.monotonic() + self.offset[0]

    @property
    def labels(self) -> list[str]:
        return [marker.label for marker in self.outlet.sent]


@pytest.fixture
def desk(qapp: QApplication) -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.show.end()
    desk.stimulator.close()


def test_nothing_is_shown_before_somebody_listens_then_every_word_in_its_place(desk: Desk, qtbot: QtBot) -> None:
    onsets: list[float] = []
    desk.stimulator.shown.connect(lambda event, at_s: onsets.append(at_s))
    desk.show.begin()
    assert [scene.prompt for scene in desk.paper.scenes] == [WAITING]
    desk.outlet.has_consumers = True
    with qtbot.waitSignal(desk.show.finished, timeout=5000):
        pass
    assert desk.labels == [
        "sentence/start/The old dog", "word/The", "word/old", "word/dog", "sentence/stop",
        "sentence/start/sees", "word/sees", "sentence/stop",
    ]  # fmt: skip
    assert [marker.time for marker in desk.outlet.sent if marker.label.startswith("word/")] == onsets
    assert desk.show.n_shown == 2
    times = [marker.time for marker in desk.outlet.sent]
    assert min(np.diff(times)) >= QUICK.soa_s
    trials = SentenceTrials(SentenceSpec(), 100.0)
    for marker in desk.outlet.sent:
        trials.add(marker)
    assert (len(trials.pending), trials.dropped) == (2, [])


def test_a_pause_begins_behind_the_sentence_and_a_stop_at_once(desk: Desk, qtbot: QtBot) -> None:
    desk.outlet.has_consumers = True
    desk.show.begin()
    qtbot.waitUntil(lambda: "word/The" in desk.labels, timeout=5000)
    desk.stimulator.press(Qt.Key.Key_P)
    qtbot.waitUntil(lambda: desk.paper.scenes[-1].prompt == PAUSED, timeout=5000)
    assert desk.labels[-1] == "sentence/stop"
    desk.stimulator.press(Qt.Key.Key_P)
    qtbot.waitUntil(lambda: desk.labels[-1] == "sentence/start/sees", timeout=5000)
    desk.stimulator.press(Qt.Key.Key_Escape)
    assert desk.paper.scenes[-1].image is None
    assert (desk.labels[-1], desk.show.n_shown) == ("sentence/start/sees", 1)


def test_a_word_stands_in_the_middle_and_a_long_one_has_room(qapp: QApplication) -> None:
    for word in ("dog", "Donaudampfschifffahrtsgesellschaftskapitaen", "and/or"):
        inked = np.argwhere((word_picture(word).image != MID_GREY).any(axis=2))
        first, last = inked.min(axis=0), inked.max(axis=0)
        assert abs((first + last)[1] / 2 - SIDE / 2) < 12
        assert first.min() > 0
        assert last.max() < SIDE - 1


def test_a_window_closed_while_it_waits_to_be_seen_shows_nothing(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hasty(look: Stimulus, screen: QScreen, on_key: OnKey, on_closed: OnClosed) -> object:
        assert not on_key(Qt.Key.Key_P)  # means nothing yet
        on_closed()
        return opened(look, screen, on_key, on_closed)

    opened = stimulus_window.open_stimulus_window
    monkeypatch.setattr(stimulus_window, "open_stimulus_window", hasty)
    outlet = Outlet()
    outlet.has_consumers = True
    assert run_sentences(SENTENCES, QUICK, Stimulus(), outlet, offscreen=True) == 0  # type: ignore[arg-type]
    assert outlet.sent == []
