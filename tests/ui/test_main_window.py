"""The window shows what the engine says and answers what the engine needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from bci_app.engine.events import (
    BlankPicture,
    Finished,
    ModelsChanged,
    ModelsRefused,
    Problem,
    Progress,
    ShowPicture,
    StreamChanged,
    TrialRead,
)
from bci_app.engine.nearest import Nearest, Neighbour
from bci_app.engine.views import SignalWords, Status
from bci_app.pictures.picture import make_picture
from bci_app.ui import theme
from bci_app.ui.main_window import ROOM_FOR_NEAREST_PX, MainWindow
from tests.ui.conftest import MakeWindow
from tests.ui.fake_session import LATENCIES, FakeSession, made_up_picture, made_up_reading, reconstruction


def _colour(widget: QWidget, at: QPoint) -> tuple[int, int, int]:
    pixel = widget.grab().toImage().pixelColor(at)
    return pixel.red(), pixel.green(), pixel.blue()


def _centre(widget: QWidget) -> QPoint:
    return QPoint(widget.width() // 2, widget.height() // 2)


def test_window_opens_with_the_title_of_the_session(make_window: MakeWindow) -> None:
    window, session = make_window()
    assert session.title in window.windowTitle()
    assert window.isVisible()
    assert window.banner.text == ""


def test_lost_stream_is_written_across_the_top_and_goes_when_it_is_back(
    make_window: MakeWindow, qapp: QApplication
) -> None:
    window, session = make_window()
    session.say(StreamChanged("lost", "The stream 'SimEEG' is lost."))
    qapp.processEvents()
    assert window.banner.text == "The stream 'SimEEG' is lost."
    assert window.banner.isVisible()
    session.say(StreamChanged("back", "The stream is back."))
    qapp.processEvents()
    assert window.banner.text == ""


def test_stale_and_searching_streams_are_written_too(make_window: MakeWindow, qapp: QApplication) -> None:
    window, session = make_window()
    for state in ("searching", "stale"):
        session.say(StreamChanged(state, f"It is {state}."))  # type: ignore[arg-type]
        qapp.processEvents()
        assert window.banner.text == f"It is {state}."
    session.say(StreamChanged("connected", "Connected."))
    qapp.processEvents()
    assert window.banner.text == ""


def test_passing_problem_gives_way_to_the_stream_that_is_still_lost(
    make_window: MakeWindow, qapp: QApplication
) -> None:
    window, session = make_window()
    session.say(StreamChanged("lost", "Lost."))
    session.say(Problem("A marker was refused.", fatal=False))
    qapp.processEvents()
    assert window.banner.text == "A marker was refused."
    window._problem_timer.timeout.emit()  # its time has come, without waiting for it
    assert window.banner.text == "Lost."
    assert not window.failed


def test_fatal_problem_stays_whatever_follows(make_window: MakeWindow, qapp: QApplication) -> None:
    window, session = make_window()
    session.say(Problem("The disk is full.", fatal=True))
    session.say(StreamChanged("back", "Back."))
    session.say(Finished("Stopped.", fatal=True))
    qapp.processEvents()
    assert window.banner.text == "The disk is full."
    assert window.failed


def test_picture_is_reported_once_after_it_was_painted(make_window: MakeWindow, qapp: QApplication) -> None:
    window, session = make_window()
    pictures = [made_up_picture(trial) for trial in range(3)]
    for trial, picture in enumerate(pictures):
        session.now_s = 200.0 + trial
        session.say(ShowPicture(trial, picture))
        qapp.processEvents()
    window.shown_view.canvas.update()  # a later paint of the same picture is not another onset
    qapp.processEvents()
    assert session.shown == [(trial, picture.id, 200.0 + trial) for trial, picture in enumerate(pictures)]


def test_picture_on_a_hidden_window_is_reported_when_the_window_appears(
    make_window: MakeWindow, qapp: QApplication
) -> None:
    window, session = make_window()
    window.hide()
    session.say(ShowPicture(0, made_up_picture(0)))
    qapp.processEvents()
    assert session.shown == []
    assert not window.session_bridge.in_front
    window.show()
    assert window.session_bridge.in_front
    qapp.processEvents()
    assert [trial for trial, _id, _at in session.shown] == [0]


def test_shown_picture_has_the_colours_of_its_pixels_and_then_mid_grey(
    make_window: MakeWindow, qapp: QApplication
) -> None:
    window, session = make_window()
    picture = made_up_picture(4)
    session.say(ShowPicture(4, picture))
    qapp.processEvents()
    canvas = window.shown_view.canvas
    corner = canvas.picture_rect().topLeft() + QPoint(2, 2)
    assert _colour(canvas, corner) == tuple(int(level) for level in picture.image[0, 0])
    assert window.shown_view.detail == "Trial 5"
    session.say(BlankPicture())
    qapp.processEvents()
    assert _colour(canvas, _centre(canvas)) == (128, 128, 128)
    assert window.shown_view.detail == ""


def test_reconstruction_reaches_the_pane_before_it_is_reported(make_window: MakeWindow, qapp: QApplication) -> None:
    window, session = make_window()
    read = reconstruction(7, 100.0)
    session.now_s = 123.0
    session.reconstructions.put(read)
    qapp.processEvents()
    assert session.handed == [(read, 123.0)]
    assert window.read_view.detail == "Trial 8"
    canvas = window.read_view.canvas
    corner = canvas.picture_rect().topLeft() + QPoint(2, 2)
    assert _colour(canvas, corner) == tuple(int(level) for level in read.image[0, 0])


def test_pictures_that_were_held_back_so_as_not_to_flash_are_counted(
    make_window: MakeWindow, qapp: QApplication
) -> None:
    window, session = make_window()
    for trial in range(8):
        flat = np.full((64, 64, 3), 255 * (trial % 2), np.uint8)
        session.reconstructions.put(replace(reconstruction(trial, 100.0), image=flat))
        qapp.processEvents()
    assert [read.trial for read, _at in session.handed] == [0, 1, 2, 3, 4, 5, 7]
    assert window.read_view.detail == "1 held back, flashing · Trial 8"


def test_read_trials_go_to_the_strip_which_keeps_the_last_eight(make_window: MakeWindow, qapp: QApplication) -> None:
    window, session = make_window()
    for trial in range(10):
        session.say(TrialRead(trial, made_up_picture(trial), made_up_reading(trial), float("nan")))
    session.n_trials = 10
    session.say(Progress(10, 60, "Trial 10 of 60"))
    qapp.processEvents()
    assert window.history_view.trials == tuple(range(3, 11))  # counted from 1 for people
    assert window.status_view.progress == "Trial 10 of 60"
    assert window.status_view.progress_share == pytest.approx(10 / 60)


def test_polling_brings_every_panel_its_numbers(make_window: MakeWindow, qapp: QApplication) -> None:
    session = FakeSession()
    session.n_trials, session.watermark = 12, "REPLAY"
    window, _ = make_window(session)
    for _tick in range(8):
        window.bridge._timer.timeout.emit()
    assert window.identification_view.n_points == (11, 11)
    assert len(window.latency_view.cells()) == 6
    assert window.signal_panel.badge == "REPLAY"
    assert window.signal_view.points[0].size > 0


def test_without_pictures_only_what_was_read_is_shown(make_window: MakeWindow, qapp: QApplication) -> None:
    window, session = make_window(FakeSession(shows_pictures=False))
    session.n_trials = 5
    window.bridge.poll_all()
    assert window.shown_view.isHidden()
    assert window.history_panel.isHidden()
    assert "nothing can be identified" in window.identification_view.message
    session.reconstructions.put(reconstruction(None, 1.0))
    qapp.processEvents()
    assert len(session.handed) == 1


def test_a_replay_shows_each_picture_when_its_trial_was_read_and_never_flashes(
    make_window: MakeWindow, qapp: QApplication
) -> None:
    session = FakeSession(shows_pictures=False)
    session.knows_pictures = True
    window, _ = make_window(session)
    assert not window.shown_view.isHidden()
    for trial in range(20):  # in one second, as a replay at many times the speed gives them
        black_or_white = make_picture(np.full((64, 64, 3), 255 * (trial % 2), np.uint8), "flat", str(trial % 2))
        session.now_s += 0.05
        session.say(TrialRead(trial, black_or_white, made_up_reading(trial), 1.0))
        qapp.processEvents()
        if trial == 0:
            assert window.shown_view.detail == "Trial 1"
    assert window.history_view.trials[-1] == 20
    assert window._guard.n_held > 0


def test_space_holds_the_eeg_still_and_lets_it_run_again(make_window: MakeWindow, qtbot: object) -> None:
    window, session = make_window()
    window.bridge._poll()
    qtbot.keyClick(window, Qt.Key.Key_Space)  # type: ignore[attr-defined]
    _x_before, y_before = window.signal_view.points
    session.now_s += 3.3
    window.bridge._poll()
    assert np.array_equal(window.signal_view.points[1], y_before, equal_nan=True)
    assert "held still" in window.signal_panel.detail
    qtbot.keyClick(window, Qt.Key.Key_Space)  # type: ignore[attr-defined]
    window.bridge._poll()
    assert not np.array_equal(window.signal_view.points[1], y_before, equal_nan=True)


def test_arrows_change_scale_and_stretch(make_window: MakeWindow, qtbot: object) -> None:
    window, _session = make_window()
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Right):
        qtbot.keyClick(window, key)  # type: ignore[attr-defined]
    assert window.signal_view.scale == 20.0
    assert window.signal_panel.detail == "20 µV per row"
    assert window.bridge.span_s == 10.0
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Left):
        qtbot.keyClick(window, key)  # type: ignore[attr-defined]
    assert window.signal_view.scale == 100.0
    assert window.bridge.span_s == 2.0


def test_a_window_of_voxels_speaks_of_voxels_and_says_how_many_are_shown(make_window: MakeWindow) -> None:
    session = FakeSession()
    session.signal = SignalWords("fMRI", "voxels", 20_000, "au", 0.4)
    window, _session = make_window(session)
    window.help.toggle()
    texts = " ".join(label.text() for label in window.findChildren(QLabel))
    assert "EEG" not in texts
    assert "µV" not in texts
    for words in ("Read from fMRI", "an inference from fMRI", "Decoder on fMRI", "Space holds the fMRI still"):
        assert words in texts
    assert window.signal_panel.detail == "64 of 20,000 voxels, 50 a.u. per row"
    assert window.bridge.span_s == 120.0
    window.bridge._poll()
    assert window.signal_panel.detail == f"64 of 20,000 voxels, {window.signal_view.scale_text} per row"


def test_spike_counts_are_called_so(make_window: MakeWindow) -> None:
    session = FakeSession()
    session.signal = SignalWords("spike counts", "neurons", 64, "count", 100.0)
    window, _session = make_window(session)
    texts = [label.text() for label in window.findChildren(QLabel)]
    assert "Spike counts" in texts
    assert "Read from spike counts" in texts
    assert window.signal_panel.detail.endswith("spikes per row")
    assert window.bridge.span_s == 5.0


def test_f1_lists_the_keys_and_escape_first_closes_the_list(make_window: MakeWindow, qtbot: object) -> None:
    window, session = make_window()
    qtbot.keyClick(window, Qt.Key.Key_F1)  # type: ignore[attr-defined]
    assert window.help.isVisible()
    assert window.rect().contains(window.help.geometry())
    qtbot.keyClick(window, Qt.Key.Key_Escape)  # type: ignore[attr-defined]
    assert window.help.isHidden()
    assert session.stops == 0
    qtbot.keyClick(window, Qt.Key.Key_Escape)  # type: ignore[attr-defined]
    assert window.isHidden()
    assert session.stops == 1


def test_control_q_stops_the_session_and_closes(make_window: MakeWindow, qtbot: object) -> None:
    window, session = make_window()
    qtbot.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)  # type: ignore[attr-defined]
    assert window.isHidden()
    assert session.stops == 1


def test_f11_goes_to_full_screen_and_back(make_window: MakeWindow, qtbot: object) -> None:
    window, _session = make_window()
    qtbot.keyClick(window, Qt.Key.Key_F11)  # type: ignore[attr-defined]
    assert window.isFullScreen()
    qtbot.keyClick(window, Qt.Key.Key_F11)  # type: ignore[attr-defined]
    assert not window.isFullScreen()


@pytest.mark.parametrize("size", [(1600, 900), (1280, 720)])
@pytest.mark.parametrize("colours", [theme.DARK, theme.LIGHT], ids=lambda colours: colours.name)
def test_panels_fit_the_window_and_the_pictures_are_the_largest(
    make_window: MakeWindow, qapp: QApplication, size: tuple[int, int], colours: theme.Theme
) -> None:
    theme.dress(qapp, colours)
    window, session = make_window(colours=colours)
    window.resize(*size)
    session.n_trials = 5
    window.bridge.poll_all()
    qapp.processEvents()
    assert (window.width(), window.height()) == size
    shown, read = window.shown_view.canvas, window.read_view.canvas
    assert abs(shown.width() - read.width()) <= 1  # an odd pixel has to go somewhere
    assert shown.height() == read.height()
    assert min(shown.width(), shown.height()) > 0.35 * size[1]
    for panel in (window.signal_panel, window.history_panel, window.identification_panel, window.latency_panel):
        corner = panel.mapTo(window, panel.rect().bottomRight())
        assert window.rect().contains(corner), type(panel).__name__


def test_screenshot_is_saved_before_the_window_goes(
    make_window: MakeWindow, qapp: QApplication, tmp_path: object
) -> None:
    path = tmp_path / "deep" / "window.png"  # type: ignore[operator]
    window, _session = make_window(screenshot=path)
    window.close()
    from PySide6.QtGui import QImage

    saved = QImage(str(path))
    assert (saved.width(), saved.height()) == (1600, 900)
    assert not window.failed


def test_window_that_closes_by_itself_waits_for_the_end(make_window: MakeWindow, qtbot: object) -> None:
    window, session = make_window(close_when_finished=True)
    session.say(Finished("All trials were read.", fatal=False))
    with qtbot.waitSignal(window.closed, timeout=3000):  # type: ignore[attr-defined]
        pass
    assert session.stops == 1
    assert not window.failed


def test_text_is_drawn_and_not_left_out(make_window: MakeWindow) -> None:
    window, _session = make_window()
    _assert_has_ink(window)


def _assert_has_ink(window: MainWindow) -> None:
    image = window.status_view.grab().toImage()
    levels = {image.pixelColor(x, 18).lightness() for x in range(180)}
    assert len(levels) > 3, "The title of the session left no ink: the machine has no usable font."


def test_m_opens_a_choice_of_models_and_the_session_goes_on(
    make_window: MakeWindow, qtbot: object, qapp: QApplication
) -> None:
    window, session = make_window()
    qtbot.keyClick(window, Qt.Key.Key_M)  # type: ignore[attr-defined]
    choice = window.model_choice
    qtbot.waitUntil(lambda: choice.found.count() == 1)  # type: ignore[attr-defined]
    assert choice.isVisible()
    assert "chance 0.50" in choice.found.item(0).text()
    scale = window.signal_view.scale
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Return):
        qtbot.keyClick(choice.found, key)  # type: ignore[attr-defined]
    assert window.signal_view.scale == scale  # the arrows were the list's
    assert session.swaps == [(Path("runs/a/decoder"), None)]
    assert not choice.use.isEnabled()
    session.say(ModelsRefused("Of decoder 'P07' other are: the filters."))
    qapp.processEvents()
    assert choice.message == "Of decoder 'P07' other are: the filters."
    choice.generator.setText("gen")
    choice.use.click()
    assert session.swaps[1:] == [(Path("runs/a/decoder"), Path("gen"))]
    session.say(ModelsChanged("P07 1a2b3c4 → pictures64 9f8e7d6", 1.0, 1.1))
    qapp.processEvents()
    assert choice.isHidden()
    assert "P07 1a2b3c4" in window.banner.text
    assert session.stops == 0


def test_escape_puts_the_choice_of_models_away_before_anything_else(make_window: MakeWindow, qtbot: object) -> None:
    window, session = make_window()
    window.toggle_models()
    qtbot.keyClick(window, Qt.Key.Key_Escape)  # type: ignore[attr-defined]
    assert window.model_choice.isHidden()
    assert not window.isHidden()
    window.model_choice.asked.emit(Path("d"), None)
    session.say(ModelsRefused("No such folder."))
    qtbot.waitUntil(lambda: window.banner.text == "No such folder.")  # type: ignore[attr-defined]
    qtbot.keyClick(window, Qt.Key.Key_Escape)  # type: ignore[attr-defined]
    assert session.stops == 1


def test_a_latency_over_its_budget_for_five_seconds_marks_its_panel(make_window: MakeWindow) -> None:
    window, session = make_window()
    assert "window 600" in window.latency_view.besides[0]
    late = tuple(replace(row, p95_ms=61.0) for row in LATENCIES)
    for at_s, marked in ((100.0, False), (104.9, False), (105.0, True)):
        session.now_s = at_s
        window.bridge.latencies_polled.emit(late)
        assert ("OVER BUDGET" in window.latency_panel.badge) == marked
    window.bridge.latencies_polled.emit(LATENCIES)
    assert window.latency_panel.badge == ""


def test_the_nearest_pictures_of_a_trial_stand_beside_it(make_window: MakeWindow, qapp: QApplication) -> None:
    window, session = make_window()
    nearest = Nearest((Neighbour(made_up_picture(1), 0.5, True),), 3, 1.0, 2.0)
    session.say(TrialRead(1, made_up_picture(1), made_up_reading(1), 1.0, nearest))
    qapp.processEvents()
    assert window.nearest_view.captions == ("0.50 shown",)
    assert window.nearest_view.isVisible()
    window.resize(ROOM_FOR_NEAREST_PX - 1, 720)
    qapp.processEvents()
    assert window.nearest_view.isHidden()  # the large pictures need the room


def test_a_reading_fades_into_the_next(make_window: MakeWindow, qapp: QApplication) -> None:
    window, session = make_window()
    for level in (60, 90):
        session.reconstructions.put(replace(reconstruction(0, 1.0), image=np.full((64, 64, 3), level, np.uint8)))
        qapp.processEvents()
    canvas = window.read_view.canvas
    assert canvas.share == pytest.approx(0.2)
    assert _colour(canvas, _centre(canvas))[0] == pytest.approx(66, abs=2)


def test_models_that_run_elsewhere_than_was_asked_for_are_told_once_in_words(
    make_window: MakeWindow, qapp: QApplication
) -> None:
    class FallenBack(FakeSession):
        def status(self) -> Status:
            return replace(super().status(), device="CPU: GPU not used, because it is gone", device_ok=False)

    window, _ = make_window(FallenBack())
    window.bridge.poll_all()
    assert window.banner.text.startswith("CPU: GPU not used, because it is gone.")
    window.banner.clear()
    window.bridge.poll_all()
    assert (window.banner.text, window.status_view.chips["Device"].level) == ("", "warn")
