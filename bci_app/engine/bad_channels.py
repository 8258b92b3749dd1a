"""Channels that the user marked bad: kept in the session folder, told to whoever reads them all the same."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bci_app.contract.checks import faults, listed
from bci_app.contract.errors import RecordingError
from bci_app.engine.live_signal import SignalPlan
from bci_app.engine.telling import Telling

FILE = "bad_channels.json"
"""In the session folder, beside ``eeg.json``: it may change while the signal is recorded, so it is a file of its own."""


class _Marked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    bad: tuple[str, ...]


def keep_bad_channels(folder: Path, names: Sequence[str]) -> None:
    """Write which channels of the session in `folder` are marked bad, whole or not at all.

    Raises
    ------
    RecordingError
        If the disk refuses.
    """
    draft = (folder / FILE).with_suffix(".part")
    try:
        draft.write_text(json.dumps({"bad": list(names)}) + "\n", "utf-8")
        os.replace(draft, folder / FILE)
    except OSError as error:
        raise RecordingError(
            f"The channels marked bad were to be kept in '{folder}'; writing failed: {error.strerror or error}. Free space on "
            "the disk, and mark them again."
        ) from None


def read_bad_channels(recording: Path) -> tuple[str, ...]:
    """The channels marked bad in a session folder; none for a recording that is no such folder.

    Raises
    ------
    RecordingError
        If the file cannot be read.
    """
    try:
        return _Marked.model_validate_json((recording / FILE).read_text("utf-8")).bad
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError) as error:
        said = faults(error) if isinstance(error, ValidationError) else str(error)
        raise RecordingError(
            f"'{recording / FILE}' names the channels that were marked bad, as {json.dumps({'bad': ['T7']})}; it cannot be "
            f"read: {said}. Correct it, or delete it to use all channels."
        ) from None


def begin_with_bad_channels(plan: SignalPlan, telling: Telling) -> None:
    """Keep in the session's folder what is marked bad, and say so if the session reads it; as it starts.

    A reader was fitted to all of its channels: none can be taken from it without making another reader of it.
    """
    bad = plan.stream.bad
    if plan.folder is not None and bad:
        try:
            keep_bad_channels(plan.folder, bad)
        except RecordingError as error:
            telling.problem(str(error))
    read = [name for name in bad if name in plan.preprocessing.channels]
    if read:
        telling.problem(
            f"{plan.wanted_by} reads {len(plan.preprocessing.channels)} channels, of which {listed(read)} are marked bad, so "
            "what it reads is not to be trusted. Repair the electrodes and take the marks away, or calibrate anew: bad "
            "channels are left out of a new decoder."
        )
