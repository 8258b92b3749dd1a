"""XDF files: what is in them, and what is not taken silently."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.contract.errors import BciError, RecordingError, UnitError
from bci_app.contract.signal import Marker
from bci_app.streams.recordings import read_recording
from tests.streams import xdf_files as xdf

TIMES = 50.0 + np.arange(40) / 100
DATA = np.arange(80, dtype=np.float32).reshape(2, 40)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.xdf"


def test_signal_times_channels_and_markers_are_read_without_a_word(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(xdf.whole(xdf.eeg(1, TIMES, DATA), xdf.markers(2, [50.05, 50.2], ["face", "häuser"])))
    recording = read_recording(path)
    np.testing.assert_array_equal(recording.data, DATA)
    np.testing.assert_array_equal(recording.times, TIMES)
    assert (recording.channels, recording.sfreq, recording.name) == (("E0", "E1"), 100.0, "made")
    assert recording.markers == (Marker(50.05, "face"), Marker(50.2, "häuser"))
    assert not caplog.records


def test_stream_with_the_id_nought_is_named_and_chosen_by_it(path: Path) -> None:
    path.write_bytes(xdf.whole(xdf.eeg(0, TIMES, DATA), xdf.eeg(7, TIMES, DATA + 1)))
    with pytest.raises(RecordingError, match=r"\(id 0, EEG"):
        read_recording(path)
    np.testing.assert_array_equal(read_recording(path, stream="0").data, DATA)


def test_volts_are_scaled_and_unknown_units_refused_unless_declared(path: Path) -> None:
    path.write_bytes(xdf.whole(xdf.eeg(1, TIMES, DATA, unit="V")))
    np.testing.assert_allclose(read_recording(path).data, DATA * 1e6)
    path.write_bytes(xdf.whole(xdf.eeg(1, TIMES, DATA, unit="counts")))
    with pytest.raises(UnitError, match=r"channel E0 of stream 'amp' in 'made.xdf'.*'counts'"):
        read_recording(path)
    np.testing.assert_array_equal(read_recording(path, unit="uV").data, DATA)


@pytest.mark.parametrize(("unit", "kind"), [("spikes", "count"), ("a.u.", "au"), ("mV", "uV")])
def test_a_stream_that_is_no_eeg_keeps_its_unit(path: Path, unit: str, kind: str) -> None:
    path.write_bytes(xdf.whole(xdf.eeg(1, TIMES, DATA, kind="Spikes", unit=unit)))
    recording = read_recording(path, stream="amp")
    assert recording.unit == kind
    np.testing.assert_array_equal(recording.data, DATA * (1000 if unit == "mV" else 1))


def test_gap_in_a_regular_stream_is_kept_to_the_sample(path: Path) -> None:
    times = np.concatenate([TIMES[:20], TIMES[20:] + 0.07])
    path.write_bytes(xdf.whole(xdf.eeg(1, times, DATA)))
    chunks = list(read_recording(path).chunks())
    assert [(chunk.first_sample, chunk.gap_before) for chunk in chunks] == [(0, False), (20, True)]


def test_jittered_stamps_become_a_straight_line_up_to_the_gap(path: Path) -> None:
    jitter = np.random.default_rng(0).uniform(-0.012, 0.012, 40)
    times = TIMES + jitter
    times[20:] += 3.0
    path.write_bytes(xdf.whole(xdf.eeg(1, times, DATA)))
    steps = np.diff(read_recording(path).times)
    assert np.ptp(np.delete(steps, 19)) < 1e-2
    assert np.ptp(steps[:19]) < 1e-8
    assert abs(steps[19] - 3.01) < 0.02


def test_several_eeg_streams_are_named_and_one_can_be_chosen(path: Path) -> None:
    path.write_bytes(xdf.whole(xdf.eeg(1, TIMES, DATA, name="left"), xdf.eeg(2, TIMES, DATA + 1, name="right")))
    with pytest.raises(RecordingError, match=r"holds 2.*'left' \(id 1.*'right' \(id 2.*--stream"):
        read_recording(path)
    assert read_recording(path, stream="right").data[0, 0] == 1
    assert read_recording(path, stream="1").data[0, 0] == 0


def test_file_without_eeg_lists_what_it_holds(path: Path) -> None:
    path.write_bytes(xdf.whole(xdf.markers(2, [1.0], ["face"])))
    with pytest.raises(RecordingError, match=r"holds 0.*'events' \(id 2, Markers"):
        read_recording(path)


def test_file_cut_anywhere_is_refused(path: Path) -> None:
    content = xdf.whole(xdf.eeg(1, TIMES, DATA), xdf.markers(2, [50.05], ["face"]))
    last_footer = content.rindex(b"\x04", 0, len(content) - 60)
    for length in range(3, last_footer, 37):
        path.write_bytes(content[:length])
        with pytest.raises(RecordingError):
            read_recording(path)


def test_cut_file_gives_what_is_there_when_asked(path: Path) -> None:
    signal = xdf.eeg(1, TIMES, DATA)
    path.write_bytes(xdf.whole(signal[:-1])[:-10])
    with pytest.raises(RecordingError, match=r"cut or damaged at byte.*--partial"):
        read_recording(path)
    assert read_recording(path, partial=True).n_times == 20


def test_footer_that_counts_more_than_there_is_is_an_error(path: Path) -> None:
    path.write_bytes(xdf.whole(xdf.eeg(1, TIMES, DATA, counted=41)))
    with pytest.raises(RecordingError, match="40 of 41 samples of stream 'amp'"):
        read_recording(path)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"sfreq": "nan"}, "regular rate"),
        ({"sfreq": 0}, "regular rate"),
        ({"sfreq": 1e12}, "regular rate"),
        ({"sfreq": 50}, "says 50 Hz; its time stamps show 100"),
        ({"channel_format": "float99"}, "cannot be read as XDF"),
        ({"channel_count": 10**9}, "made.xdf"),
    ],
)
def test_absurd_headers_are_refused(path: Path, change: dict[str, Any], error: str) -> None:
    path.write_bytes(xdf.whole(xdf.eeg(1, TIMES, DATA, **change)))
    with pytest.raises(RecordingError, match=error):
        read_recording(path)


def test_times_that_fall_are_refused(path: Path) -> None:
    times = np.concatenate([TIMES[:20], TIMES[:20] - 30.0])
    path.write_bytes(xdf.whole(xdf.eeg(1, times, DATA)))
    with pytest.raises(RecordingError, match="must grow"):
        read_recording(path)


def test_packed_files_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "made.xdf.gz"
    path.write_bytes(gzip.compress(xdf.whole(xdf.eeg(1, TIMES, DATA))))
    assert read_recording(path).n_times == 40


def test_packed_file_cut_anywhere_is_refused_and_gives_what_is_there_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "made.xdf.gz"
    times, noise = 50.0 + np.arange(2000) / 100, np.random.default_rng(0).normal(size=(2, 2000))
    content = gzip.compress(xdf.whole(xdf.eeg(1, times, noise.astype(np.float32))))
    for length in range(0, len(content), len(content) // 20):
        path.write_bytes(content[:length])
        with pytest.raises(RecordingError, match=r"made.xdf.gz"):
            read_recording(path)
    path.write_bytes(content[: len(content) * 3 // 4])
    assert read_recording(path, partial=True).n_times == 1000


def test_file_that_is_packed_by_name_only_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.xdfz"
    path.write_bytes(xdf.whole(xdf.eeg(1, TIMES, DATA)))
    with pytest.raises(RecordingError, match="Not a gzipped file"):
        read_recording(path)


@pytest.mark.parametrize("partial", [False, True])
def test_file_with_one_changed_byte_is_read_or_refused(path: Path, partial: bool) -> None:
    content, rng = xdf.whole(xdf.eeg(1, TIMES, DATA), xdf.markers(2, [50.05], ["face"])), np.random.default_rng(0)
    for place in rng.integers(0, len(content), 60):
        path.write_bytes(content[:place] + bytes([content[place] ^ rng.integers(1, 256)]) + content[place + 1 :])
        with suppress(BciError):
            read_recording(path, partial=partial)


@pytest.mark.parametrize(
    ("name", "n_channels", "n_times", "sfreq", "n_markers"),
    [
        ("mentalab_1.xdf", 8, 81344, 250.0, 0),
        ("clock_resets.xdf", 8, 27815, 100.0, 175),
        ("eeglab_test.xdf", 8, 9520, 1000.0, 0),
        ("minimal.xdf", 3, 9, 10.0, 9),
    ],
)
def test_real_recordings_are_read_whole(
    shared_data: Path, name: str, n_channels: int, n_times: int, sfreq: float, n_markers: int
) -> None:
    recording = read_recording(shared_data / "xdf" / name, unit="uV")
    assert recording.data.shape == (n_channels, n_times)
    assert (recording.sfreq, len(recording.markers)) == (sfreq, n_markers)
    assert (np.diff(recording.times) > 0).all()


def test_real_recording_without_eeg_is_refused(shared_data: Path) -> None:
    with pytest.raises(BciError, match="holds 0"):
        read_recording(shared_data / "xdf" / "empty_streams.xdf")
