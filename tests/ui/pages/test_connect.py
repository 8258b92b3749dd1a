"""A stream is chosen once, found again, and never another one taken for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from bci_app.contract.errors import RecordingError, StreamError
from bci_app.engine.participant_code import warning
from bci_app.engine.senders import Outlets
from bci_app.engine.settings import StreamChoice
from bci_app.engine.stream_list import LOOK_SELDOM_S
from bci_app.streams import lsl
from bci_app.streams.lsl_outlet import LslOutlet
from bci_app.streams.source import StreamDescription
from bci_app.ui.instrument import InstrumentWindow
from bci_app.ui.pages import connect, starting
from bci_app.ui.pages.connect import NAMELESS, OWN_OVER, ConnectPage
from bci_app.ui.pages.page import Holder
from bci_app.ui.views.stream_table import CHOSEN, GONE, MARKERS
from tests.sender import Sender

CAP = StreamDescription("Cap", "EEG", "cap-1", "lab", "uid-1", ("Fz", "Oz", "EOG"), "microvolts", 250.0, 3)
OTHER = replace(CAP, source_id="cap-2", uid="uid-2", hostname="next door")
LABELS = StreamDescription("presenter", "Markers", "presenter-1", "lab", "uid-3", (), "", 0.0, 1, text=True)


class Network:
    """What answers; a look waits until it is let through."""

    def __init__(self) -> None:
        self.streams: tuple[StreamDescription, ...] = ()
        self._go = threading.Semaphore(0)

    def look(self) -> tuple[StreamDescription, ...]:
        self._go.acquire()
        return self.streams

    def answer(self, qtbot: QtBot, page: ConnectPage, *streams: StreamDescription) -> None:
        """Let the page look once, and wait until it has seen."""
        self.streams = streams
        with qtbot.waitSignal(page._looked):
            self._go.release()

    def open(self) -> None:
        """Let every look through."""
        for _ in range(100):
            self._go.release()


Make = Callable[..., tuple[ConnectPage, Network]]


@pytest.fixture
def make(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Pages that look at a network of the test's own."""
    monkeypatch.setattr(connect, "LOOK_EVERY_S", 0.0)
    made: list[tuple[ConnectPage, Network]] = []

    def begin(holder: Holder | None = None) -> tuple[ConnectPage, Network]:
        network = Network()
        page = ConnectPage(holder or Holder(), network.look)
        made.append((page, network))
        page.resize(1200, 700)
        page.show()
        page.entered()
        return page, network

    yield begin
    for page, network in made:
        network.open()
        page.close_page()
        page.finish()


def test_enter_chooses_the_stream_under_the_cursor_and_it_is_found_again(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    page, network = make(Holder(tmp_path / "workplace.json"))
    network.answer(qtbot, page, CAP, LABELS)
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert page.holder.current.stream == StreamChoice(name="Cap", source_id="cap-1")
    assert [row[0] for row in page.table.cells()] == [CHOSEN, ""]
    assert page.holder.found == CAP
    again, network = make(Holder(tmp_path / "workplace.json"))
    assert again.holder.current.stream == page.holder.current.stream
    network.answer(qtbot, again, LABELS)
    assert again.holder.found is None
    network.answer(qtbot, again, CAP)
    assert again.holder.found == CAP
    assert "is there" in again.state.text()


def test_markers_are_chosen_beside_the_signal_and_given_up_again(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    network.answer(qtbot, page, CAP, LABELS)
    page.table.picked.emit(page._streams.rows[1])
    assert page.holder.current.stream is None
    page.table.picked.emit(page._streams.rows[0])
    for expected in ("presenter", None):
        page.table.picked.emit(page._streams.rows[1])
        assert page.holder.current.stream == StreamChoice(name="Cap", source_id="cap-1", markers=expected)
        assert [row[0] for row in page.table.cells()] == [CHOSEN, MARKERS if expected else ""]


def test_stream_of_another_source_is_asked_about_and_not_taken(make: Make, qtbot: QtBot) -> None:
    holder = Holder()
    holder.choose(stream=StreamChoice(name="Cap", source_id="cap-1"))
    page, network = make(holder)
    network.answer(qtbot, page, OTHER)
    assert "another device" in page.question.text
    assert (holder.current.stream, holder.found) == (StreamChoice(name="Cap", source_id="cap-1"), None)
    use, wait = page.question.buttons
    qtbot.mouseClick(wait, Qt.MouseButton.LeftButton)
    network.answer(qtbot, page, OTHER)
    assert page.question.text == ""
    network.answer(qtbot, page, CAP)
    network.answer(qtbot, page, OTHER)
    network.answer(qtbot, page, OTHER)
    use, _ = page.question.buttons
    qtbot.mouseClick(use, Qt.MouseButton.LeftButton)
    assert (holder.current.stream, holder.found) == (StreamChoice(name="Cap", source_id="cap-2"), OTHER)


def test_stream_that_vanished_is_marked_and_cannot_be_chosen(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    for found in ((CAP,), (), ()):
        network.answer(qtbot, page, *found)
    assert page.table.cells()[0][:2] == (GONE, "Cap")
    with qtbot.waitSignal(page.said) as said:
        qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert "has gone" in said.args[0]
    assert page.holder.current.stream is None


def test_cursor_stays_on_its_stream_while_others_come_and_go(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    network.answer(qtbot, page, CAP, LABELS)
    page.table.setCurrentCell(1, 1)
    network.answer(qtbot, page, replace(CAP, name="A new one", source_id="new", uid="uid-9"), CAP, LABELS)
    assert page.table.selected is not None
    assert page.table.selected.description == LABELS


def test_cursor_goes_once_to_a_stream_that_was_chosen_elsewhere(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    network.answer(qtbot, page, LABELS)
    page.holder.choose(stream=StreamChoice(name="Cap", source_id="cap-1"))
    network.answer(qtbot, page, CAP, LABELS)
    assert page.table.selected is not None
    assert page.table.selected.description == CAP
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    network.answer(qtbot, page, CAP, LABELS)
    assert page.table.selected.description == LABELS


def test_keys_belong_to_the_code_where_it_alone_is_missing(make: Make, qtbot: QtBot) -> None:
    holder = Holder()
    page, _ = make(holder)
    assert page.focusWidget() is page.table
    holder.choose(stream=StreamChoice(name="Cap", source_id="cap-1"))
    page.entered()
    assert page.focusWidget() is page.code
    holder.choose(participant="P07")
    page.entered()
    assert page.focusWidget() is page.table


def test_channels_are_shown_on_the_head_and_unknown_ones_listed(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    network.answer(qtbot, page, CAP)
    page.table.picked.emit(page._streams.rows[0])
    qtbot.waitUntil(lambda: page.unplaced.text() == "No place known: EOG")
    front, back = page.montage.place_px("Fz"), page.montage.place_px("Oz")
    assert front.x() == pytest.approx(back.x())
    assert front.y() < page.montage.height() / 2 < back.y()
    before = page.montage.grab().toImage()
    page.holder.choose(bad_channels=page.holder.current.with_bad(("Oz",)))
    assert page.montage.grab().toImage() != before


@pytest.mark.parametrize("typed", ["Ann Lee", "ann@lab.org"])
def test_name_is_refused_as_a_code_and_the_old_code_stays(make: Make, qtbot: QtBot, typed: str) -> None:
    page, _ = make()
    for text in ("P07", typed):
        page.code.setText(text)
        with qtbot.waitSignal(page.said) as said:
            qtbot.keyClick(page.code, Qt.Key.Key_Return)
    assert typed in said.args[0]
    assert (page.code.text(), page.holder.current.participant) == ("P07", "P07")


def test_code_that_may_be_a_name_is_taken_with_a_warning(make: Make, qtbot: QtBot) -> None:
    page, _ = make()
    page.code.setText("Annie")
    with qtbot.waitSignal(page.said) as said:
        qtbot.keyClick(page.code, Qt.Key.Key_Return)
    assert said.args == [warning("Annie"), "warn"]
    assert page.holder.current.participant == "Annie"


def test_declared_unit_goes_with_the_stream(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    network.answer(qtbot, page, replace(CAP, unit=""))
    page.table.picked.emit(page._streams.rows[0])
    page.unit.setCurrentIndex(1)
    page.unit.activated.emit(1)
    assert page.holder.current.stream == StreamChoice(name="Cap", source_id="cap-1", unit="uV")


def test_hostile_names_are_one_plain_line(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    network.answer(qtbot, page, replace(CAP, name="<b>x</b>\n\x1b[31m" + "y" * 5000, uid="uid-7"))
    name = page.table.cells()[0][1]
    assert name.startswith("<b>x</b>  [31m")
    assert len(name) == 120


def test_chosen_stream_is_looked_for_often_from_behind_until_it_is_there_and_then_seldom(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "LOOK_EVERY_S", 0.01)
    holder, there = Holder(), [LABELS]
    page = ConnectPage(holder, lambda: tuple(there))
    for stream in (CAP, OTHER):
        holder.choose(stream=StreamChoice(name=stream.name, source_id=stream.source_id))  # as another page may do
        assert page._watch is not None
        with qtbot.waitSignal(page._looked):
            pass
        assert (holder.found, page._watch.every_s) == (None, 0.01)
        there[:] = [stream]
        qtbot.waitUntil(lambda: holder.found is not None)
        assert (holder.found, page._watch.every_s) == (stream, LOOK_SELDOM_S)
        page._watch.every_s = 0.01
    there[:] = []
    with qtbot.waitSignal(
        holder.stream_told, check_params_cb=lambda words, ok: (words, ok) == ("Cap is not there", False)
    ):
        pass
    page.close_page()
    page.finish()


def test_watch_that_failed_begins_anew_with_the_page(qtbot: QtBot) -> None:
    looks: list[int] = []

    def look() -> tuple[StreamDescription, ...]:
        looks.append(1)
        if len(looks) == 1:
            raise StreamError("The network is down.")
        return (CAP,)

    page = ConnectPage(Holder(), look)
    with qtbot.waitSignal(page.said) as said:
        page.entered()
    assert said.args == ["The network is down.", "warn"]
    with qtbot.waitSignal(page._looked):
        page.entered()
    page.close_page()
    page.finish()


class FakeSender:
    """A sender whose stream is in no network."""

    rewound = 0

    stream = StreamChoice(name="Simulated EEG", source_id="simulated-1", timeout_s=15.0)
    watermark, code, live = "SIMULATED PARTICIPANT", "simulated", True

    def __init__(self) -> None:
        self.closed = 0
        self.gone = False

    def outlets(self) -> Outlets | None:
        return None

    def ended(self) -> bool:
        return self.gone

    def rewind(self, only_if_ended: bool = False) -> None:
        self.rewound += only_if_ended
        self.gone = False

    def close(self) -> None:
        self.closed += 1


def test_simulated_participant_takes_the_place_of_the_stream_until_it_ends(
    make: Make, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = FakeSender()
    monkeypatch.setattr("bci_app.engine.senders.SimulatedParticipant", lambda settings: sender)
    holder, chosen = Holder(), StreamChoice(name="Cap", source_id="cap-1")
    holder.choose(stream=chosen)
    page, network = make(holder)
    page.starting.simulate.click()
    qtbot.waitUntil(lambda: holder.own_sender is sender)
    assert (holder.current.stream, holder.reads_own_sender()) == (sender.stream, sender)
    assert page.starting.state == "SIMULATED PARTICIPANT is chosen until it ends: 'Simulated EEG'"
    holder.choose(stream=chosen)
    assert page.starting.state == "SIMULATED PARTICIPANT runs: 'Simulated EEG'"
    holder.choose(stream=sender.stream)
    sender.gone = True
    with qtbot.waitSignal(page.said) as said:
        network.answer(qtbot, page, CAP)
    assert "come to its end" in said.args[0]
    assert page.starting.state == "SIMULATED PARTICIPANT has come to its end: 'Simulated EEG'"
    network.answer(qtbot, page, CAP)
    assert page.state.text() == OWN_OVER
    page.starting.end.click()
    assert (holder.current.stream, holder.own_sender, sender.closed) == (chosen, None, 1)


def test_recording_that_was_played_to_its_end_is_told_and_made_ready_again_each_time(
    make: Make, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "REST_S", -1.0)
    page, network = make()
    sender = FakeSender()
    sender.watermark = "REPLAY"
    page.holder.adopt(sender)
    said: list[str] = []
    page.said.connect(lambda words, tone: said.append(words))
    for number in (1, 2):
        sender.gone = True
        network.answer(qtbot, page)
        assert (len(said), sender.rewound) == (number, number - 1)
        network.answer(qtbot, page)
        qtbot.waitUntil(lambda number=number: sender.rewound == number)
        network.answer(qtbot, page)
    assert set(said) == {"The recording has come to its end. It begins anew as soon as a page reads it."}


def test_sender_that_another_page_started_can_be_ended_here(make: Make, qtbot: QtBot) -> None:
    page, _ = make()
    sender = FakeSender()
    page.holder.adopt(sender)
    page.entered()
    assert "Simulated EEG" in page.starting.state
    assert not page.starting.end.isHidden()
    page.starting.end.click()
    assert (page.holder.own_sender, sender.closed, page.starting.state) == (None, 1, "")


def test_replay_without_a_file_is_refused_in_words(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    page, _ = make()
    for typed in ("", str(tmp_path / "nothing.xdf")):
        page.starting.file.line.setText(typed)
        with qtbot.waitSignal(page.said) as said:
            page.starting.replay.click()
        assert "A replay plays a recording" in said.args[0]


def test_recording_that_cannot_be_played_is_told_and_nothing_runs(
    make: Make, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path, speed: float) -> FakeSender:
        raise RecordingError(f"'{file.name}' is no recording at {speed:g} times.")

    monkeypatch.setattr("bci_app.engine.senders.PlayedRecording", refuse)
    (tmp_path / "notes.txt").write_text("nothing")
    page, _ = make()
    page.starting.file.set_path(tmp_path / "notes.txt")
    page.starting.speed.setCurrentIndex(2)
    said: list[tuple[str, str]] = []
    page.said.connect(lambda words, tone: said.append((words, tone)))
    page.starting.replay.click()
    qtbot.waitUntil(lambda: said[-1] == ("'notes.txt' is no recording at 4 times.", "warn"))
    assert (page.holder.own_sender, page.starting.state) == (None, "")


def test_xdf_file_is_asked_which_stream_unit_and_whether_cut_and_others_are_not(
    make: Make, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, float, dict[str, Any]]] = []

    def note(file: Path, speed: float, **options: Any) -> FakeSender:
        asked.append((file, speed, options))
        return FakeSender()

    monkeypatch.setattr("bci_app.engine.senders.PlayedRecording", note)
    page, _ = make()
    box, session = page.starting, tmp_path / "session"
    session.mkdir()
    for file in (tmp_path / "a.XDF", tmp_path / "b.edf", session / "session.json"):
        file.touch()
        box.file.set_path(file)
        assert box.xdf.isHidden() == (file.suffix != ".XDF")
        box.xdf.stream.setText(" obci ")
        box.xdf.unit.setCurrentIndex(box.xdf.unit.findData("mV"))
        box.xdf.partial.setChecked(True)
        box.speed.setCurrentIndex(box.speed.findData(8.0))
        box.replay.click()
        qtbot.waitUntil(lambda: page.holder.own_sender is not None)
        page.holder.drop()
    xdf = {"stream": "obci", "unit": "mV", "partial": True}
    assert asked == [(tmp_path / "a.XDF", 8.0, xdf), (tmp_path / "b.edf", 8.0, {}), (session, 8.0, {})]


def test_stream_without_a_rate_is_refused_in_words(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    for sfreq in (0.0, float("nan"), float("inf")):
        network.answer(qtbot, page, replace(CAP, sfreq=sfreq))
        with qtbot.waitSignal(page.said) as said:
            qtbot.keyClick(page.table, Qt.Key.Key_Return)
        assert "has no sampling rate" in said.args[0]
    assert page.holder.current.stream is None


def test_stream_that_names_no_channels_says_why_the_head_is_empty(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    network.answer(qtbot, page, replace(CAP, channels=()))
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert page.unplaced.text() == NAMELESS
    network.answer(qtbot, page, CAP)
    qtbot.waitUntil(lambda: page.unplaced.text() == "No place known: EOG")


def test_huge_header_makes_no_huge_page(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    labels = tuple(f"{number}{'z' * 4000}" for number in range(1000))
    network.answer(qtbot, page, replace(CAP, channels=labels, n_channels=1000))
    before = page.channels_panel.minimumSizeHint()
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.unplaced.text().endswith("and 980 more"))
    assert len(page.unplaced.text()) < 500
    assert page.channels_panel.minimumSizeHint().width() == before.width()


def test_loss_and_return_of_the_chosen_stream_are_told_in_the_banner(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    said: list[tuple[str, str]] = []
    network.answer(qtbot, page, CAP)
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    page.said.connect(lambda words, tone: said.append((words, tone)))
    for found in (
        (),
        (),
        (OTHER,),
        (replace(CAP, uid="uid-8"),),
        (replace(CAP, uid="uid-9", channels=("Fz", "O1", "EOG")),),
    ):
        network.answer(qtbot, page, *found)
    qtbot.waitUntil(lambda: len(said) == 3)
    assert [tone for _, tone in said] == ["warn", "info", "warn"]
    assert "answers no more" in said[0][0]
    assert said[1][0] == "Stream 'Cap' is back."
    assert "is back with other channels (Fz, O1, EOG; before Fz, Oz, EOG)" in said[2][0]
    assert page.holder.current.stream == StreamChoice(name="Cap", source_id="cap-1")


def test_end_of_a_replay_is_not_told_as_a_loss(make: Make, qtbot: QtBot) -> None:
    page, network = make()
    sender = FakeSender()
    played = replace(CAP, name="Simulated EEG", source_id="simulated-1")
    said: list[str] = []
    page.said.connect(lambda words, tone: said.append(words))
    page.holder.adopt(sender)
    network.answer(qtbot, page, played)
    sender.gone = True
    for _ in range(3):
        network.answer(qtbot, page)
    qtbot.waitUntil(lambda: page.holder.found is None)
    assert said == ["The simulated participant has come to its end. Start another one."]
    assert page.table.cells() == ()


def test_stream_on_the_network_is_listed_chosen_and_told(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsl, "_WAVE_S", 0.3)
    with LslOutlet("A cap", ["C3", "C4"], 250.0, "a-cap-1"):
        page = ConnectPage(Holder())
        page.entered()
        qtbot.waitUntil(lambda: "A cap" in [row[1] for row in page.table.cells()], timeout=20_000)
        number = [row[1] for row in page.table.cells()].index("A cap")
        assert page.table.cells()[number][1:7] == ("A cap", "EEG", socket.gethostname(), "250", "2", "microvolts")
        page.table.setCurrentCell(number, 1)
        with qtbot.waitSignal(page.holder.stream_told, check_params_cb=lambda words, ok: ok and words == "A cap"):
            qtbot.keyClick(page.table, Qt.Key.Key_Return)
        page.close_page()
        page.finish()


@pytest.fixture
def window(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstrumentWindow]:
    """The whole window, on the network of this machine."""
    monkeypatch.setattr(lsl, "_WAVE_S", 0.25)
    made = InstrumentWindow(Holder())
    made.show()
    made.start()
    yield made
    made.close()
    made.finish()
    qtbot.addWidget(made)


def test_session_holds_to_its_stream_through_loss_impostor_return_and_nan(
    window: InstrumentWindow, qtbot: QtBot
) -> None:
    spoilt = threading.Event()

    def spoil(data: np.ndarray, at_s: float) -> np.ndarray:
        return np.where(np.arange(len(data))[:, None] == 1, np.nan, data) if spoilt.is_set() else data

    def wait(reached: Callable[[], bool]) -> None:
        qtbot.waitUntil(reached, timeout=20_000)

    def counted() -> int:
        return 0 if page.session is None else page.session.counts["raw_samples"]

    with Sender(("Fz", "Cz", "Oz"), 100.0, name="Cap", spoil=spoil) as cap:
        wait(lambda: len(window.current.table.cells()) == 1)
        qtbot.keyClick(window.current.table, Qt.Key.Key_Return)
        window.show_titled("Signal")
        page = window.current
        wait(lambda: counted() > 10)
        with Sender(("Fz", "Cz", "Oz"), 100.0, name="Cap") as other:
            cap.die()
            wait(lambda: "'Cap'" in window.banner.text and "broke off" in window.banner.text)
            lost_at = counted()
            cap.revive()
            wait(lambda: counted() > lost_at)
            assert not other.has_listeners
        wait(lambda: "missing: its time stamps jump" in window.banner.text)
        spoilt.set()
        wait(lambda: "Cz hold NaN" in window.banner.text)
    assert window.holder.current.stream == StreamChoice(name="Cap", source_id=cap.source_id)
