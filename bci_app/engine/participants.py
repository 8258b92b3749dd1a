"""All that belongs to a participant in a folder of runs: exported whole, deleted whole, and nothing else touched."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bci_app.contract.bundle import MANIFEST
from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.engine.participant_code import check_code
from bci_app.engine.session_file import now
from bci_app.engine.sessions import TRASH, SessionEntry, files_in, list_sessions, read_entry
from bci_app.engine.workplace import Workplace

CONTENTS = "contents.json"
_PIECE = 2**20

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted: whose, which folders, and how many files and bytes were in them."""

    code: str
    folders: tuple[Path, ...]
    n_files: int
    n_bytes: int


def belongings(runs: Path, code: str) -> tuple[SessionEntry, ...]:
    """The sessions of a participant in `runs` and in its trash, replays of them, and the decoders there that were made of them.

    A replay holds the participant's signal again, whatever code was written when it was played.

    Raises
    ------
    SettingsError
        If `code` cannot be one.
    RecordingError
        If there is nothing under this code, or the folder cannot be read.
    """
    check_code(code)
    trash = runs / TRASH
    places = (runs,) if trash.is_symlink() else (runs, trash)
    everything = [each for place in places for each in list_sessions(place)]
    found = [each for each in everything if each.participant == code]
    if not found:
        raise RecordingError(
            f"Sessions of participant '{code}' were looked for in '{runs}'; there are none. Check the code, upper and lower "
            "case as well, or name another folder of runs with --folder."
        )
    for entry in found:  # which grows meanwhile: a replay may have been replayed
        found += [each for each in everything if each.replay_of == entry.folder.name and each not in found]
    return (*found, *_decoders(places, {each.folder.name for each in found}))


def _decoders(places: Iterable[Path], recordings: set[str]) -> list[SessionEntry]:
    """Bundles beside the sessions whose provenance names one of these recordings; others lie inside run folders."""
    made = []
    for path in (path for place in places for path in sorted(place.glob(f"*/{MANIFEST}"))):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # no bundle, so nobody's decoder
            data = json.loads(path.read_text("utf-8"))["provenance"]["data"]
            if not path.parent.is_symlink() and any(each.rpartition(": ")[0] in recordings for each in data):
                made.append(replace(read_entry(path.parent), kind="decoder", state="complete"))
    return made


def export_participant(
    runs: Path, code: str, path: Path, on_progress: OnProgress = lambda done, total, text: None
) -> tuple[int, int]:
    """Write all files of a participant into one zip file, under its final name only when it is whole.

    ``contents.json`` in it lists every file with its size and sha256.

    Parameters
    ----------
    runs : Path
        Folder of runs.
    code : str
        Of the participant.
    path : Path
        The zip file.
    on_progress : callable
        Called with (done, total, text) in this thread; what it raises ends the export.

    Returns
    -------
    tuple of int
        How many files there are, and how many bytes.

    Raises
    ------
    SettingsError, RecordingError
        As `belongings`; if there is such a file already, or the disk refuses.
    """
    entries = belongings(runs, code)
    if path.suffix != ".zip" or path.exists():
        raise RecordingError(
            f"A participant's data are exported to a new file that ends in .zip; '{path}' "
            + ("is there already. Choose another name." if path.exists() else "does not. Choose another name.")
        )
    files = [file for entry in entries for file in files_in(entry.folder)]
    draft = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            listed = list(_packed(archive, runs, files, on_progress))
            contents = {"participant": code, "exported": now(), "files": listed}
            archive.writestr(CONTENTS, json.dumps(contents, indent=1) + "\n")
        draft.replace(path)
    except OSError as error:
        raise RecordingError(
            f"'{path}' cannot be written: {error.strerror}. Free space, or choose another place."
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return len(listed), sum(int(each["size"]) for each in listed)


def _packed(
    archive: zipfile.ZipFile, runs: Path, files: list[Path], on_progress: OnProgress
) -> Iterable[dict[str, str | int]]:
    """Put each file into the archive, and give its entry in the table of contents."""
    for done, file in enumerate(files):
        on_progress(done, len(files), "packing")
        name, sha256, size = file.relative_to(runs).as_posix(), hashlib.sha256(), 0
        with (
            file.open("rb") as source,
            archive.open(zipfile.ZipInfo.from_file(file, name), "w", force_zip64=True) as target,
        ):
            while piece := source.read(_PIECE):
                sha256.update(piece)
                size += len(piece)
                target.write(piece)
        yield {"path": name, "size": size, "sha256": sha256.hexdigest()}


def delete_participant(runs: Path, code: str, typed: str) -> Deleted:
    """Delete all sessions of a participant for good; links are removed, what they lead to is not touched.

    Parameters
    ----------
    runs, code
        As for `belongings`.
    typed : str
        The code once more, as somebody typed it who wants this.

    Raises
    ------
    SettingsError
        If `typed` is not the code.
    RecordingError
        As `belongings`; if one of the sessions is running, or the disk refuses: then the message says what is left.
    """
    if typed != code:
        raise SettingsError(
            f"To delete all data of participant '{code}' the code must be typed once more; got {typed!r}. Nothing was deleted."
        )
    entries = belongings(runs, code)
    for entry in entries:
        if entry.state == "running":
            raise RecordingError(
                f"The session '{entry.folder.name}' of participant '{code}' is running. End it, and delete then."
                "  Nothing was deleted."
            )
    n_files, n_bytes = (
        sum(len(list(files_in(entry.folder))) for entry in entries),
        sum(each.n_bytes for each in entries),
    )
    for done, entry in enumerate(entries):
        try:
            shutil.rmtree(entry.folder)
        except OSError as error:
            left = ", ".join(f"'{each.folder}'" for each in entries[done:])
            raise RecordingError(
                f"'{error.filename}' could not be deleted: {error.strerror}. {done} of {len(entries)} sessions of participant "
                f"'{code}' are deleted; left are {left}. Check permissions, and delete again."
            ) from None
    return Deleted(code, tuple(entry.folder for entry in entries), n_files, n_bytes)


def mentions(workplace: Workplace, folders: Iterable[Path], code: str = "") -> dict[str, Any]:
    """Fields of the workplace that name something in `folders`, or the participant `code`, each with nothing in its place.

    Parameters
    ----------
    workplace : Workplace
        What is chosen.
    folders : iterable of Path
        Are gone.
    code : str
        Of a participant whose data are gone.
    """
    gone = [each.absolute() for each in folders]
    found: dict[str, Any] = {}
    for name in ("decoder", "generator", "text_decoder"):
        path: Path | None = getattr(workplace, name)
        if path is not None and any(path.absolute().is_relative_to(each) for each in gone):
            found[name] = None
    return found | ({"participant": ""} if code and workplace.participant == code else {})
