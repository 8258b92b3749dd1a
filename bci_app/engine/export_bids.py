"""The EEG of a session as a run of a BIDS data set, by MNE-BIDS: no date, no device, the participant's code as ``sub-``.

Source: EEG-BIDS, Pernet et al. 2019, Scientific Data 6:103.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.contract.signal import Recording

_BOUNDARY = "BAD boundary"
"""Where samples are missing; MNE's own word for it, which its tools leave out of every trial."""
_GAP = 1.5
"""Sampling intervals between two samples that make a gap."""
_MOST_RUNS = 999


def write_bids(
    recording: Recording, root: Path, subject: str, task: str, bad: Sequence[str] = (), notes: str = "",
    others: Recording | None = None
) -> Path:  # fmt: skip
    """Add `recording` to the data set in `root` as the next run of its participant and task.

    Samples are written one behind the other, as BrainVision in float32; where some are missing an event ``BAD boundary`` says
    so. Every marker becomes an event at the sample nearest to it.

    Parameters
    ----------
    recording : Recording
        EEG in microvolts.
    root : Path
        Folder of the data set; made if it is not there.
    subject, task : str
        Labels; what BIDS does not allow in one ("-" and "_") is left out.
    bad : sequence of str
        Channels that were marked bad.
    notes : str
        What the task was, and what else a reader of the data must know.
    others : Recording or None
        Channels of the same samples that are in no known unit: of type MISC, as they came.

    Returns
    -------
    Path
        The header file.

    Raises
    ------
    SettingsError
        If MNE-BIDS is not installed, or the participant has no code.
    RecordingError
        If it is no EEG, it is empty, or the disk refuses.
    """
    bids = _library()
    _check(recording, subject)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what BIDS would like to be told and nobody has measured
            place = _next_run(bids, root, label(subject), label(task))
            if not (root / "dataset_description.json").exists():
                bids.make_dataset_description(path=root, name="Sessions recorded with bci-app", verbose="error")
            bids.write_raw_bids(
                _raw(recording, bad, others), place, format="BrainVision", allow_preload=True, verbose="error"
            )
            sidecar = place.copy().update(extension=".json", suffix="eeg")
            bids.update_sidecar_json(
                sidecar, {"Manufacturer": "n/a", "TaskDescription": notes or task}, verbose="error"
            )
    except OSError as error:
        raise RecordingError(
            f"The data set '{root}' cannot be written: {error.strerror or error}. Free space, or choose another place."
        ) from None
    return Path(place.fpath)


def label(text: str) -> str:
    """`text` as a BIDS label, which is made of letters and digits alone."""
    return "".join(letter for letter in text if letter.isascii() and letter.isalnum())


def _library() -> Any:
    try:
        import mne_bids
        import pybv  # type: ignore[import-untyped]  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            f"Export to BIDS needs MNE-BIDS and pybv, which are not installed ({error}). Install them: "
            "pip install 'bci-app[bids]'. Or export to XDF, which needs nothing more."
        ) from None
    return mne_bids


def _check(recording: Recording, subject: str) -> None:
    if not label(subject):
        raise SettingsError(
            "A BIDS data set names its participants by code; this session has none. Give one "
            "(bci-app export FOLDER --to bids --subject P07), or export it to XDF, which needs none."
        )
    if recording.unit != "uV":
        raise RecordingError(
            f"BIDS is written of EEG in microvolts; '{recording.name}' is in '{recording.unit}'. Export it to XDF."
        )
    if recording.n_times == 0:
        raise RecordingError(
            f"'{recording.name}' holds no samples, so there is nothing to export. Choose another session."
        )


def _next_run(bids: Any, root: Path, subject: str, task: str) -> Any:
    """Where the next run of a participant's task is written."""
    for run in range(1, _MOST_RUNS + 1):
        place = bids.BIDSPath(
            root=root, subject=subject, task=task, run=f"{run:02d}", datatype="eeg", suffix="eeg", extension=".vhdr"
        )
        if not place.fpath.exists():
            return place
    raise RecordingError(
        f"'{root}' holds {_MOST_RUNS} runs of sub-{subject}, task {task}, already. Choose another folder with --out."
    )


def _raw(recording: Recording, bad: Sequence[str], others: Recording | None) -> Any:
    """The recording as MNE has it, in volts, without a date; markers and boundaries as annotations."""
    import mne

    names, data = list(recording.channels), 1e-6 * recording.data.astype(np.float64)
    kinds = ["eeg"] * len(names)
    if others is not None:
        names, data = names + list(others.channels), np.concatenate([data, others.data])
        kinds += ["misc"] * len(others.channels)
    info = mne.create_info(names, recording.sfreq, kinds, verbose="error")
    info["bads"] = [name for name in names if name in bad]
    raw = mne.io.RawArray(data, info, verbose="error")
    events = [(nearest(recording, marker.time), marker.label) for marker in recording.markers]
    jumps = np.flatnonzero(np.diff(recording.times) > _GAP / recording.sfreq) + 1
    events = sorted([*events, *((int(sample), _BOUNDARY) for sample in jumps)])
    onsets = [sample / recording.sfreq for sample, _ in events]
    raw.set_annotations(mne.Annotations(onsets, [0.0] * len(events), [text for _, text in events]), verbose="error")
    return raw


def nearest(recording: Recording, time_s: float) -> int:
    """The sample whose time stamp is nearest to `time_s`; of two that are equally near the earlier."""
    after = int(np.searchsorted(recording.times, time_s).clip(1, max(recording.n_times - 1, 1)))
    before = after - 1
    if recording.n_times == 1 or time_s - recording.times[before] <= recording.times[after] - time_s:
        return before
    return after
