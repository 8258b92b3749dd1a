"""The sessions in a folder of runs: what each is, whose, how it ended and how large it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bci_app.contract.errors import RecordingError
from bci_app.engine.reopening import SUMMARY, session_about
from bci_app.engine.session_file import CUT_SHORT, SESSION
from bci_app.engine.session_lock import LOCK, is_running

TRASH = ".trash"
"""Folder in a folder of runs that holds what was deleted and may still be taken back."""
_MARKS = (SESSION, SUMMARY, "eeg.json")
"""A folder with one of these is a session's."""

_PLAYER = "Replay of "
"""How the streams of recordings that are played are called, see `bci_app.engine.opening.replay_of`."""

State = Literal["complete", "failed", "cut short", "running"]


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A session on disk.

    Attributes
    ----------
    folder : Path
    kind : str
        ``"pictures"``, ``"text"``, ``"evolution"``, ``"signal"`` or whatever else was recorded.
    title, participant, watermark : str
        The code is empty if it is nobody's.
    began : str
        UTC, ISO 8601; empty if it is not known.
    state : {"complete", "failed", "cut short", "running"}
    ended : str
        The same in words.
    n_bytes : int
    has_report : bool
    replay_of : str
        Name of the recording that was played in it; empty if the signal was live.
    """

    folder: Path
    kind: str
    title: str
    participant: str
    watermark: str
    began: str
    state: State
    ended: str
    n_bytes: int
    has_report: bool
    replay_of: str = ""


def list_sessions(runs: Path) -> tuple[SessionEntry, ...]:
    """The sessions in `runs`, the newest first; what is no session and what is linked from elsewhere is left out.

    Parameters
    ----------
    runs : Path
        Folder of runs; one that is not there holds none.

    Raises
    ------
    RecordingError
        If the folder cannot be read.
    """
    found = [read_entry(folder) for folder in session_folders(runs)]
    return tuple(sorted(found, key=lambda entry: (entry.began or "", entry.folder.name), reverse=True))


def session_folders(runs: Path) -> list[Path]:
    """The folders of sessions in `runs`; errors as `list_sessions`."""
    try:
        inside = [Path(entry.path) for entry in os.scandir(runs) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordingError(
            f"The sessions in '{runs}' cannot be listed: {error.strerror}. Check its permissions, or choose "
            "another folder (in the window: Kept in, on the page Decode)."
        ) from None
    return sorted(folder for folder in inside if any((folder / name).is_file() for name in _MARKS))


def read_entry(folder: Path) -> SessionEntry:
    """What a session folder says of itself; one that cannot be read is told as cut short, with the reason."""
    try:
        about, trouble = session_about(folder), ""
    except RecordingError as error:
        about, trouble = {"kind": "signal", "ended": None}, str(error) if (folder / SESSION).is_file() else ""
    state, ended = _how_it_ended(about, trouble, is_running(folder))
    return SessionEntry(
        folder,
        str(about["kind"]),
        str(about.get("title") or folder.name),
        str(about.get("participant") or ""),
        str(about.get("watermark") or ""),
        str(about.get("began") or ""),
        state,
        ended,
        sum(file.stat().st_size for file in files_in(folder)),
        (folder / "report.html").is_file(),
        _replayed(about),
    )


def _replayed(about: dict[str, Any]) -> str:
    """The recording that was played, from the name that a player gives its stream."""
    stream = about.get("stream")
    name = str(stream.get("name", "")) if isinstance(stream, dict) else ""
    return name.removeprefix(_PLAYER) if about.get("watermark") and name.startswith(_PLAYER) else ""


def _how_it_ended(about: dict[str, Any], trouble: str, running: bool) -> tuple[State, str]:
    if running:
        return "running", "It has not ended."
    ended = about.get("ended")
    if isinstance(ended, dict):
        return ("failed" if ended.get("failed") else "complete"), str(ended.get("reason", ""))
    return "cut short", trouble or CUT_SHORT


def files_in(folder: Path) -> Iterator[Path]:
    """All files in `folder` and below, in order, but for its lock; neither links nor what lies behind them."""
    for place, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if name != LOCK and path.is_file() and not path.is_symlink():
                yield path
