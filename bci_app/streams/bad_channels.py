"""The channels that somebody marked bad in a recording: read by whoever learns from it or plays it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bci_app.contract.checks import faults, listed
from bci_app.contract.errors import ChannelError, RecordingError
from bci_app.contract.signal import Recording

FILE = "bad_channels.json"
"""In the session folder, beside ``eeg.json``: it may change while the signal is recorded, so it is a file of its own."""


class Marked(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bad: tuple[str, ...]


_BIDS_TABLE = "_channels.tsv"


def read_bad_channels(recording: Path) -> tuple[str, ...]:
    """The channels marked bad in a session folder, in a FIF file, or in the table of channels that BIDS keeps beside a file.

    None where there is no such mark, nor such a recording.

    Raises
    ------
    RecordingError
        If the marks cannot be read.
    """
    if recording.is_file():
        return tuple(dict.fromkeys((*_in_fif(recording), *_in_bids_table(recording))))
    try:
        return Marked.model_validate_json((recording / FILE).read_text("utf-8")).bad
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError) as error:
        said = faults(error) if isinstance(error, ValidationError) else str(error)
        raise RecordingError(
            f"'{recording / FILE}' names the channels that were marked bad, as {json.dumps({'bad': ['T7']})}; it cannot be "
            f"read: {said}. Correct it, or delete it to use all channels."
        ) from None


def _in_fif(path: Path) -> tuple[str, ...]:
    if not path.name.lower().endswith((".fif", ".fif.gz")):
        return ()
    import mne

    try:
        return tuple(mne.io.read_info(path, verbose="error")["bads"])
    except Exception as error:  # MNE lets whatever a damaged file provokes through
        raise RecordingError(f"'{path.name}' cannot be read: {error}. Read an intact copy.") from error


def _in_bids_table(path: Path) -> tuple[str, ...]:
    """Of ``sub-1_task-x_eeg.edf``, what ``sub-1_task-x_channels.tsv`` gives the status ``bad``."""
    entities, _, kind = path.name.rpartition("_")
    table = path.with_name(entities + _BIDS_TABLE)
    if not (entities and kind.startswith("eeg.")) or not table.is_file():
        return ()
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return tuple(row["name"] for row in rows if (row.get("status") or "").strip().lower() == "bad")
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise RecordingError(
            f"'{table}' tells the name and the status of each channel of '{path.name}'; it cannot be read: {error}. Correct "
            "it, or put it elsewhere to use all channels."
        ) from error


def bad_in_any(recordings: Iterable[Path]) -> tuple[str, ...]:
    """The channels marked bad in any of the `recordings`: what is learnt from all of them reads none of these."""
    return tuple(dict.fromkeys(chain.from_iterable(read_bad_channels(path) for path in recordings)))


def without_channels(recording: Recording, names: Iterable[str]) -> Recording:
    """`recording` without those of its channels that are among `names`; ChannelError if none would be left."""
    left_out = set(names)
    kept = [row for row, name in enumerate(recording.channels) if name not in left_out]
    if not kept:
        raise ChannelError(
            f"Channels that are not bad are needed; all of '{recording.name}' are marked so: {listed(recording.channels)}. Take "
            f"marks away in its {FILE}, or choose another recording."
        )
    if len(kept) == len(recording.channels):
        return recording
    return replace(recording, data=recording.data[kept], channels=tuple(recording.channels[row] for row in kept))
