"""The signal and the markers of a run folder of this program: whole rows and lines, wherever the files were cut."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bci_app.contract.errors import BciError, RecordingError
from bci_app.contract.lines import read_lines
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.units import parse_unit


def read_run(folder: Path, as_sent: bool = False) -> Recording:
    """The raw signal and the markers in a run folder.

    Parameters
    ----------
    folder : Path
        As the recorder left it, by its end or by a crash: samples that lack a channel or a time are left out, and so are
        channels in no known unit, such as triggers, which no reader could read.
    as_sent : bool
        Give these, as they came, and not the signal; there may be none.

    Raises
    ------
    RecordingError
        If it is no run folder, or its signal cannot be one.
    """
    try:
        description = json.loads((folder / "eeg.json").read_text("utf-8"))
        channels, sfreq = tuple(description["channels"]), float(description["sfreq"])
        flat = np.fromfile(folder / "eeg.f32", np.float32)
        times = np.fromfile(folder / "eeg_times.f64", np.float64)
        n = min(len(flat) // len(channels), len(times))
        data = flat[: n * len(channels)].reshape(n, len(channels)).T
        unknown = set(description.get("as_sent", ()))
        rows = [index for index, name in enumerate(channels) if (name in unknown) is as_sent]
        markers = tuple(
            Marker(float(each["time"]), str(each["label"])) for each in read_lines(folder / "markers.jsonl")
        )
        name, unit = folder.resolve().name, parse_unit("au" if as_sent else str(description.get("unit", "uV")))
        read = tuple(channels[index] for index in rows)
        return Recording(np.ascontiguousarray(data[rows]), times[:n], read, sfreq, markers, name, unit)
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, BciError) as error:
        raise RecordingError(
            f"A run folder holds eeg.json, eeg.f32 and eeg_times.f64 as the program recorded them; those of '{folder}' "
            f"cannot be read: {error}. Choose another folder, or an intact copy."
        ) from error


def participant_of_run(path: Path) -> str:
    """The code of the participant whose run folder this is; empty of any other recording, and of one that was given no code."""
    try:
        return str(json.loads((path / "session.json").read_text("utf-8")).get("participant") or "")
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""
