"""Marks of bad channels are read, put together and obeyed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import ChannelError, RecordingError
from bci_app.contract.signal import Recording
from bci_app.streams.bad_channels import FILE, bad_in_any, read_bad_channels, without_channels


@pytest.mark.parametrize("content", ["", "[]", '{"bad": "Oz"}', '{"bad": [1]}', '{"bad": [], "more": 1}', "\0"])
def test_a_broken_file_is_refused_in_words(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(RecordingError, match="delete it"):
        read_bad_channels(tmp_path)


def test_what_is_bad_in_one_recording_is_bad_for_all(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder, content in zip(folders, ('{"bad": ["T7", "Oz"]}', None, '{"bad": ["Fz", "T7"]}'), strict=True):
        folder.mkdir()
        if content:
            (folder / FILE).write_text(content)
    assert bad_in_any(folders) == ("T7", "Oz", "Fz")
    assert bad_in_any([folders[1], tmp_path / "gone.xdf"]) == ()


@pytest.mark.parametrize("bads", [[], ["Oz", "C3"]])
def test_marks_of_a_fif_file_are_read(tmp_path: Path, bads: list[str]) -> None:
    mne = pytest.importorskip("mne")
    info = mne.create_info(["C3", "Cz", "Oz"], 100.0, "eeg")
    info["bads"] = bads
    mne.io.RawArray(np.zeros((3, 200)), info, verbose="error").save(tmp_path / "a_raw.fif", verbose="error")
    assert read_bad_channels(tmp_path / "a_raw.fif") == tuple(bads)
    (tmp_path / "a_raw.fif").write_bytes(b"no recording")
    with pytest.raises(RecordingError, match=r"a_raw.fif' cannot be read"):
        read_bad_channels(tmp_path / "a_raw.fif")


@pytest.mark.parametrize("suffix", ["edf", "bdf", "vhdr", "set"])
def test_marks_of_a_bids_table_are_read_for_its_own_recording_alone(tmp_path: Path, suffix: str) -> None:
    recording = tmp_path / f"sub-1_task-look_run-2_eeg.{suffix}"
    for name in (recording.name, recording.name.replace("run-2", "run-3"), f"plain.{suffix}"):
        (tmp_path / name).touch()
    table = tmp_path / "sub-1_task-look_run-2_channels.tsv"
    table.write_text("name\ttype\tstatus\nFz\tEEG\tgood\nOz\tEEG\tbad\nC3\tEEG\tn/a\nPz\tEEG\tBad\n")
    assert read_bad_channels(recording) == ("Oz", "Pz")
    assert bad_in_any([tmp_path / recording.name.replace("run-2", "run-3"), tmp_path / f"plain.{suffix}"]) == ()
    table.write_text("channel\tstatus\nFz\tbad\n")
    with pytest.raises(RecordingError, match=r"run-2_channels.tsv' tells the name and the status"):
        read_bad_channels(recording)


def test_channels_are_left_out_by_name_and_all_of_them_cannot_be() -> None:
    whole = Recording(np.arange(6.0).reshape(3, 2), np.arange(2.0), ("a", "b", "c"), 1.0)
    assert without_channels(whole, ("elsewhere",)) is whole
    less = without_channels(whole, ("b", "elsewhere"))
    assert less.channels == ("a", "c")
    np.testing.assert_array_equal(less.data, [[0, 1], [4, 5]])
    with pytest.raises(ChannelError, match="all of 'recording' are marked so: a, b, c"):
        without_channels(whole, "abc")
