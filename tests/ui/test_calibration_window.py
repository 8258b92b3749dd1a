"""The window of a calibration: pictures with their onsets, breaks, and keys that stop nothing by accident."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from bci_app.engine.events import BlankPicture, Break, Finished, ShowPicture
from bci_app.ui import session_window
from bci_app.ui.calibration_window import BREAK, CalibrationWindow
from bci_app.ui.showing_window import ONE_SCREEN, SCREEN_GONE
from tests.ui.fake_calibration import FakeCalibration
from tests.ui.fake_session import made_up_picture

Make = Callable[..., tuple[CalibrationWindow, FakeCalibration]]


@pytest.fixture
def make(qapp: QApplication) -> Make:
    def made(where: str = "window") -> tuple[CalibrationWindow, FakeCalibration]:
        session = FakeCalibration(where=where)
        window = CalibrationWindow(session)  # type: ignore[arg-type]
        window.show()
        window.begin()
        qapp.processEvents()
        return window, session

    return made


def test_a_picture_is_painted_and_its_onset_told(make: Make, qapp: QApplication) -> None:
    window, session = make()
    picture = made_up_picture(0)
    session.say(ShowPicture(7, picture, session.now_s))
    qapp.processEvents()
    assert session.shown == [(7, picture.id, session.now_s)]
    session.say(BlankPicture())
    qapp.processEvents()
    window.bridge.poll_all()
    assert "1 of 34 onsets late" in window.stimulus_panel.detail


def test_space_ends_a_break_and_never_the_session(make: Make, qapp: QApplication, qtbot: object) -> None:
    window, session = make()
    qtbot.keyClick(window, Qt.Key.Key_Space)  # type: ignore[attr-defined]
    assert "go on" not in session.asked
    session.say(Break(15.0))
    qapp.processEvents()
    assert window.pane._scene.prompt == BREAK.format(seconds=15)
    qtbot.keyClick(window, Qt.Key.Key_Space)  # type: ignore[attr-defined]
    assert session.asked[-1] == "go on"
    session.say(Break(0.0))
    qapp.processEvents()
    assert window.pane._scene.prompt == ""
    assert "halt" not in session.asked


def test_p_pauses_and_goes_on_and_s_stops_at_once(make: Make, qtbot: object) -> None:
    window, session = make()
    for key in (Qt.Key.Key_P, Qt.Key.Key_P, Qt.Key.Key_S):
        qtbot.keyClick(window, key)  # type: ignore[attr-defined]
    assert session.asked[-3:] == ["paused True", "paused False", "halt"]
    assert window.stimulator.halted
    qtbot.keyClick(window, Qt.Key.Key_Escape)  # type: ignore[attr-defined]
    assert session.stops == 1


def test_pictures_go_full_screen_and_come_back_and_the_end_brings_them_back(
    make: Make, qapp: QApplication, qtbot: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_window, "LINGER_MS", 0)
    window, session = make("full-screen")
    assert window._apart is not None
    session.say(ShowPicture(0, made_up_picture(0), session.now_s))
    qapp.processEvents()
    assert session.shown[0][0] == 0
    for apart in (False, True):
        qtbot.keyClick(window, Qt.Key.Key_F)  # type: ignore[attr-defined]
        assert (window._apart is not None) == apart
        qapp.processEvents()
    session.say(Finished("All 400 pictures were shown.", fatal=False))
    with qtbot.waitSignal(window.closed, timeout=3000):  # type: ignore[attr-defined]
        pass
    assert window._apart is None
    assert session.stops == 1


def test_a_single_screen_is_told_where_a_second_one_would_be_taken(make: Make) -> None:
    window, _ = make("auto")
    assert window.banner.text == ONE_SCREEN
    assert make("window")[0].banner.text == ""


def test_pictures_pause_when_the_participants_screen_goes_away(make: Make, qapp: QApplication, qtbot: object) -> None:
    window, session = make("full-screen")
    apart, screen = window._apart, qapp.primaryScreen()
    assert apart is not None
    with qtbot.waitSignal(apart.destroyed):  # type: ignore[attr-defined]
        qapp.screenRemoved.emit(screen)
    assert (window._apart, window.banner.text) == (None, SCREEN_GONE)
    assert session.asked[-2:] == ["paused True", f"refresh {screen.refreshRate():.0f}"]
    qtbot.keyClick(window, Qt.Key.Key_P)  # type: ignore[attr-defined]
    assert (session.asked[-1], window.banner.text) == ("paused False", "")
    qapp.screenRemoved.emit(screen)  # another screen than that of the pictures, which are in the window now
    assert session.asked[-1] == "paused False"
