"""What is recorded is what came; a crash, a cut file and a full disk leave the rest readable."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import RecordingError
from bci_app.contract.lines import read_lines
from bci_app.contract.signal import Marker
from bci_app.engine import recorder as recorder_module
from bci_app.engine.recorder import WINDOWS, Recorder
from bci_app.engine.views import Reconstruction
from bci_app.streams.run_folder import read_run
from tests.engine.conftest import CHANNELS, SFREQ, chunked, moving

ROOT = Path(__file__).parents[2]


def new_recorder(folder: Path) -> tuple[Recorder, list[str], list[str]]:
    problems: list[str] = []
    failures: list[str] = []
    return Recorder(folder, CHANNELS, SFREQ, problems.append, failures.append), problems, failures


def record(folder: Path, data: np.ndarray) -> None:
    """A finished recording of `data` with two markers, a trial and a picture."""
    recorder, problems, failures = new_recorder(folder)
    recorder.start()
    for chunk in chunked(data):
        recorder.raw(chunk)
    for time_s, label in ((1001.0, "shown/shapes/red-square/0"), (1002.0, "zwölf")):
        recorder.marker(Marker(time_s, label))
    recorder.trial({"trial": 0, "picture": None, "marker": "zwölf", "identified": None})
    recorder.picture("trial_0000_read", np.full((4, 6, 3), 7, np.uint8))
    recorder.stop()
    assert recorder.join(5.0)
    assert problems == failures == []


def test_raw_bytes_are_exactly_the_samples_and_read_back_as_they_were(tmp_path: Path) -> None:
    data = moving(500)
    record(tmp_path, data)
    assert (tmp_path / "eeg.f32").read_bytes() == np.ascontiguousarray(data.T).tobytes()
    recording = read_run(tmp_path)
    np.testing.assert_array_equal(recording.data, data)
    np.testing.assert_array_equal(recording.times, 1000 + np.arange(500) / SFREQ)
    assert (recording.channels, recording.sfreq) == (CHANNELS, SFREQ)
    assert [marker.label for marker in recording.markers] == ["shown/shapes/red-square/0", "zwölf"]
    assert json.loads((tmp_path / "trials.jsonl").read_text("utf-8"))["trial"] == 0
    image = np.asarray(Image.open(tmp_path / "pictures" / "trial_0000_read.png"))
    np.testing.assert_array_equal(image, np.full((4, 6, 3), 7, np.uint8))


def test_each_sliding_window_is_kept_with_its_latent_and_its_picture(tmp_path: Path) -> None:
    recorder, problems, failures = new_recorder(tmp_path)
    recorder.start()
    for number in range(3):
        image, latent = np.full((4, 4, 3), 50 * number, np.uint8), np.array([number, 0.5], np.float32)
        nothing = (None, None, 1.0, 1.0, 1.0, 1.0)
        recorder.window(Reconstruction(image, latent, *nothing, sampled_s=7.5 + number, first_sample=40, model="d abc"))
    recorder.stop()
    assert recorder.join(5.0)
    assert problems == failures == []
    assert read_lines(tmp_path / WINDOWS) == [
        {"window": n, "first_sample": 40, "until_s": 7.5 + n, "model": "d abc", "latent_read": [n, 0.5]}
        for n in range(3)
    ]
    picture = np.asarray(Image.open(tmp_path / "pictures" / "window_000002_read.png"))
    np.testing.assert_array_equal(picture, np.full((4, 4, 3), 100, np.uint8))


def test_files_cut_at_any_byte_give_all_whole_rows_and_lines(tmp_path: Path) -> None:
    data = moving(30)
    (tmp_path / "whole").mkdir()
    record(tmp_path / "whole", data)
    for name in ("eeg.f32", "eeg_times.f64", "markers.jsonl"):
        size = (tmp_path / "whole" / name).stat().st_size
        for cut in (0, 1, size // 2 + 1, size - 1):
            copy = tmp_path / f"{name}-{cut}"
            shutil.copytree(tmp_path / "whole", copy)
            with (copy / name).open("r+b") as file:
                file.truncate(cut)
            recording = read_run(copy)
            n = {"eeg.f32": cut // 16, "eeg_times.f64": cut // 8}.get(name, 30)
            np.testing.assert_array_equal(recording.data, data[:, :n])
            assert recording.times.size == n
            lines = (copy / "markers.jsonl").read_bytes().split(b"\n")
            assert len(recording.markers) == sum(line.endswith(b"}") for line in lines)


@pytest.mark.parametrize("break_it", ["no json", "no signal", "no channels", "clock set back"])
def test_what_is_no_run_folder_is_refused_in_words(tmp_path: Path, break_it: str) -> None:
    record(tmp_path, moving(30))
    if break_it == "no json":
        (tmp_path / "eeg.json").unlink()
    elif break_it == "no signal":
        (tmp_path / "eeg.f32").unlink()
    elif break_it == "no channels":
        (tmp_path / "eeg.json").write_text('{"channels": [], "sfreq": 100}')
    else:
        np.full(30, 7.0).tofile(tmp_path / "eeg_times.f64")
    with pytest.raises(RecordingError, match=r"A run folder holds.*cannot be read.*Choose another"):
        read_run(tmp_path)


CRASHING = """
import numpy as np, os, sys, time
from pathlib import Path
from bci_app.contract.signal import Chunk
from bci_app.engine.recorder import Recorder
recorder = Recorder(Path(sys.argv[1]), ("number", "b", "c"), 1000.0, print, print)
recorder.start()
n = 0
while True:
    data = np.tile(np.arange(n, n + 7, dtype=np.float32), (3, 1))
    recorder.raw(Chunk(data, time.monotonic() + 1e-6 * np.arange(7), n))
    recorder.trial({"trial": n})
    n += 7
    time.sleep(0.002)
"""


def test_a_folder_that_was_killed_before_the_first_sample_opens_without_one(tmp_path: Path) -> None:
    new_recorder(tmp_path)
    recording = read_run(tmp_path)
    assert (recording.n_times, recording.channels, recording.sfreq) == (0, CHANNELS, SFREQ)


def test_after_kill_nine_all_but_the_last_second_can_be_read(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CRASHING, str(tmp_path)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 20
        trials = tmp_path / "trials.jsonl"  # fills no buffer in that time: what is there was flushed
        while not (trials.exists() and trials.stat().st_size > 2000):
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.02)
    finally:
        killed_at = time.monotonic()
        child.kill()
        child.wait()
    recording = read_run(tmp_path)
    assert killed_at - recording.times[-1] < 1.0
    np.testing.assert_array_equal(recording.data[2], np.arange(recording.n_times))
    read = [entry["trial"] for entry in read_lines(trials)]
    assert read == list(range(0, 7 * len(read), 7))
    assert len(read) > 50


class FullDisk:
    """A file on a disk without space: it takes bytes and refuses them when they are flushed."""

    def __new__(cls, name: str = "") -> object:
        return Path("/dev/full").open("ab")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("size", [10, 20_000])
def test_a_full_disk_ends_the_session_with_one_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    recorder, problems, failures = new_recorder(tmp_path)
    monkeypatch.setattr(recorder, "_file", lambda name: recorder._files.setdefault(name, FullDisk()))
    recorder.raw(chunked(moving(size), size=size)[0])
    recorder.start()
    assert recorder.join(5.0)
    assert len(failures) == 1
    assert "writing failed: No space left on device" in failures[0]
    assert "so far is kept. Free space" in failures[0]
    assert problems == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_at_the_very_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, problems, failures = new_recorder(tmp_path)
    monkeypatch.setattr(recorder, "_file", lambda name: recorder._files.setdefault(name, FullDisk()))
    recorder.raw(chunked(moving(10))[0])
    recorder.close()
    assert len(problems) == 1
    assert "No space left on device" in problems[0]
    assert failures == []


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match=r"writing failed: .*Free space"):
        new_recorder(tmp_path / "file")


@pytest.mark.parametrize("at_the_end", [False, True])
def test_the_signal_is_written_before_what_was_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_the_end: bool
) -> None:
    recorder, _, _ = new_recorder(tmp_path)
    written: list[str] = []
    monkeypatch.setattr(recorder, "_write", lambda name, content: written.append(name))
    recorder.trial({"trial": 0})
    recorder.picture("trial_0000_read", np.zeros((4, 4, 3), np.uint8))
    for chunk in chunked(moving(40)):
        recorder.raw(chunk)
    recorder.marker(Marker(1000.0, "m"))
    if at_the_end:
        recorder.close()
    else:
        assert recorder.step()
    assert written == ["raw", "raw", "markers.jsonl", "trials.jsonl", "pictures/trial_0000_read.png"]


def test_where_too_much_waits_what_was_read_is_lost_before_the_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_QUEUE", 8)
    recorder, problems, _ = new_recorder(tmp_path)
    for number in range(10):
        recorder.trial({"trial": number})
    assert len(problems) == 1
    assert "what was read, not the signal itself" in problems[0]
    for chunk in chunked(moving(60)):
        recorder.raw(chunk)
    assert len(problems) == 2
    assert "samples and markers" in problems[1]
    recorder.close()
    assert [line["trial"] for line in read_lines(tmp_path / "trials.jsonl")] == list(range(6))
    assert read_run(tmp_path).n_times == 2 * 20


def test_a_queue_that_is_full_is_told_once_and_never_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "_QUEUE", 5)
    recorder, problems, _ = new_recorder(tmp_path)
    writer = threading.Thread(target=lambda: [recorder.raw(chunk) for chunk in chunked(moving(400))])
    writer.start()
    writer.join(2.0)
    assert not writer.is_alive()
    assert len(problems) == 1
    assert "newest are being lost" in problems[0]
    recorder.close()
    assert read_run(tmp_path).n_times == 5 * 20
