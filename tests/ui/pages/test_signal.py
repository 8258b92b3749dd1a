"""The page Signal: a stream is shown, judged, marked and recorded from the window alone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bci_app.engine import monitor_session, quality
from bci_app.engine.bad_channels import read_bad_channels
from bci_app.engine.monitor_session import MonitorSession
from bci_app.engine.session_file import read_session
from bci_app.engine.settings import StreamChoice
from bci_app.streams import lsl
from bci_app.streams.run_folder import read_run
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.signal import NO_STREAM, REPLAY, REPLAY_WAITS, SignalPage
from bci_app.ui.views.quality import MARKED
from tests.sender import Sender

CHANNELS, SFREQ = ("x1", "Fz", "Cz", "Pz", "Oz", "O1"), 200.0


def spoilt(data: np.ndarray, at_s: float) -> np.ndarray:
    """All channels see the same and some noise of their own; Pz stands still; all have the offset of a real electrode."""
    common = 20 * np.random.default_rng(round(1000 * at_s)).standard_normal(data.shape[1], dtype=np.float32)
    seen = common + 0.2 * (data - data[:, :1])
    seen[0] = common
    seen[3] = 3.0
    return np.asarray(seen + 5000, np.float32)


@pytest.fixture
def page(qapp: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SignalPage]:
    monkeypatch.setattr(lsl, "_WAVE_S", 0.3)
    monkeypatch.setattr(quality, "LEAST_S", 0.4)
    monkeypatch.setattr(monitor_session, "_LOOK_S", 0.1)
    holder = Holder(tmp_path / "workplace.json")
    holder.choose(runs=tmp_path / "runs", participant="P07")
    made = SignalPage(holder)
    made.resize(1500, 800)
    made.show()
    yield made
    made.close_page()
    made.finish()
    assert made.busy is None


def shown_s(page: SignalPage) -> float:
    """Seconds of signal in the picture."""
    x = page.signal_view.points[0]
    return float(-x.min()) if len(x) else 0.0


def test_a_stream_is_shown_judged_marked_and_recorded(page: SignalPage, qtbot: QtBot, tmp_path: Path) -> None:
    said: list[str] = []
    page.said.connect(lambda text, tone: said.append(text))
    with Sender(CHANNELS, SFREQ, spoil=spoilt) as sender:
        page.holder.choose(stream=StreamChoice(name=sender.name, source_id=sender.source_id, timeout_s=0.1))
        page.entered()
        qtbot.waitUntil(lambda: "Pz" in page.quality_view.texts(), timeout=8000)
        qtbot.waitUntil(lambda: page.quality_view.texts()["Pz"][0] == "✕ bad", timeout=8000)
        assert page.busy is None

        page.quality_view.mark_button.click()
        qtbot.keyClick(page.quality_view.table, Qt.Key.Key_Delete)  # the cursor stands on x1
        assert page.holder.current.bad == ("Pz", "x1")
        assert [page.quality_view.texts()[name][2] for name in ("x1", "Cz", "Pz")] == [MARKED, "", MARKED]
        assert {"✕ Pz", "✕ x1"} <= set(page.signal_view.row_names)
        qtbot.keyClick(page.quality_view.table, Qt.Key.Key_Delete)
        assert page.holder.current.bad == ("Pz",)

        qtbot.waitUntil(lambda: page.spectrum_view.selected == "x1")
        assert page.band_map.unplaced.text() == "No place known: x1"
        page.form.record.click()
        qtbot.waitUntil(lambda: page.busy is not None, timeout=8000)
        page.left()
        assert page.busy == "The recording of the signal"
        qtbot.waitUntil(lambda: shown_s(page) > 0.3, timeout=8000)
        page.hide()
        session, polled = page.session, []
        assert session is not None
        page._bridge.signal_polled.connect(polled.append)  # type: ignore[union-attr]
        page._bridge.looked.connect(polled.append)  # type: ignore[union-attr]
        came = session.counts["raw_samples"]
        qtbot.waitUntil(lambda: session.counts["raw_samples"] > came + 0.3 * SFREQ, timeout=8000)
        assert polled == []  # nobody sees it, and it is recorded all the same
        page.show()
        qtbot.waitUntil(lambda: len(polled) > 1)
        page.form.record.click()
        assert page.busy is None
    page.finish()
    (folder,) = (tmp_path / "runs").iterdir()
    assert read_bad_channels(folder) == ("Pz",)
    assert read_session(folder)["participant"] == "P07"
    assert read_run(folder).n_times > 0.3 * SFREQ
    assert "P07" in (folder / "report.html").read_text("utf-8")
    assert [text for text in said if text] == [f"The signal was recorded in '{folder}'."]


def test_the_view_follows_the_form_and_says_how_late_it_is(page: SignalPage, qtbot: QtBot) -> None:
    with Sender(CHANNELS, SFREQ, spoil=spoilt) as sender:
        page.holder.choose(stream=StreamChoice(source_id=sender.source_id))
        page.entered()
        qtbot.waitUntil(lambda: shown_s(page) > 0.3, timeout=8000)
        assert re.fullmatch("Delay [1-9][0-9]* ms at 6.3 Hz", page.form.delay)
        assert page.form.band.findText("gamma") > 0
        page.form.band.setCurrentIndex(page.form.band.findText("all"))
        page.form.band.activated.emit(0)
        assert page.form.delay == "No delay"
        page.form.reference.setCurrentIndex(page.form.reference.findText("Cz"))
        page.form.reference.activated.emit(0)
        assert page.session is not None
        assert (page.session.view.band_hz, page.session.view.reference) == ((None, None), "Cz")
        page.form.reference.addItem("gone", "gone")
        page.form.reference.setCurrentIndex(page.form.reference.findText("gone"))
        with qtbot.waitSignal(page.said) as told:
            page.form.reference.activated.emit(0)
        assert "'gone'" in told.args[0]
        assert page.form.reference.currentText() == "Cz"
        page.form.mode.setCurrentIndex(1)
        page.form.mode.activated.emit(1)
        assert page.signal_view.sweeps
        qtbot.keyClick(page.quality_view.table, Qt.Key.Key_Space)
        qtbot.keyClick(page, Qt.Key.Key_Plus)
        assert page.signal_panel.detail == "held still, 20 µV per row"
        page.left()
        assert page.session is None


def test_a_view_comes_back_at_the_next_start(page: SignalPage, qtbot: QtBot, tmp_path: Path) -> None:
    form = page.form
    with Sender(CHANNELS, SFREQ, spoil=spoilt) as sender:
        page.holder.choose(stream=StreamChoice(source_id=sender.source_id))
        page.entered()
        qtbot.waitUntil(lambda: page.session is not None, timeout=8000)
        for field, text in ((form.band, "alpha"), (form.notch, "50 Hz"), (form.reference, "Oz"), (form.mode, "sweep")):
            field.setCurrentIndex(field.findText(text))
            field.activated.emit(field.currentIndex())
        page.band_map.band.setCurrentText("beta")
        page.band_map.band.activated.emit(0)
        qtbot.keyClick(page, Qt.Key.Key_Minus)
        qtbot.keyClick(page.quality_view.table, Qt.Key.Key_Left)
        shown = page.session.view  # type: ignore[union-attr]
        page.left()
        again = SignalPage(Holder(tmp_path / "workplace.json"))
        again.entered()
        qtbot.waitUntil(lambda: again.session is not None, timeout=8000)
        assert again.session is not None
        assert again.session.view == shown
        assert (shown.band_hz, shown.notch_hz, shown.reference) == ((8.0, 13.0), 50.0, "Oz")
        assert (again.form.sweeps, again.signal_view.sweeps, again.band_map.band.currentText()) == (True, True, "beta")
        assert (again.signal_view.scale, again.signal_view.span_s) == (100.0, 2.0)
        again.close_page()
    again.deleteLater()


def test_without_a_stream_the_page_says_where_to_choose_one(page: SignalPage) -> None:
    page.entered()
    assert page.idle.text() == NO_STREAM
    assert page.show_button.isHidden()


def test_a_stream_that_is_gone_is_told_and_can_be_tried_again(page: SignalPage, qtbot: QtBot) -> None:
    page.holder.choose(stream=StreamChoice(name="gone", source_id="gone", timeout_s=0.1))
    with qtbot.waitSignal(page.said, timeout=8000) as told:
        page.entered()
    assert "'gone'" in told.args[0]
    assert not page.show_button.isHidden()


def test_nothing_is_recorded_of_somebody_without_a_code(page: SignalPage, qtbot: QtBot) -> None:
    page.holder.choose(stream=StreamChoice(name="gone", source_id="gone"), participant="")
    with qtbot.waitSignal(page.said) as told:
        page.form.record.click()
    assert "participant's code" in told.args[0]
    assert not page.form.record.isChecked()


def test_a_recording_that_is_refused_is_told_and_the_signal_is_shown_on(
    page: SignalPage, qtbot: QtBot, tmp_path: Path
) -> None:
    told: list[str] = []
    page.said.connect(lambda text, tone: told.append(text))
    (tmp_path / "file").touch()
    with Sender(CHANNELS, SFREQ) as sender:
        page.holder.choose(stream=StreamChoice(source_id=sender.source_id), runs=tmp_path / "file")
        page.entered()
        qtbot.waitUntil(lambda: page.session is not None, timeout=8000)
        page.form.record.click()
        qtbot.waitUntil(lambda: any("cannot be written" in text for text in told), timeout=8000)
        qtbot.waitUntil(lambda: page.session is not None and shown_s(page) > 0.1, timeout=8000)
        assert not page.form.record.isChecked()
        assert page.busy is None
        assert "cannot be written" in told[-1]  # it stands although the stream is there again


class Ended:
    """A sender that has said its last."""

    watermark, live = REPLAY, False

    def __init__(self, stream: StreamChoice) -> None:
        self.stream = stream

    def outlets(self) -> None:
        return None

    def ended(self) -> bool:
        return True

    def rewind(self, only_if_ended: bool = False) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_replay_is_not_begun_by_a_glance_and_its_end_is_no_fault(page: SignalPage, qtbot: QtBot) -> None:
    told: list[tuple[str, str]] = []
    page.said.connect(lambda text, tone: told.append((text, tone)))
    with Sender(CHANNELS, SFREQ) as sender:
        page.holder.adopt(Ended(StreamChoice(name=sender.name, source_id=sender.source_id)))
        page.entered()
        assert page.idle.text() == REPLAY_WAITS
        page.show_button.click()
        qtbot.waitUntil(lambda: page.session is not None, timeout=8000)
        assert page.signal_panel.badge == REPLAY
        assert list(page.quality_view.texts()) == list(CHANNELS)
        sender.silence(True)
        qtbot.waitUntil(lambda: page.session is None, timeout=8000)
    assert told[-1] == ("The recording has ended.", "info")


def test_leaving_while_the_stream_is_looked_for_gives_up(page: SignalPage) -> None:
    page.holder.choose(stream=StreamChoice(name="gone", source_id="gone", timeout_s=0.1))
    page.entered()
    page.left()
    page.close_page()
    assert page.session is None


def test_a_recording_that_was_given_up_while_it_was_opened_leaves_nothing(page: SignalPage, tmp_path: Path) -> None:
    with Sender(CHANNELS, SFREQ) as sender:
        page.holder.choose(stream=StreamChoice(source_id=sender.source_id))
        page.begin(record=True)
        (opening,) = page._tasks
        page.left()
        assert opening.join(10.0)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_stream_is_let_go_of_beside_the_window(
    page: SignalPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    stop = MonitorSession.stop

    def noted(session: MonitorSession) -> None:
        threads.append(threading.current_thread())
        stop(session)

    monkeypatch.setattr(MonitorSession, "stop", noted)
    with Sender(CHANNELS, SFREQ) as sender:
        page.holder.choose(stream=StreamChoice(source_id=sender.source_id))
        page.entered()
        qtbot.waitUntil(lambda: page.session is not None, timeout=8000)
        page.left()
        page.finish()
    assert [thread.name for thread in threads] == ["end of the signal"]
