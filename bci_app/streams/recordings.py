"""Recordings on disk: our own run folders and npz, XDF, and what MNE reads (FIF, BrainVision, EDF, BDF, EEGLAB)."""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bci_app.contract.errors import RecordingError
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.units import parse_unit
from bci_app.streams.integrity import check_fif_is_whole
from bci_app.streams.run_folder import read_run

MNE_SUFFIXES = (".fif", ".fif.gz", ".vhdr", ".edf", ".bdf", ".set")
XDF_SUFFIXES = (".xdf", ".xdfz", ".xdf.gz")
SUFFIXES = (*XDF_SUFFIXES, ".npz", *MNE_SUFFIXES)
_NUMBERED = re.compile(r"&#(\d{1,6});")
_FORMAT = 1
# MNE warns and then reads what is there.
_CUT_WARNINGS = ("does not match the file size", "truncated", "corrupt", "incomplete")


def read_recording(
    path: Path, *, stream: str | None = None, unit: str | None = None, partial: bool = False
) -> Recording:
    """A whole recording with its markers: EEG in microvolts, or what the file says it holds.

    Parameters
    ----------
    path : Path
        The file, whose suffix says what it is; or a run folder of this program.
    stream : str or None
        XDF with several streams: name or id of the EEG stream.
    unit : str or None
        XDF: unit of channels that the file gives no known unit for.
    partial : bool
        XDF: take a file that was cut for what it holds.

    Raises
    ------
    RecordingError
        If the file is missing, cut, of an unknown kind, or holds no EEG.
    UnitError
        If a channel is in no known unit and none was declared.
    """
    path = Path(path)
    if not path.exists():
        raise RecordingError(f"The recording '{path}' does not exist. Check the path.")
    name = path.name.lower()
    if name.endswith(XDF_SUFFIXES):
        from bci_app.streams.xdf import read_xdf

        return read_xdf(path, stream, unit, partial)
    if stream is not None or unit is not None or partial:
        raise RecordingError(
            f"--stream, --unit and --partial are for XDF files; '{path.name}' is none. Leave them out."
        )
    if path.is_dir():
        return read_run(path)
    if name.endswith(".npz"):
        return _read_npz(path)
    if name.endswith(MNE_SUFFIXES):
        return _read_mne(path)
    raise RecordingError(
        f"A recording ends in one of {', '.join(SUFFIXES)}; got '{path.name}'. Convert it, for example with MNE."
    )


def write_recording(recording: Recording, path: Path) -> None:
    """Write `recording` as npz, under its final name only when it is whole.

    Raises
    ------
    RecordingError
        If the name does not end in .npz, or the disk refuses.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise RecordingError(f"A recording is written as .npz; got '{path.name}'. Choose a name that ends so.")
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("wb") as file:
            np.savez(
                file,
                format=np.int64(_FORMAT),
                data=recording.data,
                times=recording.times,
                channels=np.array(recording.channels, dtype=np.str_),
                sfreq=np.float64(recording.sfreq),
                marker_times=np.array([marker.time for marker in recording.markers], dtype=np.float64),
                marker_labels=np.array([marker.label for marker in recording.markers], dtype=np.str_),
                name=np.str_(recording.name),
                unit=np.str_(recording.unit),
            )
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise RecordingError(f"The recording '{path}' could not be written: {error}.") from error


def _read_npz(path: Path) -> Recording:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if int(file["format"]) != _FORMAT:
                raise RecordingError(
                    f"'{path.name}' has format {int(file['format'])}; this program reads {_FORMAT}. Update it."
                )
            markers = tuple(
                Marker(float(time), str(label))
                for time, label in zip(file["marker_times"], file["marker_labels"], strict=True)
            )
            return Recording(
                file["data"],
                file["times"],
                tuple(str(channel) for channel in file["channels"]),
                float(file["sfreq"]),
                markers,
                str(file["name"]),
                parse_unit(str(file["unit"])) if "unit" in file else "uV",  # the first files had no other
            )
    except RecordingError:
        raise
    except Exception as error:  # the readers of zip files and of numpy's headers have a dozen failures of their own
        raise RecordingError(
            f"'{path.name}' is no recording of this program, or it is cut or damaged: {error}. Read an intact copy."
        ) from error


def _read_mne(path: Path) -> Recording:
    """Through MNE, which gives volts: the EEG channels only, annotations (or else trigger channels) as markers."""
    import mne

    if path.name.lower().endswith((".fif", ".fif.gz")):
        check_fif_is_whole(path)
    if path.suffix.lower() == ".set":
        _check_matlab_form(path)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            raw = mne.io.read_raw(path, preload=True, verbose="warning")
        cut = [str(each.message) for each in caught if any(word in str(each.message) for word in _CUT_WARNINGS)]
        if cut:
            raise RecordingError(f"'{path.name}' is cut or damaged: {cut[0]} Read an intact copy.")
        picks = mne.pick_types(raw.info, eeg=True, exclude=())
        if len(picks) == 0:
            kinds = ", ".join(sorted(set(raw.get_channel_types()))) or "none"
            raise RecordingError(
                f"'{path.name}' must hold EEG channels; it holds channels of kind {kinds}. Choose another file, "
                "or set the channel types and save it again."
            )
        return Recording(
            (raw.get_data(picks=picks) * 1e6).astype(np.float32),
            raw.times.astype(np.float64),
            tuple(raw.ch_names[pick] for pick in picks),
            float(raw.info["sfreq"]),
            _mne_markers(raw),
            path.stem,
        )
    except RecordingError:
        raise
    except Exception as error:  # each of MNE's readers has failures of its own
        raise RecordingError(f"'{path.name}' cannot be read: {error}. Read an intact copy.") from error


def _check_matlab_form(path: Path) -> None:
    """EEGLAB's files of MATLAB's newest form are HDF5, which needs two packages more."""
    with path.open("rb") as file:
        newest = file.read(10) == b"MATLAB 7.3"
    if newest and not (importlib.util.find_spec("pymatreader") and importlib.util.find_spec("h5py")):
        raise RecordingError(
            f"'{path.name}' is of MATLAB's form 7.3, which is read with pymatreader and h5py; they are not installed. Install "
            "them (pip install pymatreader h5py), or save it from EEGLAB in the form of version 6."
        )


def _mne_markers(raw: Any) -> tuple[Marker, ...]:
    """On the clock of `raw.times`, in order."""
    import mne

    if len(raw.annotations):
        # Onsets count from the start of the measurement, `raw.times` from the first sample kept.
        found = [(float(onset) - raw.first_time, str(what)) for onset, what in _onsets(raw)]
    elif len(mne.pick_types(raw.info, stim=True)):
        events = mne.find_events(raw, shortest_event=1, verbose="error")
        found = [((int(sample) - raw.first_samp) / raw.info["sfreq"], str(code)) for sample, _, code in events]
    else:
        found = []
    return tuple(Marker(time, label) for time, label in sorted(found) if label)


def _onsets(raw: Any) -> list[tuple[float, str]]:
    """Annotations; MNE writes a letter beyond Latin-1 into FIF as its number, and leaves it so when it reads."""
    labels = [_NUMBERED.sub(lambda found: chr(int(found[1])), str(each)) for each in raw.annotations.description]
    return list(zip(raw.annotations.onset, labels, strict=True))
