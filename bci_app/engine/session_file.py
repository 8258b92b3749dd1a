"""``session.json`` of a run folder: who, what and with which models, written when a session begins and finished when it ends.

A session that has no end in it was cut short, by a crash or a kill; everything else in its folder is there all the same.
Evolutions write the same file with more in it, see `bci_app.engine.evolution_files`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bci_app.contract.anonymity import nameless
from bci_app.contract.errors import RecordingError
from bci_app.engine.events import Finished
from bci_app.engine.summary import CLOSED, versions, write_json

SESSION = "session.json"
FORMAT = 1
"""Newer files are refused."""
CUT_SHORT = "The program ended without closing the session; what was written until then is here."


def begin_session(folder: Path, about: dict[str, Any]) -> None:
    """Write what is known at the start of a session.

    Parameters
    ----------
    folder : Path
        Of the run; must exist.
    about : dict
        ``kind``, ``title``, ``participant``, models, ``settings`` and whatever else its report needs, in plain values; what names
        a person or a device is left out, see `nameless`.

    Raises
    ------
    RecordingError
        If the disk refuses.
    """
    began = {"format": FORMAT, "began": now(), "ended": None}
    write_json(folder / SESSION, nameless({**began, **about, "versions": versions()}))


def update_session(folder: Path, **more: Any) -> None:
    """Add or replace fields, if the session has a file; RecordingError if it cannot be read or the disk refuses."""
    if (folder / SESSION).is_file():
        write_json(folder / SESSION, read_session(folder) | nameless(more))


def end_session(folder: Path, ended: Finished | None) -> None:
    """Write how the session ended, `ended` being None if it was closed; errors as `update_session`."""
    update_session(folder, ended=ending(ended))


def ending(ended: Finished | None) -> dict[str, Any]:
    """How a session ended, as data."""
    reason, failed = (CLOSED, False) if ended is None else (ended.reason, ended.fatal)
    return {"at": now(), "reason": reason, "failed": failed}


def read_session(folder: Path) -> dict[str, Any]:
    """What session.json says.

    Raises
    ------
    RecordingError
        If there is none, it is another file, or one of a newer program.
    """
    path = folder / SESSION
    try:
        about = json.loads(path.read_text("utf-8"))
        version = about["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecordingError(
            f"The folder of a session holds {SESSION}; that of '{folder}' cannot be read: {error}. Choose a run folder, as the "
            "program printed it."
        ) from None
    if not isinstance(version, int) or version > FORMAT:
        raise RecordingError(
            f"'{path}' has format version {version}; this program reads up to {FORMAT}. Update the program."
        )
    return dict(about)


def participant_of(recordings: Iterable[Path]) -> str:
    """The code of the one participant whose run folders these are; empty if there is none, or are several."""
    codes = set()
    for folder in recordings:
        with suppress(RecordingError):  # another kind of file, or a run of an older program
            codes.add(str(read_session(folder).get("participant", "")))
    return codes.pop() if len(codes) == 1 else ""


def now() -> str:
    """The time by the clock on the wall, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
