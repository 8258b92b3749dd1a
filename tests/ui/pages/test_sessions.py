"""From the page a session is reported, exported, deleted and taken back; a participant's data go whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from bci_app.engine import senders
from bci_app.engine.events import Finished
from bci_app.engine.session_file import begin_session, end_session
from bci_app.engine.session_lock import SessionLock
from bci_app.engine.settings import StreamChoice
from bci_app.streams.recordings import read_recording
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.sessions import NOTHING, SessionsPage
from tests.engine.test_participants import all_files, new_session
from tests.engine.test_reopening import record

Make = Callable[..., SessionsPage]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A recording of P07, which has no report yet, and two sessions, one of them failed."""
    runs = tmp_path / "runs"
    runs.mkdir()
    record(runs / "signal-1")
    about = {"kind": "signal", "title": "Looking", "participant": "P07", "stream": None, "watermark": "REPLAY"}
    begin_session(runs / "signal-1", {**about, "began": "2026-01-03T10:00:00+00:00"})
    end_session(runs / "signal-1", None)
    for name, code, ended in (("run-1", "P07", None), ("run-2", "P08", Finished("The disk is full.", fatal=True))):
        new_session(runs, name, code, ended)
        began = f"2026-01-0{name[-1]}T10:00:00+00:00"
        begin_session(runs / name, {"kind": "pictures", "title": name, "participant": code, "began": began})
        end_session(runs / name, ended)
    return runs


@pytest.fixture
def make(qtbot: QtBot, runs: Path) -> Iterator[Make]:
    """Pages on the folder of runs; what they say and open is kept in ``words`` and ``shown``."""
    made: list[SessionsPage] = []

    def begin(opens: bool = True, place: Path = runs) -> SessionsPage:
        holder, shown, words = Holder(), list[Path](), list[str]()
        holder.choose(runs=place)
        page = SessionsPage(holder, lambda path: bool(shown.append(path)) or opens)
        page.said.connect(lambda text, tone: words.append(text))
        page.shown, page.words = shown, words  # type: ignore[attr-defined]
        made.append(page)
        page.show()
        page.entered()
        settle(qtbot, page)
        return page

    yield begin
    for page in made:
        page.close_page()
        page.finish()


def settle(qtbot: QtBot, page: SessionsPage) -> None:
    """Until nothing works behind the page and the table is written."""
    qtbot.waitUntil(lambda: page.busy is None and not any(task.running for task in page._tasks))
    qtbot.wait(1)


def press(qtbot: QtBot, page: SessionsPage, folder: Path, button: str) -> None:
    page.table.select(folder)
    owner = page if hasattr(page, button) else page.person
    qtbot.mouseClick(getattr(owner, button), Qt.MouseButton.LeftButton)
    settle(qtbot, page)


def said(page: SessionsPage) -> str:
    return str(page.words[-1])  # type: ignore[attr-defined]


def test_sessions_stand_newest_first_with_whose_they_are_and_how_they_ended(make: Make, runs: Path) -> None:
    rows = make().table.cells()
    assert [row[2] for row in rows] == ["P07", "P08", "P07"]
    assert rows[0][1] == "signal recorded, replay"
    assert rows[1][3] == "failed: The disk is full."
    assert rows[2][3] == "complete: The session was closed before its end."
    assert rows[0][4] == f"{sum(map(len, all_files(runs / 'signal-1').values())) / 1e3:.1f} kB"


def test_a_folder_without_sessions_says_what_will_be_there(make: Make, tmp_path: Path) -> None:
    page = make(place=tmp_path / "nothing")
    assert page.state.text() == NOTHING
    assert not page.report.isEnabled()
    for act in (page.open_report, page.delete_session, page.take_back, page.export_participant):
        act()
    assert page.busy is None


def test_enter_writes_a_report_that_is_missing_and_opens_it(make: Make, qtbot: QtBot, runs: Path) -> None:
    page, report = make(), runs / "signal-1" / "report.html"
    for n_times in (1, 2):  # the second time it is there
        page.table.select(runs / "signal-1")
        qtbot.keyClick(page.table, Qt.Key.Key_Return)
        settle(qtbot, page)
        assert page.shown == [report] * n_times  # type: ignore[attr-defined]
    assert "<td>200</td>" in report.read_text("utf-8")


def test_without_a_browser_the_place_is_told_and_what_cannot_be_reported_is_said(
    make: Make, qtbot: QtBot, runs: Path
) -> None:
    page = make(opens=False)
    press(qtbot, page, runs / "signal-1", "anew")
    assert str(runs / "signal-1" / "report.html") in said(page)
    press(qtbot, page, runs / "run-1", "anew")
    assert "not whole" in said(page)


def test_a_session_is_exported_beside_the_folder_of_runs(make: Make, qtbot: QtBot, runs: Path) -> None:
    page = make()
    press(qtbot, page, runs / "signal-1", "xdf")
    path = runs.parent / "exports" / "sub-P07_task-signal_run-01.xdf"
    assert said(page) == f"Exported: {path}"
    assert read_recording(path).n_times == 200


def test_a_deleted_session_is_taken_back_with_ctrl_z_and_gone_when_the_window_has_closed(
    make: Make, qtbot: QtBot, runs: Path
) -> None:
    page, before = make(), all_files(runs)
    page.table.select(runs / "run-2")
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    settle(qtbot, page)
    assert [row[2] for row in page.table.cells()] == ["P07", "P07"]
    assert all_files(runs).keys() == {name.replace("run-2/", ".trash/run-2/") for name in before}
    qtbot.keyClick(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settle(qtbot, page)
    assert all_files(runs) == before
    assert page.table.selected is not None
    assert page.table.selected.folder == runs / "run-2"
    assert not page.undo.isEnabled()
    page.holder.choose(decoder=runs / "run-2" / "decoder")
    press(qtbot, page, runs / "run-2", "delete")
    assert page.holder.current.decoder is not None
    page.close_page()
    page.finish()
    assert page.holder.current.decoder is None
    assert all_files(runs) == {name: content for name, content in before.items() if not name.startswith("run-2/")}


def test_a_session_that_runs_is_not_deleted(make: Make, qtbot: QtBot, runs: Path) -> None:
    new_session(runs, "run-9", "P09", ended=False)
    lock, page = SessionLock(runs / "run-9"), make()
    press(qtbot, page, runs / "run-9", "delete")
    assert "End it first" in said(page)
    lock.release()
    assert (runs / "run-9").is_dir()


def test_a_participants_data_are_exported_each_time_to_a_file_of_its_own(make: Make, qtbot: QtBot, runs: Path) -> None:
    page = make()
    for name in ("P07.zip", "P07-2.zip"):
        press(qtbot, page, runs / "run-1", "take_all")
        assert said(page).endswith(name)
        assert (runs.parent / "exports" / name).is_file()


def test_a_participants_data_are_deleted_only_after_the_code_was_typed_again(
    make: Make, qtbot: QtBot, runs: Path
) -> None:
    page, before = make(), all_files(runs)
    page.holder.choose(participant="P07", decoder=runs / "run-1" / "decoder", generator=runs / "run-2")
    assert page.person.typed.isHidden()
    for typed, left in (("p07", before), ("P07", {n: c for n, c in before.items() if n.startswith("run-2/")})):
        press(qtbot, page, runs / "run-1", "delete_all")
        assert not page.person.typed.isHidden()
        qtbot.keyClicks(page.person.typed, typed)
        qtbot.keyClick(page.person.typed, Qt.Key.Key_Return)
        settle(qtbot, page)
        assert all_files(runs) == left
        assert page.person.typed.isHidden()
    assert [row[2] for row in page.table.cells()] == ["P08"]
    assert "Deleted for good: signal-1, run-1" in said(page)
    now = page.holder.current
    assert (now.participant, now.decoder, now.generator) == ("", None, runs / "run-2")


def test_escape_and_another_row_take_the_question_away(make: Make, qtbot: QtBot, runs: Path) -> None:
    page = make()
    press(qtbot, page, runs / "run-1", "delete_all")
    qtbot.keyClick(page.person.typed, Qt.Key.Key_Escape)
    assert page.person.typed.isHidden()
    press(qtbot, page, runs / "run-1", "delete_all")
    assert not page.person.typed.isHidden()
    page.table.select(runs / "run-2")
    assert page.person.typed.isHidden()
    assert "P08" in page.person.code.text()


def test_a_replay_is_chosen_as_the_stream(
    make: Make, qtbot: QtBot, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Player:
        stream, watermark, code, live = StreamChoice(name="Replay of signal-1", source_id="r"), "REPLAY", "replay", True
        closed = False

        def close(self) -> None:
            self.closed = True

    player = Player()
    monkeypatch.setattr(senders, "PlayedRecording", lambda file, speed: player if file == runs / "signal-1" else None)
    page = make()
    press(qtbot, page, runs / "signal-1", "replay")
    assert page.holder.current.stream == player.stream
    assert "REPLAY" in said(page)
    page.holder.drop()
    assert player.closed
