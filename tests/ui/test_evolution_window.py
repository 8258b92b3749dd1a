"""The window of an evolution shows what the engine says, and its keys stop, pause and rate."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel

from bci_app.contract.errors import SettingsError
from bci_app.engine.events import BlankPicture, Finished, Problem, RatingWanted, ShowPicture, StreamChanged
from bci_app.ui import theme
from bci_app.ui.app import run_window
from bci_app.ui.bridge import TURNS
from bci_app.ui.evolution_window import SHAM, EvolutionWindow
from bci_app.ui.showing_window import PAUSED
from tests.ui.fake_evolution import FakeEvolution, evolved_picture

MakeEvolution = Callable[..., tuple[EvolutionWindow, FakeEvolution]]


@pytest.fixture
def make_evolution(qapp: QApplication) -> MakeEvolution:
    """A window on a fake evolution, begun and painted once."""

    def make(session: FakeEvolution | None = None, **options: object) -> tuple[EvolutionWindow, FakeEvolution]:
        chosen = session or FakeEvolution()
        window = EvolutionWindow(chosen, **options)  # type: ignore[arg-type]
        window.show()
        window.begin()
        qapp.processEvents()
        return window, chosen

    return make


def _say(qapp: QApplication, session: FakeEvolution, *events: object) -> None:
    for event in events:
        session.say(event)  # type: ignore[arg-type]
    qapp.processEvents()


def _middle(window: EvolutionWindow) -> tuple[int, int, int]:
    pixel = window.pane.grab().toImage().pixelColor(QPoint(window.pane.width() // 2 + 8, window.pane.height() // 2 + 8))
    return pixel.red(), pixel.green(), pixel.blue()


def test_picture_is_painted_in_the_pane_and_reported_with_its_time(
    make_evolution: MakeEvolution, qapp: QApplication
) -> None:
    window, session = make_evolution()
    assert window.stimulator.guard is not None
    assert session.refresh_hz == window.screen().refreshRate()
    assert window.stimulus_panel.detail.startswith("raster")
    pictures = [evolved_picture(number) for number in range(3)]
    for trial, picture in enumerate(pictures):
        session.now_s = 200.0 + trial
        _say(qapp, session, ShowPicture(trial, picture, due_s=200.0 + trial))
    assert session.shown == [(trial, picture.id, 200.0 + trial) for trial, picture in enumerate(pictures)]
    assert _middle(window) != (128, 128, 128)
    _say(qapp, session, BlankPicture())
    assert _middle(window) == (128, 128, 128)


def test_escape_blanks_and_halts_and_then_closes(
    make_evolution: MakeEvolution, qapp: QApplication, qtbot: object
) -> None:
    window, session = make_evolution()
    _say(qapp, session, ShowPicture(0, evolved_picture(1)))
    grey_when_told: list[tuple[int, int, int]] = []
    session.halt = lambda: (grey_when_told.append(_middle(window)), FakeEvolution.halt(session))  # type: ignore[method-assign, assignment]
    qtbot.keyClick(window, Qt.Key.Key_Escape)  # type: ignore[attr-defined]
    qapp.processEvents()
    assert grey_when_told == [(128, 128, 128)]
    assert window.banner.text == "Stopped by the stop key. Press Esc to close."
    assert not window.stop_button.isEnabled()
    _say(qapp, session, ShowPicture(1, evolved_picture(2)))
    qtbot.keyClick(window, Qt.Key.Key_Space)  # type: ignore[attr-defined]
    assert [trial for trial, *_ in session.shown] == [0]
    assert (session.said, session.stops) == (["halt"], 0)
    qtbot.keyClick(window, Qt.Key.Key_Escape)  # type: ignore[attr-defined]
    assert window.isHidden()
    assert session.stops == 1


def test_pause_takes_the_picture_away_and_says_so(
    make_evolution: MakeEvolution, qapp: QApplication, qtbot: object
) -> None:
    window, session = make_evolution()
    _say(qapp, session, ShowPicture(0, evolved_picture(1)))
    qtbot.keyClick(window, Qt.Key.Key_P)  # type: ignore[attr-defined]
    assert _middle(window) == (128, 128, 128)
    assert window.banner.text == PAUSED
    _say(qapp, session, StreamChanged("connected", "Connected."))
    assert window.banner.text == PAUSED  # it still is
    window.pause_button.click()
    assert window.banner.text == ""
    assert session.said == ["pause", "resume"]


def test_number_keys_rate_the_picture_that_asks_for_it(
    make_evolution: MakeEvolution, qapp: QApplication, qtbot: object
) -> None:
    window, session = make_evolution(FakeEvolution(with_signal=False, response={"kind": "rating", "steps": 7}))
    _say(qapp, session, ShowPicture(5, evolved_picture(1)), RatingWanted(5, 7))
    for key in (Qt.Key.Key_9, Qt.Key.Key_6, Qt.Key.Key_2):
        qtbot.keyClick(window, key)  # type: ignore[attr-defined]
    assert session.ratings == [(5, 6)]
    assert window.signal_panel.isHidden()
    assert not window.bridge.signal_wanted


def test_polling_brings_every_panel_its_numbers(make_evolution: MakeEvolution) -> None:
    session = FakeEvolution(n_scored=7)
    window, _ = make_evolution(session)
    for _tick in range(TURNS):
        window.bridge._timer.timeout.emit()
    snapshot = session.evolution()
    assert window.population_view.texts().keys() == {member.id for member in snapshot.members}
    assert window.population_panel.detail.startswith("8 of 40")
    assert window.averages_view.generations == tuple(range(1, 8))
    assert window.activation_view.n_points == {"evolved": 7, "natural": 7, "prior": 7}
    assert window.facts_view.texts["late"] == "▲ 21 of 195"
    assert window.signal_panel.badge == "SIMULATED PARTICIPANT"
    assert window.signal_view.points[0].size > 0
    assert "picture 14 of 26" in window.status_view.progress


@pytest.mark.parametrize(("sham", "badge"), [("off", ""), ("on", SHAM), ("blind", "")])
def test_sham_is_marked_unless_it_is_blind(make_evolution: MakeEvolution, sham: str, badge: str) -> None:
    window, _ = make_evolution(FakeEvolution(n_scored=2, sham=sham))
    window.bridge.poll_all()
    assert window.activation_panel.badge == badge


def test_painting_of_panels_is_put_off_while_a_picture_is_due(
    make_evolution: MakeEvolution, qapp: QApplication
) -> None:
    window, session = make_evolution()
    window.bridge._timer.stop()
    polled: list[object] = []
    window.bridge.signal_polled.connect(polled.append)
    _say(qapp, session, ShowPicture(0, evolved_picture(1), due_s=session.now_s + 0.05))
    for expected in (0, 0, 1):  # put off twice, then no longer
        window.bridge._poll()
        assert len(polled) == expected


def test_fatal_problem_blanks_and_stays(make_evolution: MakeEvolution, qapp: QApplication) -> None:
    window, session = make_evolution()
    _say(qapp, session, ShowPicture(0, evolved_picture(1)))
    _say(qapp, session, Problem("The disk is full.", fatal=True), Finished("The disk is full.", fatal=True))
    assert _middle(window) == (128, 128, 128)
    assert window.banner.text == "The disk is full."
    assert window.failed


def test_pictures_move_to_a_window_over_the_screen_which_has_the_same_keys(
    make_evolution: MakeEvolution, qapp: QApplication, qtbot: object
) -> None:
    window, session = make_evolution()
    _say(qapp, session, ShowPicture(0, evolved_picture(1)))
    qtbot.keyClick(window, Qt.Key.Key_F)  # type: ignore[attr-defined]
    apart = window._apart
    assert apart is not None
    assert apart.isFullScreen()
    _say(qapp, session, ShowPicture(1, evolved_picture(2)))
    assert [trial for trial, *_ in session.shown] == [0, 1]
    assert window.mirror.isVisible()
    qtbot.keyClick(apart, Qt.Key.Key_P)  # type: ignore[attr-defined]
    qtbot.keyClick(apart, Qt.Key.Key_F)  # type: ignore[attr-defined]
    qapp.processEvents()
    assert window._apart is None
    assert window.pane.isVisible()
    assert session.said == ["pause"]


def test_closing_the_participants_screen_halts(make_evolution: MakeEvolution, qapp: QApplication) -> None:
    window, session = make_evolution(FakeEvolution(stimulus={"where": "full-screen"}))
    assert window._apart is not None
    window._apart.close()
    qapp.processEvents()
    assert session.said == ["halt"]
    assert window._apart is None
    assert session.stops == 0  # the experimenter still has a window to look at


def test_screen_that_is_not_there_is_told_before_anything_is_shown(qapp: QApplication) -> None:
    session = FakeEvolution(stimulus={"screen": 7})
    with pytest.raises(SettingsError, match="screen 7"):
        run_window(session, offscreen=True)
    assert session.stops == 1


def test_at_the_end_a_screen_that_is_shared_is_given_back(make_evolution: MakeEvolution, qapp: QApplication) -> None:
    window, session = make_evolution(FakeEvolution(stimulus={"where": "full-screen"}))
    assert window._apart is not None
    _say(qapp, session, Finished("All 40 generations were scored.", fatal=False))
    assert window._apart is None
    assert window.banner.text == "All 40 generations were scored. Press Esc to close."


def test_closing_the_window_takes_the_participants_screen_with_it(
    make_evolution: MakeEvolution, qapp: QApplication
) -> None:
    window, session = make_evolution(FakeEvolution(stimulus={"where": "full-screen"}))
    apart = window._apart
    window.close()
    assert session.stops == 1
    assert apart is not None
    assert not apart.isVisible()
    _say(qapp, session, ShowPicture(0, evolved_picture(1)))
    assert session.shown == []


def test_flashing_that_was_allowed_expressly_is_not_guarded(make_evolution: MakeEvolution) -> None:
    window, _ = make_evolution(FakeEvolution(limits={"allow_flashing": True}))
    assert window.stimulator.guard is None


def test_panels_fit_a_small_window(make_evolution: MakeEvolution, qapp: QApplication) -> None:
    theme.dress(qapp, theme.LIGHT)
    window, _ = make_evolution(FakeEvolution(n_scored=23, sham="on"), colours=theme.LIGHT)
    window.resize(1280, 800)
    window.bridge.poll_all()
    qapp.processEvents()
    assert (window.width(), window.height()) == (1280, 800)
    for view in (window.pane, window.signal_view, window.population_view, window.averages_view, window.facts_view):
        assert window.rect().contains(view.mapTo(window, view.rect().bottomRight())), type(view).__name__
        assert view.height() >= view.minimumSizeHint().height(), type(view).__name__
    window.help.toggle()
    qapp.processEvents()
    assert window.rect().contains(window.help.geometry())
    lines = [label for label in window.help.findChildren(QLabel) if not label.wordWrap()]
    assert [label.text() for label in lines if label.width() < label.sizeHint().width()] == []


def test_run_window_opens_this_window_for_an_evolution(qapp: QApplication) -> None:
    session = FakeEvolution(with_signal=False)
    start = session.start

    def start_and_end(on_event: object) -> None:
        start(on_event)  # type: ignore[arg-type]
        session.say(Finished("All 40 generations were scored.", fatal=False))

    session.start = start_and_end  # type: ignore[method-assign, assignment]
    assert run_window(session, offscreen=True, close_when_finished=True) == 0
    assert session.stops == 1
