"""What pyxdf, which is not ours, reads of a file is what was recorded, to the bit; and nothing more is in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyxdf

from bci_app.contract.errors import RecordingError
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.units import Unit
from bci_app.engine.export_xdf import write_xdf
from bci_app.streams.recordings import read_recording

LABELS = ("shown/shapes/red-square/0", "zwölf & <b>", "x" * 300)


def new_recording(n_times: int, unit: Unit = "uV", name: str = "run-20261126 Anna") -> Recording:
    """Noise whose stamps jitter, with a gap in the middle; each channel's name would break XML or UTF-8 read wrongly."""
    rng = np.random.default_rng(3)
    times = 12345.6 + np.arange(n_times) / 250 + rng.uniform(0, 1e-4, n_times)
    times[n_times // 2 :] += 3.0
    markers = tuple(Marker(float(times[index]) + 1e-5, label) for index, label in zip((1, 5, 9), LABELS, strict=True))
    data = rng.normal(size=(3, n_times)).astype(np.float32) * 1e3
    return Recording(data, times, ("O1", "µ<&>", "C z"), 250.0, markers, name, unit)


def load(path: Path) -> tuple[dict, dict]:
    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False, synchronize_clocks=False)
    signal, markers = sorted(streams, key=lambda each: each["info"]["stream_id"])
    return signal, markers


@pytest.mark.parametrize("n_times", [20, 4096, 10_000])
def test_pyxdf_reads_every_sample_stamp_and_marker_to_the_bit(tmp_path: Path, n_times: int) -> None:
    recording = new_recording(n_times)
    write_xdf(recording, tmp_path / "a.xdf")
    signal, markers = load(tmp_path / "a.xdf")
    assert signal["time_series"].dtype == np.float32
    np.testing.assert_array_equal(signal["time_series"].T, recording.data)
    np.testing.assert_array_equal(signal["time_stamps"], recording.times)
    assert [each[0] for each in markers["time_series"]] == list(LABELS)
    assert list(markers["time_stamps"]) == [marker.time for marker in recording.markers]
    channels = signal["info"]["desc"][0]["channels"][0]["channel"]
    assert tuple(each["label"][0] for each in channels) == recording.channels
    assert {each["unit"][0] for each in channels} == {"microvolts"}
    assert (signal["info"]["type"], signal["info"]["nominal_srate"]) == (["EEG"], ["250.0"])
    assert int(signal["footer"]["info"]["sample_count"][0]) == n_times
    assert float(signal["footer"]["info"]["last_timestamp"][0]) == recording.times[-1]


@pytest.mark.parametrize("unit", ["uV", "count", "au"])
def test_our_own_reader_reads_it_as_the_same_recording(tmp_path: Path, unit: Unit) -> None:
    recording = new_recording(500, unit)
    write_xdf(recording, tmp_path / "a.xdf")
    stream = {"uV": "EEG", "count": "Spikes", "au": "fMRI"}[unit]
    again = read_recording(tmp_path / "a.xdf", stream=stream)
    np.testing.assert_array_equal(again.data, recording.data)
    np.testing.assert_array_equal(again.times, recording.times)
    assert (again.channels, again.sfreq, again.unit) == (recording.channels, recording.sfreq, unit)
    assert again.markers == recording.markers


def test_a_recording_without_markers_has_an_empty_stream_of_them(tmp_path: Path) -> None:
    recording = new_recording(50)
    write_xdf(Recording(recording.data, recording.times, recording.channels, 250.0, (), "r", "uV"), tmp_path / "a.xdf")
    _, markers = load(tmp_path / "a.xdf")
    assert len(markers["time_series"]) == 0
    assert int(markers["footer"]["info"]["sample_count"][0]) == 0


def test_nothing_of_the_recordings_name_is_in_the_file(tmp_path: Path) -> None:
    write_xdf(new_recording(50), tmp_path / "a.xdf")
    content = (tmp_path / "a.xdf").read_bytes()
    for word in (b"Anna", b"2026", b"hostname", b"source_id", b"datetime"):
        assert word not in content


def test_a_file_that_is_there_is_not_overwritten_and_a_disk_that_refuses_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "a.xdf").write_text("mine")
    with pytest.raises(RecordingError, match="not overwritten"):
        write_xdf(new_recording(50), tmp_path / "a.xdf")
    assert (tmp_path / "a.xdf").read_text() == "mine"
    with pytest.raises(RecordingError, match="cannot be written"):
        write_xdf(new_recording(50), tmp_path / "missing" / "a.xdf")
