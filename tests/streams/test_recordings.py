"""Our own npz, and what MNE reads."""

from __future__ import annotations

import gzip
import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.contract.errors import RecordingError
from bci_app.contract.signal import Marker
from bci_app.contract.units import Unit
from bci_app.streams.recordings import read_recording, write_recording
from tests.streams.conftest import counting_recording

mne = pytest.importorskip("mne")


def made_raw(kinds: list[str], n_times: int = 1000, sfreq: float = 100.0, first: int = 0) -> Any:
    data = np.random.default_rng(1).normal(scale=2e-5, size=(len(kinds), n_times))
    data[[kind == "stim" for kind in kinds]] = 0
    info = mne.create_info([f"{kind}{number}" for number, kind in enumerate(kinds)], sfreq, kinds)
    raw = mne.io.RawArray(data, info, first_samp=first, verbose="error")
    raw.set_annotations(mne.Annotations([1.0, 2.5], [0.2, 0.0], ["face", "house"]))
    return raw


def test_npz_round_trip_keeps_every_bit(tmp_path: Path) -> None:
    recording = counting_recording(100, markers=(Marker(10.1, "face/µ"), Marker(10.2, "x")), name="my run")
    write_recording(recording, tmp_path / "one.npz")
    read = read_recording(tmp_path / "one.npz")
    np.testing.assert_array_equal(read.data, recording.data)
    np.testing.assert_array_equal(read.times, recording.times)
    for field in ("channels", "sfreq", "markers", "name", "unit"):
        assert getattr(read, field) == getattr(recording, field)
    assert [path.name for path in tmp_path.iterdir()] == ["one.npz"]


@pytest.mark.parametrize("unit", ["uV", "count", "au"])
def test_npz_keeps_the_unit_and_an_older_one_is_read_as_microvolts(tmp_path: Path, unit: Unit) -> None:
    path = tmp_path / "one.npz"
    write_recording(counting_recording(10, unit=unit), path)
    assert read_recording(path).unit == unit
    with np.load(path, allow_pickle=False) as file:
        older = {name: file[name] for name in file.files if name != "unit"}
    np.savez(path, **older)
    assert read_recording(path).unit == "uV"
    np.savez(path, **older, unit="furlong")
    with pytest.raises(RecordingError, match=r"Samples are in uV, count, au; got 'furlong'"):
        read_recording(path)


def test_npz_without_markers_is_read(tmp_path: Path) -> None:
    write_recording(counting_recording(10), tmp_path / "one.npz")
    assert read_recording(tmp_path / "one.npz").markers == ()


def test_a_run_folder_of_the_program_is_a_recording_too(tmp_path: Path) -> None:
    data = np.arange(12, dtype=np.float32).reshape(2, 6)
    (tmp_path / "eeg.json").write_text(json.dumps({"channels": ["O1", "Oz"], "sfreq": 100.0}))
    (tmp_path / "eeg.f32").write_bytes(np.ascontiguousarray(data.T).tobytes())
    (np.arange(6) / 100).tofile(tmp_path / "eeg_times.f64")
    (tmp_path / "markers.jsonl").write_text(json.dumps({"time": 0.02, "label": "face"}) + "\n")
    recording = read_recording(tmp_path)
    np.testing.assert_array_equal(recording.data, data)
    assert (recording.channels, recording.sfreq) == (("O1", "Oz"), 100.0)
    assert (recording.name, recording.markers) == (tmp_path.name, (Marker(0.02, "face"),))
    with pytest.raises(RecordingError, match="for XDF files"):
        read_recording(tmp_path, partial=True)
    with pytest.raises(RecordingError, match=r"A run folder holds eeg.json"):
        read_recording(tmp_path.parent)


def test_npz_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    write_recording(counting_recording(100), path)
    content = path.read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:length])
        with pytest.raises(RecordingError, match="cut or damaged"):
            read_recording(path)


def test_npz_with_one_changed_byte_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    write_recording(counting_recording(4), path)
    content = path.read_bytes()
    headers = [place for place in range(len(content)) if content[place : place + 2] == b"PK"]
    for place in [place + within for place in headers for within in (4, 6, 7, 8, 9, 10)]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x29]) + content[place + 1 :])
        with suppress(RecordingError):
            read_recording(path)


def test_npz_that_asks_for_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    write_recording(counting_recording(4), path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="cut or damaged"):
        read_recording(path)


def test_foreign_npz_is_refused_and_pickles_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "foreign.npz"
    np.savez(path, images=np.zeros(3))
    with pytest.raises(RecordingError, match="no recording of this program"):
        read_recording(path)
    fields = {"format": 1, "data": np.array([{}], dtype=object), "times": np.zeros(1), "channels": np.array(["A"])}
    np.savez(path, **fields, sfreq=1.0, marker_times=np.zeros(0), marker_labels=np.zeros(0, str), name="x")
    with pytest.raises(RecordingError, match="no recording of this program"):
        read_recording(path)


def test_npz_of_a_later_format_says_so(tmp_path: Path) -> None:
    path = tmp_path / "later.npz"
    np.savez(path, format=99)
    with pytest.raises(RecordingError, match="format 99"):
        read_recording(path)


@pytest.mark.parametrize("first", [0, 250])
def test_fif_gives_microvolts_eeg_channels_and_annotations(tmp_path: Path, first: int) -> None:
    raw = made_raw(["eeg", "eog", "eeg", "stim"], first=first)
    raw.save(tmp_path / "made_raw.fif", fmt="double", verbose="error")
    recording = read_recording(tmp_path / "made_raw.fif")
    np.testing.assert_allclose(recording.data, raw.get_data(picks=[0, 2]) * 1e6, rtol=1e-6)
    assert (recording.channels, recording.sfreq) == (("eeg0", "eeg2"), 100.0)
    assert recording.times[0] == 0.0
    assert [marker.label for marker in recording.markers] == ["face", "house"]
    np.testing.assert_allclose([marker.time for marker in recording.markers], [1.0, 2.5], atol=1e-9)


def test_letters_of_every_script_in_the_annotations_of_a_fif_file_are_kept(tmp_path: Path) -> None:
    labels = ["word/Größe", "word/„ja“", "word/猫", "word/🧠"]
    raw = mne.io.RawArray(np.zeros((1, 300)), mne.create_info(["A"], 100.0, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations(np.arange(4) / 2, 0.0, labels))
    raw.save(tmp_path / "words_raw.fif", verbose="error")
    assert [marker.label for marker in read_recording(tmp_path / "words_raw.fif").markers] == labels


def test_trigger_channel_serves_where_there_are_no_annotations(tmp_path: Path) -> None:
    raw = made_raw(["eeg", "stim"], first=30)
    raw.set_annotations(None)
    raw._data[1, 200:210] = 7
    raw.save(tmp_path / "made_raw.fif", verbose="error")
    assert read_recording(tmp_path / "made_raw.fif").markers == (Marker(2.0, "7"),)


def test_fif_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole, cut = tmp_path / "made_raw.fif", tmp_path / "cut_raw.fif"
    made_raw(["eeg", "eeg"]).save(whole, verbose="error")
    content = whole.read_bytes()
    for length in range(0, len(content) - 16, len(content) // 30):
        cut.write_bytes(content[:length])
        with pytest.raises(RecordingError, match="cut or damaged"):
            read_recording(cut)


def test_packed_fif_that_is_cut_or_not_packed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made_raw.fif.gz"
    made_raw(["eeg"]).save(path, verbose="error")
    content = path.read_bytes()
    for wrong in (content[: len(content) // 2], content[:-4], gzip.decompress(content)):
        path.write_bytes(wrong)
        with pytest.raises(RecordingError, match=r"made_raw.fif.gz.*Read an intact copy"):
            read_recording(path)


def test_fif_whose_pointers_lead_round_in_circles_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made_raw.fif"
    made_raw(["eeg"]).save(path, verbose="error")
    content = bytearray(path.read_bytes())
    content[12:16] = struct.pack(">i", 16)
    second = 16 + struct.unpack(">iIii", content[:16])[2]
    content[second + 12 : second + 16] = struct.pack(">i", second)
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="cut or damaged"):
        read_recording(path)


def test_file_without_eeg_tells_what_it_holds(tmp_path: Path) -> None:
    made_raw(["eog", "misc"]).save(tmp_path / "made_raw.fif", verbose="error")
    with pytest.raises(RecordingError, match="holds channels of kind eog, misc"):
        read_recording(tmp_path / "made_raw.fif")


def brainvision(folder: Path, n_times: int = 50) -> Path:
    """Two channels, int16 at 0.5 uV, one marker at the eleventh sample."""
    values = np.arange(2 * n_times, dtype="<i2").reshape(n_times, 2)
    (folder / "made.eeg").write_bytes(values.tobytes())
    (folder / "made.vmrk").write_text(
        "BrainVision Data Exchange Marker File, Version 1.0\n[Common Infos]\nCodepage=UTF-8\nDataFile=made.eeg\n"
        "[Marker Infos]\nMk1=Stimulus,face,11,1,0\n"
    )
    (folder / "made.vhdr").write_text(
        "BrainVision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\nDataFile=made.eeg\n"
        "MarkerFile=made.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=2\n"
        "SamplingInterval=10000\n[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\nCh1=O1,,0.5,µV\nCh2=Oz,,0.5,µV\n",
        encoding="utf-8",
    )
    return folder / "made.vhdr"


def test_brainvision_gives_microvolts_and_markers(tmp_path: Path) -> None:
    recording = read_recording(brainvision(tmp_path))
    np.testing.assert_allclose(recording.data, 0.5 * np.arange(100).reshape(50, 2).T, rtol=1e-6)
    assert (recording.channels, recording.sfreq) == (("O1", "Oz"), 100.0)
    assert [(marker.time, marker.label) for marker in recording.markers] == [(0.1, "Stimulus/face")]


def edf(path: Path, n_records: int = 3) -> None:
    """One channel, 100 Hz, records of one second; digital values are microvolts."""
    fields = [("0", 8), ("X", 80), ("X", 80), ("01.01.20", 8), ("00.00.00", 8), (str(512), 8), ("", 44)]
    fields += [(str(n_records), 8), ("1", 8), ("1", 4), ("EEG Cz", 16), ("", 80), ("uV", 8), ("-1000", 8), ("1000", 8)]
    fields += [("-1000", 8), ("1000", 8), ("", 80), ("100", 8), ("", 32)]
    head = "".join(text.ljust(width) for text, width in fields).encode()
    path.write_bytes(head + np.arange(n_records * 100, dtype="<i2").tobytes())


def test_edf_gives_microvolts_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.edf"
    edf(path)
    recording = read_recording(path)
    np.testing.assert_allclose(recording.data[0], np.arange(300), atol=1e-3)
    path.write_bytes(path.read_bytes()[:-250])
    with pytest.raises(RecordingError, match="cut or damaged"):
        read_recording(path)


def test_eeglab_file_of_the_newest_form_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new.set").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecordingError, match="pip install pymatreader h5py"):
        read_recording(tmp_path / "new.set")


@pytest.mark.parametrize(
    ("name", "error"),
    [("none.xdf", "does not exist"), ("notes.txt", "ends in one of"), ("bad.edf", "bad.edf"), ("bad.vhdr", "bad.vhdr")],
)
def test_what_cannot_be_read_is_one_clear_error(tmp_path: Path, name: str, error: str) -> None:
    if not name.startswith("none"):
        (tmp_path / name).write_bytes(b"not a recording at all" * 20)
    with pytest.raises(RecordingError, match=error):
        read_recording(tmp_path / name)


def test_options_of_xdf_are_refused_for_other_files(tmp_path: Path) -> None:
    write_recording(counting_recording(10), tmp_path / "one.npz")
    with pytest.raises(RecordingError, match="for XDF files"):
        read_recording(tmp_path / "one.npz", unit="uV")


def test_recording_is_written_as_npz_only(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"written as .npz"):
        write_recording(counting_recording(10), tmp_path / "one.fif")
    with pytest.raises(RecordingError, match="could not be written"):
        write_recording(counting_recording(10), tmp_path / "nowhere" / "one.npz")


def test_real_muse_recording_is_read(shared_data: Path) -> None:
    recording = read_recording(shared_data / "muse-n170" / "sub-1_ses-1_run-1_eeg.fif")
    assert (recording.channels, recording.sfreq) == (("TP9", "AF7", "AF8", "TP10"), 256.0)
    assert {marker.label for marker in recording.markers} == {"face", "house"}
    assert 1 < np.median(recording.data.std(axis=1)) < 100
