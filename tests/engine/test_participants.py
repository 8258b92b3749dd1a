"""What belongs to a participant leaves whole or goes whole, and nothing of anybody else does."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from bci_app.contract.errors import BciError, RecordingError, SettingsError
from bci_app.engine.events import Finished
from bci_app.engine.participants import belongings, delete_participant, export_participant, mentions
from bci_app.engine.session_file import CUT_SHORT, begin_session, end_session
from bci_app.engine.session_lock import SessionLock
from bci_app.engine.sessions import TRASH, list_sessions
from bci_app.engine.trash import Trash
from bci_app.engine.workplace import Workplace


def new_session(runs: Path, name: str, code: str, ended: Finished | bool | None = None) -> Path:
    """A session with a picture; `ended` False leaves it without an end."""
    folder = runs / name
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "shown.png").write_bytes(name.encode())
    (folder / "eeg.f32").write_bytes(bytes(1000))
    begin_session(folder, {"kind": "pictures", "title": f"title of {name}", "participant": code})
    if not isinstance(ended, bool):
        end_session(folder, ended)
    return folder


def new_decoder(folder: Path, *data: str) -> None:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"provenance": {"data": data}}))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two sessions and a decoder of P07, one of P08, one in the trash, one that is linked from elsewhere, and a stranger."""
    runs = tmp_path / "runs"
    new_session(runs, "run-1", "P07")
    new_session(runs, "run-2", "P07", ended=False)
    new_session(runs, "run-3", "P08", Finished("The disk is full.", fatal=True))
    new_session(runs / TRASH, "run-4", "P07")
    elsewhere = new_session(tmp_path / "elsewhere", "run-5", "P07")
    (runs / "run-5").symlink_to(elsewhere, target_is_directory=True)
    (runs / "run-1" / "link").symlink_to(elsewhere, target_is_directory=True)
    (runs / "notes").mkdir()
    (runs / "notes" / "P07.txt").write_text("no session")
    new_decoder(runs / "decoder-a", "run-3: 64 pictures shown", "run-1: 64 pictures shown")
    new_decoder(runs / "decoder-b", "run-3: 64 pictures shown")
    (runs / "decoder-c").mkdir()
    (runs / "decoder-c" / "manifest.json").write_text("[]")
    return runs


def all_files(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_sessions_are_listed_with_how_they_ended_and_links_are_not_followed(runs: Path) -> None:
    found = {entry.folder.name: entry for entry in list_sessions(runs)}
    assert {name: entry.state for name, entry in found.items()} == {
        "run-1": "complete", "run-2": "cut short", "run-3": "failed"
    }  # fmt: skip
    assert (found["run-2"].ended, found["run-3"].ended) == (CUT_SHORT, "The disk is full.")
    assert found["run-1"].title == "title of run-1"
    assert found["run-3"].n_bytes == sum(map(len, all_files(runs / "run-3").values()))
    assert list_sessions(runs / "missing") == ()


def test_a_session_file_that_cannot_be_read_is_told_in_its_row(runs: Path) -> None:
    (runs / "run-1" / "session.json").write_text("{")
    (entry,) = (each for each in list_sessions(runs) if each.folder.name == "run-1")
    assert entry.state == "cut short"
    assert "cannot be read" in entry.ended


def test_an_export_holds_every_file_of_the_code_with_its_sum_and_no_other(runs: Path, tmp_path: Path) -> None:
    n_files, n_bytes = export_participant(runs, "P07", tmp_path / "out" / "P07.zip")
    expected = {
        f"{folder}/{name}": content
        for folder in ("run-1", "run-2", f"{TRASH}/run-4", "decoder-a")
        for name, content in all_files(runs / folder).items()
        if not name.startswith("link")
    }
    with zipfile.ZipFile(tmp_path / "out" / "P07.zip") as archive:
        assert archive.testzip() is None
        contents = json.loads(archive.read("contents.json"))
        assert {name: archive.read(name) for name in archive.namelist() if name != "contents.json"} == expected
    assert (contents["participant"], n_files, n_bytes) == ("P07", len(expected), sum(map(len, expected.values())))
    for entry in contents["files"]:
        assert entry["sha256"] == hashlib.sha256(expected[entry["path"]]).hexdigest()
        assert entry["size"] == len(expected[entry["path"]])


def test_an_export_that_is_ended_leaves_no_file(runs: Path, tmp_path: Path) -> None:
    def end(done: int, total: int, text: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_participant(runs, "P07", tmp_path / "P07.zip", end)
    assert not list(tmp_path.glob("P07.zip*"))
    (tmp_path / "P07.zip").write_text("mine")
    for name in ("P07.zip", "P07.tar"):
        with pytest.raises(RecordingError, match="Choose another name"):
            export_participant(runs, "P07", tmp_path / name)
    assert (tmp_path / "P07.zip").read_text() == "mine"


def test_a_deletion_takes_all_of_the_code_and_touches_nothing_else(runs: Path, tmp_path: Path) -> None:
    before = all_files(tmp_path)
    gone = {folder: len(all_files(runs / folder)) for folder in ("run-1", "run-2", f"{TRASH}/run-4", "decoder-a")}
    deleted = delete_participant(runs, "P07", "P07")
    assert {each.relative_to(runs).as_posix() for each in deleted.folders} == set(gone)
    assert deleted.n_files == sum(gone.values())
    left = {name: content for name, content in before.items() if not any(f"runs/{one}/" in name for one in gone)}
    assert all_files(tmp_path) == left
    assert any("elsewhere" in name for name in left)
    with pytest.raises(RecordingError, match="there are none"):
        belongings(runs, "P07")


def test_replays_of_a_participants_sessions_belong_to_the_participant_whoever_played_them(runs: Path) -> None:
    for name, of, watermark in (
        ("r-1", "run-1", "REPLAY"),
        ("r-2", "r-1", "REPLAY"),
        ("r-3", "run-3", "REPLAY"),
        ("r-4", "run-1", ""),
    ):
        (runs / name).mkdir()
        stream = {"name": f"Replay of {of}", "channels": ["Oz"], "sfreq": 100.0}
        about = {"kind": "signal", "title": name, "participant": "P08", "watermark": watermark, "stream": stream}
        begin_session(runs / name, about)
    found = {each.folder.name for each in belongings(runs, "P07")}
    assert found == {"run-1", "run-2", "run-4", "decoder-a", "r-1", "r-2"}
    assert {each.folder.name for each in belongings(runs, "P08")} == {
        "run-3",
        "decoder-a",
        "decoder-b",
        "r-1",
        "r-2",
        "r-3",
        "r-4",
    }


def test_what_is_chosen_of_what_is_gone_is_named_and_nothing_else(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = Workplace(participant="P07", decoder=Path("runs/run-1/decoder"), generator=runs / "run-10")
    assert mentions(chosen, [runs / "run-1"]) == {"decoder": None}
    assert mentions(chosen, [runs / "run-2"], "P07") == {"participant": ""}
    assert mentions(chosen, [runs / "run-10"], "P08") == {"generator": None}
    assert mentions(Workplace(), [runs]) == {}


@pytest.mark.parametrize("typed", ["", "p07", "P08", "P07 "])
def test_without_the_code_typed_again_nothing_is_deleted(runs: Path, typed: str) -> None:
    before = all_files(runs)
    with pytest.raises(SettingsError, match="typed once more"):
        delete_participant(runs, "P07", typed)
    assert all_files(runs) == before


def test_nothing_is_deleted_while_a_session_of_the_code_runs(runs: Path) -> None:
    before, lock = all_files(runs), SessionLock(runs / "run-2")
    assert {entry.folder.name for entry in list_sessions(runs) if entry.state == "running"} == {"run-2"}
    with pytest.raises(RecordingError, match=r"'run-2'.* is running"):
        delete_participant(runs, "P07", "P07")
    lock.release()
    assert all_files(runs) == before


@pytest.mark.parametrize("code", ["..", "P07/../P08", "Anna Smith", ""])
def test_what_is_no_code_finds_nothing(runs: Path, code: str) -> None:
    before = all_files(runs)
    with pytest.raises(BciError, match="code"):
        delete_participant(runs, code, code)
    assert all_files(runs) == before


def test_a_trash_that_leads_elsewhere_is_not_followed(runs: Path, tmp_path: Path) -> None:
    shutil.rmtree(runs / TRASH)
    (runs / TRASH).symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    delete_participant(runs, "P07", "P07")
    Trash(runs).empty()
    assert (tmp_path / "elsewhere" / "run-5" / "session.json").is_file()


def test_what_is_put_into_the_trash_can_be_taken_back_until_it_is_emptied(runs: Path) -> None:
    trash, before = Trash(runs), all_files(runs)
    assert trash.names == ("run-4",)
    for name in ("run-1", "run-3"):
        trash.put(runs / name)
    assert not (runs / "run-1").exists()
    assert set(trash.names) == {"run-4", "run-1", "run-3"}
    for name in ("run-3", "run-1"):
        trash.restore(name)
    assert all_files(runs) == before
    trash.empty()
    assert trash.names == ()
    assert not (runs / TRASH).exists()
    assert all_files(runs) == {name: content for name, content in before.items() if TRASH not in name}


def test_the_trash_takes_sessions_of_its_folder_alone_and_overwrites_none(runs: Path, tmp_path: Path) -> None:
    trash = Trash(runs)
    for folder in (tmp_path / "elsewhere" / "run-5", runs / "run-5", runs / TRASH):
        with pytest.raises(RecordingError, match="lies in the folder of runs"):
            trash.put(folder)
    new_session(runs, "run-4", "P09")
    for move in (lambda: trash.put(runs / "run-4"), lambda: trash.restore("run-4")):
        with pytest.raises(RecordingError, match="is there already"):
            move()
