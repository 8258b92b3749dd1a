"""The player: the samples of the file, exactly, whatever the chunks; and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bci_app.contract.errors import NoStreamError, SettingsError, StreamError
from bci_app.contract.signal import Marker, Recording
from bci_app.streams import replay
from bci_app.streams.lsl import find
from bci_app.streams.lsl_source import LslSource
from bci_app.streams.markers import MarkerInlet
from bci_app.streams.recordings import write_recording
from bci_app.streams.replay import (
    FASTEST,
    Pace,
    ReplayProcess,
    main,
    marker_offsets,
    marker_stream_id,
    play,
    pushes,
    ticks,
)
from tests.streams import xdf_files as xdf
from tests.streams.conftest import counting_recording, pull_samples


def with_gap() -> Recording:
    times = 10.0 + np.concatenate([np.arange(30), np.arange(50, 80)]) / 250.0
    markers = (Marker(10.0, "first"), Marker(10.04, "before"), Marker(10.22, "after"), Marker(99.0, "late"))
    return counting_recording(60, times=times, markers=markers)


def test_ticks_follow_the_recording_over_its_gaps() -> None:
    np.testing.assert_array_equal(ticks(with_gap()), [*range(30), *range(50, 80)])


@pytest.mark.parametrize("chunk", [1, 7, "random"])
def test_pushes_give_every_sample_once_and_stop_at_gaps(chunk: Any) -> None:
    recording = with_gap()
    cut = list(pushes(recording, Pace(chunk=chunk, seed=3)))
    np.testing.assert_array_equal(np.hstack([push.data for push in cut]), recording.data)
    assert 29 in [push.last_tick for push in cut]


def test_random_chunks_depend_on_the_seed_alone() -> None:
    recording = counting_recording(500)
    sizes = [[push.data.shape[1] for push in pushes(recording, Pace(chunk="random", seed=seed))] for seed in (1, 1, 2)]
    assert sizes[0] == sizes[1] != sizes[2]
    assert len(set(sizes[0])) > 5


def test_markers_keep_their_place_among_the_samples() -> None:
    offsets = [offset for offset, _ in marker_offsets(with_gap())]
    np.testing.assert_allclose(offsets, [0.0, 0.04, 0.22, 79 / 250], atol=1e-12)


@pytest.mark.parametrize("wrong", [{"speed": -1.0}, {"speed": float("nan")}, {"chunk": 0}, {"wait_s": -1.0}])
def test_pace_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="A replay needs"):
        Pace(**wrong)


def test_random_chunks_over_lsl_give_the_exact_samples_and_times_of_the_file(
    tmp_path: Path, opened: Callable[[Any], Any]
) -> None:
    markers = tuple(Marker(10.0 + number / 250.0, f"at {number}") for number in (0, 3, 500, 1499))
    recording = counting_recording(1500, markers=markers)
    write_recording(recording, tmp_path / "run.npz")
    process = opened(ReplayProcess(tmp_path / "run.npz", pace=Pace(speed=10.0, chunk="random", seed=5)))
    inlet = opened(MarkerInlet(process.marker_description))
    source = opened(LslSource(process.description))
    chunks = pull_samples(source, 1500)
    got: list[Marker] = []
    while len(got) < 4:
        got += inlet.pull(1.0)
    process.wait(10.0)
    np.testing.assert_array_equal(np.hstack([chunk.data for chunk in chunks]), recording.data)
    assert not any(chunk.gap_before for chunk in chunks)
    times = np.hstack([chunk.times for chunk in chunks])
    np.testing.assert_allclose(times - times[0], np.arange(1500) / 250.0, atol=2e-3)
    assert [marker.label for marker in got] == ["at 0", "at 3", "at 500", "at 1499"]
    np.testing.assert_allclose([marker.time for marker in got], times[[0, 3, 500, 1499]], atol=2e-3)
    source.close()
    inlet.close()


def test_gap_of_the_recording_arrives_as_a_gap(opened: Callable[[Any], Any]) -> None:
    recording, stop = with_gap(), threading.Event()
    player = threading.Thread(target=play, args=(recording, "gappy", "gappy-1", Pace(speed=1.0), stop))
    player.start()
    try:
        source = opened(LslSource(find(source_id="gappy-1")))
        opened(MarkerInlet(find(source_id=marker_stream_id("gappy-1"))))
        chunks = pull_samples(source, 60)
        assert [chunk.first_sample for chunk in chunks if chunk.gap_before] == [30]
    finally:
        stop.set()
        player.join()


def test_replay_waits_for_a_listener_and_says_when_nobody_comes() -> None:
    with pytest.raises(NoStreamError, match=r"'lonely'; nobody did within 0.3 s"):
        play(counting_recording(10), "lonely", "lonely-1", Pace(wait_s=0.3), threading.Event())


def test_recording_that_cannot_be_read_is_told_in_the_words_of_the_reader(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"none.npz' does not exist"):
        ReplayProcess(tmp_path / "none.npz")


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_child_ends_with_its_parent(tmp_path: Path) -> None:
    write_recording(counting_recording(5000), tmp_path / "run.npz")
    code = (
        "import os, sys; from pathlib import Path; from bci_app.streams.replay import ReplayProcess;"
        "replay = ReplayProcess(Path(sys.argv[1])); print(replay._process.pid, flush=True); os._exit(9)"
    )
    parent = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run.npz")], capture_output=True, text=True)
    assert parent.returncode == 9, parent.stderr
    child, deadline = int(parent.stdout), time.monotonic() + 5.0
    while is_running(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


def test_close_ends_a_replay_that_nobody_listens_to(tmp_path: Path) -> None:
    write_recording(counting_recording(5000), tmp_path / "run.npz")
    with ReplayProcess(tmp_path / "run.npz") as process:
        assert process.running
    assert not process.running
    process.close()


def test_replay_that_is_killed_says_so_and_one_that_is_closed_does_not(
    tmp_path: Path, opened: Callable[[Any], Any]
) -> None:
    write_recording(counting_recording(5000), tmp_path / "run.npz")
    killed, closed = (opened(ReplayProcess(tmp_path / "run.npz", pace=Pace(speed=speed))) for speed in (0.0, 2.0))
    assert (killed.speed, closed.speed) == (FASTEST, 2.0)
    assert killed.failure == closed.failure == ""
    psutil.Process(killed._process.pid).kill()
    with pytest.raises(StreamError, match="ended with status"):
        killed.wait(5.0)
    killed.close()
    closed.close()
    assert "something stopped or killed it" in killed.failure
    assert closed.failure == ""


def test_failure_is_the_last_words_of_the_child_and_a_played_recording_is_none(
    tmp_path: Path, opened: Callable[[Any], Any]
) -> None:
    write_recording(counting_recording(400), tmp_path / "run.npz")
    lonely = opened(ReplayProcess(tmp_path / "run.npz", pace=Pace(wait_s=2.0)))
    played = opened(ReplayProcess(tmp_path / "run.npz", pace=Pace(wait_s=0.0)))
    played.wait(10.0)
    with pytest.raises(StreamError, match="nobody did"):
        lonely.wait(10.0)
    assert "Start the receiver" in lonely.failure
    assert played.failure == ""


def test_cut_recording_is_played_when_asked(tmp_path: Path, opened: Callable[[Any], Any]) -> None:
    path = tmp_path / "cut.xdf"
    signal = xdf.eeg(1, 50.0 + np.arange(40) / 100, np.zeros((2, 40), np.float32))
    path.write_bytes(xdf.whole(signal[:-1])[:-10])
    with pytest.raises(StreamError, match="--partial"):
        ReplayProcess(path)
    assert opened(ReplayProcess(path, partial=True)).description.n_channels == 2


def test_whatever_else_goes_wrong_in_the_child_is_one_sentence_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> None:
        raise MemoryError("no room for\n8 TiB")

    monkeypatch.setattr(replay, "read_recording", read)
    assert main([str(tmp_path / "big.npz")]) == 1
    assert capsys.readouterr().err.startswith("The replay of 'big.npz' failed: MemoryError: no room for 8 TiB.")


def test_command_line_reports_errors_in_one_paragraph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.npz")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
