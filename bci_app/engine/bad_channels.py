"""Channels that the user marked bad: kept in the session folder, told to whoever reads them all the same."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bci_app.contract.checks import listed
from bci_app.contract.errors import RecordingError
from bci_app.engine.live_signal import SignalPlan
from bci_app.engine.telling import Telling
from bci_app.streams.bad_channels import FILE, Marked
from bci_app.streams.bad_channels import read_bad_channels as read_bad_channels


def keep_bad_channels(folder: Path, names: Sequence[str]) -> None:
    """Write which channels of the session in `folder` are marked bad, whole or not at all.

    Raises
    ------
    RecordingError
        If the disk refuses.
    """
    draft = (folder / FILE).with_suffix(".part")
    try:
        draft.write_text(Marked(bad=tuple(names)).model_dump_json() + "\n", "utf-8")
        os.replace(draft, folder / FILE)
    except OSError as error:
        raise RecordingError(
            f"The channels marked bad were to be kept in '{folder}'; writing failed: {error.strerror or error}. Free space on "
            "the disk, and mark them again."
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
