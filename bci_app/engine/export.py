"""A session handed on to others: its signal and markers as XDF or BIDS, under names that tell a code and no day."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from bci_app.contract.errors import RecordingError
from bci_app.engine.bad_channels import read_bad_channels
from bci_app.engine.export_bids import label, write_bids
from bci_app.engine.export_xdf import write_xdf
from bci_app.engine.reopening import session_about
from bci_app.engine.session_signal import described, parts_of
from bci_app.streams.run_folder import read_run

Format = Literal["xdf", "bids"]
TASKS = {"pictures": "decoding", "text": "reading"}
"""What a session is called in names; of other kinds the kind itself."""


def export_session(folder: Path, to: Format, place: Path, subject: str = "") -> tuple[Path, ...]:
    """Write the signal and the markers of a session, one file for each part of its recording; all channels that were recorded.

    Parameters
    ----------
    folder : Path
        Of the run, as its end or a crash left it.
    to : {"xdf", "bids"}
        What is written.
    place : Path
        Folder that the files are put into, or of the BIDS data set; made if it is not there.
    subject : str
        Code of the participant; empty for that of the session.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    RecordingError
        If the session holds no signal, or it cannot be read or written.
    SettingsError
        If BIDS is wanted and MNE-BIDS not installed, or the participant has no code.
    """
    parts = parts_of(folder)
    if not parts:
        raise RecordingError(
            f"A session that is exported holds a signal (eeg.json); '{folder}' has none. Choose the folder of a session that was "
            "recorded from a stream."
        )
    about = _about(folder)
    code, task = subject or str(about.get("participant", "")), TASKS.get(about["kind"], str(about["kind"]))
    written = []
    for part in [each for each in parts if described(each).n_samples] or parts:  # one that was given up is empty
        recording, others = read_run(part), read_run(part, as_sent=True) if described(part).as_sent else None
        if to == "bids":
            written.append(write_bids(recording, place, code, task, read_bad_channels(part), _notes(about), others))
        else:
            path = _next_name(place, code, task)
            write_xdf(recording, path, others)
            written.append(path)
    return tuple(written)


def _about(folder: Path) -> dict[str, Any]:
    """What is known of the session; of one that was killed before it was described, that it is a signal."""
    try:
        return session_about(folder)
    except RecordingError:
        return {"kind": "signal", "participant": ""}


def _notes(about: dict[str, Any]) -> str:
    """What a reader of the data must know, in one line: what was done, and if it was no person's brain."""
    told = {
        "pictures": "pictures were shown and read",
        "text": "sentences were read",
        "evolution": "pictures were evolved",
        "calibration": "pictures were shown, to make a decoder of what they evoke",
    }.get(about["kind"], "the signal was recorded")
    return f"bci-app: {told}." + (f" {about['watermark'].capitalize()}." if about.get("watermark") else "")


def _next_name(place: Path, code: str, task: str) -> Path:
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise RecordingError(
            f"'{place}' cannot be made: {error.strerror}. Choose another place for what is exported."
        ) from None
    who = f"sub-{label(code)}_" if label(code) else ""
    run = 1
    while (path := place / f"{who}task-{label(task)}_run-{run:02d}.xdf").exists():
        run += 1
    return path
