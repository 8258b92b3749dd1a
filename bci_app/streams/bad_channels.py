"""The channels that somebody marked bad while a session was recorded: read by whoever learns from it."""

from __future__ import annotations

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


def read_bad_channels(recording: Path) -> tuple[str, ...]:
    """The channels marked bad in a session folder; none for a recording that is no such folder.

    Raises
    ------
    RecordingError
        If the file cannot be read.
    """
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
