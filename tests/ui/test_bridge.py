"""Facts cross from engine threads one by one; floods never pile up."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from bci_app.engine.events import Event, Progress, StreamChanged
from bci_app.engine.views import Reconstruction
from bci_app.ui.bridge import TURNS, Bridge
from tests.ui.fake_session import FakeSession, reconstruction


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def bridge(qapp: QApplication, session: FakeSession) -> Bridge:
    made = Bridge(session)
    made.start()
    qapp.processEvents()
    yield made
    made.close()


def _in_a_thread(work: object) -> None:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    thread.join()


def test_flood_of_pictures_wakes_the_window_once_and_the_newest_wins(
    bridge: Bridge, session: FakeSession, qapp: QApplication
) -> None:
    wake_ups, taken = [], []
    bridge._woken.connect(lambda: wake_ups.append(1))
    bridge.reconstructed.connect(taken.append)
    pictures = [reconstruction(trial, 1.0) for trial in range(50)]
    _in_a_thread(lambda: [session.reconstructions.put(each) for each in pictures])
    assert taken == []  # nothing is done in the engine's thread
    qapp.processEvents()
    assert len(wake_ups) == 1
    assert taken == [pictures[-1]]
    assert [each for each, _at in session.handed] == [pictures[-1]]
    assert session.reconstructions.overwritten == 49


def test_every_taken_picture_is_reported_exactly_once(bridge: Bridge, session: FakeSession, qapp: QApplication) -> None:
    pictures = [reconstruction(trial, 1.0) for trial in range(4)]
    for each in pictures:
        session.reconstructions.put(each)
        qapp.processEvents()
    bridge._take()  # a wake-up that finds the box empty
    assert [each for each, _at in session.handed] == pictures


def test_picture_that_came_before_the_window_is_taken_at_the_start(qapp: QApplication, session: FakeSession) -> None:
    session.reconstructions.put(reconstruction(0, 1.0))
    bridge = Bridge(session)
    bridge.start()
    qapp.processEvents()
    bridge.close()
    assert len(session.handed) == 1


def test_report_comes_after_the_picture_was_given_to_the_view(
    bridge: Bridge, session: FakeSession, qapp: QApplication
) -> None:
    order: list[str] = []
    bridge.reconstructed.connect(lambda each: order.append("view"))
    original = session.handed_to_qt

    def note(each: Reconstruction, at_s: float) -> None:
        order.append("report")
        original(each, at_s)

    session.handed_to_qt = note  # type: ignore[method-assign]
    session.reconstructions.put(reconstruction(0, 1.0))
    qapp.processEvents()
    assert order == ["view", "report"]


def test_events_of_other_threads_arrive_in_the_gui_thread_and_in_order(
    bridge: Bridge, session: FakeSession, qapp: QApplication
) -> None:
    arrived: list[tuple[Event, int]] = []
    bridge.progressed.connect(lambda event: arrived.append((event, threading.get_ident())))
    events = [Progress(done, 20, "") for done in range(20)]
    _in_a_thread(lambda: [session.say(event) for event in events])
    assert arrived == []
    qapp.processEvents()
    assert [event for event, _thread in arrived] == events
    assert {thread for _event, thread in arrived} == {threading.get_ident()}


def test_closed_bridge_turns_events_and_pictures_away(bridge: Bridge, session: FakeSession, qapp: QApplication) -> None:
    arrived: list[Event] = []
    bridge.stream_changed.connect(arrived.append)
    session.say(StreamChanged("lost", "queued before the end"))
    bridge.close()
    session.say(StreamChanged("lost", "after the end"))
    session.reconstructions.put(reconstruction(0, 1.0))
    qapp.processEvents()
    assert arrived == []
    assert session.handed == []
    assert session.reconstructions.on_put is None
    assert not bridge._timer.isActive()


def test_session_is_stopped_once_however_often_the_bridge_is_closed(bridge: Bridge, session: FakeSession) -> None:
    bridge.close()
    bridge.close()
    assert session.stops == 1


def test_session_that_others_stop_is_left_to_them(bridge: Bridge, session: FakeSession) -> None:
    bridge.stops_session = False
    bridge.close()
    assert session.stops == 0


def test_slow_panels_are_read_once_a_round_and_in_ticks_of_their_own(bridge: Bridge, session: FakeSession) -> None:
    seen: list[tuple[int, str]] = []
    bridge.status_polled.connect(lambda each: seen.append((bridge._tick, "status")))
    bridge.identification_polled.connect(lambda each: seen.append((bridge._tick, "identification")))
    bridge.latencies_polled.connect(lambda each: seen.append((bridge._tick, "latencies")))
    bridge._timer.stop()
    signals: list[object] = []
    bridge.signal_polled.connect(signals.append)
    for _ in range(2 * TURNS):
        bridge._poll()
    assert sorted(name for _tick, name in seen) == ["identification"] * 2 + ["latencies"] * 2 + ["status"] * 2
    assert len({tick for tick, _name in seen}) == 6
    assert len(signals) == 2 * TURNS
    bridge.signal_wanted = False
    bridge._poll()
    assert len(signals) == 2 * TURNS
    seen.clear()
    bridge.in_front = False
    for _ in range(TURNS):
        bridge._poll()
    assert [name for _tick, name in seen] == ["status"]


def _flat(level: int, trial: int) -> Reconstruction:
    return replace(reconstruction(trial, 1.0), image=np.full((64, 64, 3), level, np.uint8))


def test_picture_that_would_flash_is_held_and_gives_way_to_the_newest(
    bridge: Bridge, session: FakeSession, qapp: QApplication
) -> None:
    pictures = [_flat(255 * (index % 2), index) for index in range(9)]
    for index, each in enumerate(pictures):
        session.now_s = 100 + 0.1 * index
        session.reconstructions.put(each)
        qapp.processEvents()
    assert [each.trial for each, _at in session.handed] == [0, 1, 2, 3, 4, 5, 7]  # 7 is as white as 5
    assert bridge.guard.n_held == 2
    session.now_s = 101.1  # a second after the first change and some more
    bridge._hold.timeout.emit()
    assert session.handed[-1] == (pictures[8], 101.1)
    bridge._take()
    assert len(session.handed) == 8
