"""One recording in every kind of file that is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import scipy.io

from bci_app.contract.signal import Marker, Recording
from tests.streams import xdf_files as xdf

SFREQ, CHANNELS, N_TIMES = 100.0, ("E0", "E1", "E2", "E3"), 200
MARKERS = (Marker(0.3, "face"), Marker(1.5, "house"))


def made_recording() -> Recording:
    """Whole microvolts, which every format holds; the first channel counts the samples."""
    data = np.random.default_rng(3).integers(-900, 900, (len(CHANNELS), N_TIMES)).astype(np.float32)
    data[0] = np.arange(N_TIMES)
    return Recording(data, np.arange(N_TIMES) / SFREQ, CHANNELS, SFREQ, MARKERS, "made")


def _session(recording: Recording, folder: Path) -> Path:
    """The folder of a session, as the recorder leaves it."""
    place = folder / "session"
    place.mkdir(parents=True)
    (place / "eeg.json").write_text(json.dumps({"channels": CHANNELS, "sfreq": SFREQ}))
    (place / "eeg.f32").write_bytes(np.ascontiguousarray(recording.data.T).tobytes())
    recording.times.tofile(place / "eeg_times.f64")
    lines = [json.dumps({"time": each.time, "label": each.label}) for each in recording.markers]
    (place / "markers.jsonl").write_text("\n".join(lines) + "\n")
    return place


def _xdf(recording: Recording, folder: Path) -> Path:
    path = folder / "made.xdf"
    times, labels = zip(*((each.time, each.label) for each in recording.markers), strict=True)
    path.write_bytes(xdf.whole(xdf.eeg(1, recording.times, recording.data), xdf.markers(2, times, labels)))
    return path


def _fif(recording: Recording, folder: Path) -> Path:
    import mne

    raw = mne.io.RawArray(recording.data * 1e-6, mne.create_info(list(CHANNELS), SFREQ, "eeg"), verbose="error")
    times, labels = zip(*((each.time, each.label) for each in recording.markers), strict=True)
    raw.set_annotations(mne.Annotations(times, 0.0, labels))
    raw.save(folder / "made_raw.fif", fmt="double", verbose="error")
    return folder / "made_raw.fif"


def _brainvision(recording: Recording, folder: Path) -> Path:
    import pybv

    events = [
        {"onset": round(each.time * SFREQ), "description": each.label, "type": "Comment"} for each in recording.markers
    ]
    pybv.write_brainvision(
        data=recording.data * 1e-6, sfreq=SFREQ, ch_names=CHANNELS, fname_base="made", folder_out=folder, events=events
    )
    return folder / "made.vhdr"


def _edf(recording: Recording, folder: Path, bits: int = 16) -> Path:
    """EDF+ or BDF+ in records of one second, digital values being microvolts; the last signal holds the annotations."""
    kind, most, wide = ("EDF", 2**15 - 1, 60) if bits == 16 else ("BDF", 2**23 - 1, 40)
    signals = [*((name, SFREQ) for name in CHANNELS), (f"{kind} Annotations", wide)]
    n_records = N_TIMES // int(SFREQ)
    version = b"0       " if bits == 16 else b"\xffBIOSEMI"
    head = [("X X X X", 80), ("Startdate X X X X", 80), ("01.01.20", 8), ("00.00.00", 8), (256 * (len(signals) + 1), 8)]
    head += [(f"{kind}+C", 44), (n_records, 8), (1, 8), (len(signals), 4)]
    columns: list[tuple[Sequence[object], int]] = [
        ([name for name, _ in signals], 16), ([""] * len(signals), 80), ([*["uV"] * len(CHANNELS), ""], 8),
        ([-most - 1 if bits == 16 else -most] * len(signals), 8), ([most] * len(signals), 8),
        ([-most - 1 if bits == 16 else -most] * len(signals), 8), ([most] * len(signals), 8),
        ([""] * len(signals), 80), ([int(size) for _, size in signals], 8), ([""] * len(signals), 32),
    ]  # fmt: skip
    head += [(value, width) for values, width in columns for value in values]
    written = version + "".join(str(text).ljust(width) for text, width in head).encode("ascii")
    for number in range(n_records):
        record = recording.data[:, number * int(SFREQ) : (number + 1) * int(SFREQ)].astype("<i4")
        written += b"".join(value.tobytes()[: bits // 8] for value in record.ravel())
        told = b"+%d\x14\x14\0" % number
        told += b"".join(
            b"+%.2f\x14%s\x14\0" % (each.time, each.label.encode()) for each in MARKERS if int(each.time) == number
        )
        written += told.ljust(wide * bits // 8, b"\0")
    path = folder / f"made.{kind.lower()}"
    path.write_bytes(written)
    return path


def _bdf(recording: Recording, folder: Path) -> Path:
    return _edf(recording, folder, bits=24)


def _eeglab(recording: Recording, folder: Path) -> Path:
    places = np.zeros(len(CHANNELS), [("labels", object)])
    places["labels"] = CHANNELS
    events = np.zeros(len(recording.markers), [("type", object), ("latency", object)])
    events["type"] = [each.label for each in recording.markers]
    events["latency"] = [each.time * SFREQ + 1 for each in recording.markers]  # counted from one
    nothing = dict.fromkeys(("epoch", "icawinv", "icaweights", "icasphere", "icaact"), np.zeros((0, 0)))
    head = {"nbchan": float(len(CHANNELS)), "pnts": float(N_TIMES), "trials": 1.0, "srate": SFREQ, "setname": "made"}
    span = {"xmin": 0.0, "xmax": (N_TIMES - 1) / SFREQ, "ref": "common"}
    whole = {**head, **span, **nothing, "data": recording.data, "chanlocs": places, "event": events}
    scipy.io.savemat(folder / "made.set", {"EEG": whole})
    return folder / "made.set"


KINDS: dict[str, Callable[[Recording, Path], Path]] = {
    "session folder": _session,
    "XDF": _xdf,
    "FIF": _fif,
    "BrainVision": _brainvision,
    "EDF": _edf,
    "BDF": _bdf,
    "EEGLAB": _eeglab,
}
"""Each writes a recording into a folder, and gives what is to be opened."""
