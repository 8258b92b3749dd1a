"""The journeys of a user for whom all goes well: demo, replay, check, streams, help."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from bci_app.bundles import shipped
from bci_app.contract.bundle import open_bundle
from bci_app.contract.lines import read_lines
from bci_app.contract.signal import Marker, Recording
from bci_app.streams.recordings import write_recording
from bci_app.streams.run_folder import read_run
from tests.journeys.conftest import CHANNELS, SFREQ, Command
from tests.sender import Sender

ROOT = Path(__file__).parents[2]


def demo_settings(path: Path, generator: Path | None = None, **presentation: Any) -> Path:
    """A demo of seconds: 16 channels, 100 pictures of calibration, one picture every 0.6 s."""
    settings: dict[str, Any] = {
        "participant": {"n_channels": 16, "snr": 1.0, "drop_out_rate_hz": 0.0},
        "calibration_trials": 100,
        "session": {"presentation": {"soa_s": 0.6, "show_s": 0.3, **presentation}},
    }
    if generator is not None:
        settings["session"]["generator"] = str(generator)
    path.write_text(yaml.safe_dump(settings))
    return path


def test_the_demo_reads_pictures_and_its_run_can_be_replayed(
    tmp_path: Path, bundles: dict[str, Path], command: Command
) -> None:
    config = demo_settings(tmp_path / "demo.yaml", bundles["generator"])
    outcome = command("demo", "--config", config, "--trials", "6", "--folder", tmp_path / "runs", "--offscreen")
    assert outcome.status == 0, outcome.err
    (run,) = (tmp_path / "runs").iterdir()
    assert outcome.out.startswith("All 6 trials were read. In 6 single trials the picture shown was identified")
    assert f"Report: {run / 'report.html'}" in outcome.out
    for step in ("recording the calibration ...", "cross-validating ...", "waking the participant ..."):
        assert outcome.err.count(step) == 1
    for noise in ("propagateSizeHints", "Traceback", "WARNING", "Error"):
        assert noise not in outcome.err
    check_results(run)
    replay_reads_the_same(run, bundles["generator"], command)


def check_results(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    assert not summary["failed"]
    assert summary["identification"]["n_trials"] == summary["counts"]["read"] == 6
    assert summary["watermark"] == "SIMULATED PARTICIPANT"
    assert summary["counts"]["gaps"] == summary["counts"]["markers_without_trial"] == 0
    assert 1 < summary["first_picture_after_s"] < 600
    page = (run / "report.html").read_text("utf-8")
    assert page.count('alt="read from EEG"') == 6
    assert "SIMULATED PARTICIPANT" in page
    with Image.open(run / "window.png") as window:
        assert window.width >= 1100
        assert len(window.convert("RGB").resize((64, 36)).getcolors(64 * 36) or []) > 50
    metrics = open_bundle(run / "decoder").manifest.metrics
    assert metrics[0].noise_input is not None


def replay_reads_the_same(run: Path, generator: Path, command: Command) -> None:
    """The raw recording, played over LSL at five times its speed, gives the latents that were read live, and their scores."""
    again = run.parent.parent / "again"
    outcome = command(
        "replay", run, "--decoder", run / "decoder", "--generator", generator, "--speed", "5", "--folder", again,
        "--offscreen",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert "The recording has ended. In 6 single trials" in outcome.out
    assert "WARNING" not in outcome.err
    (second,) = again.iterdir()
    read = [np.array([each["latent_read"] for each in read_lines(at / "trials.jsonl")]) for at in (run, second)]
    same = np.isclose(read[1], read[0], atol=1e-5).all(axis=1)
    assert same.sum() >= 5, "live stamps jitter by 20 us: one onset may lie so close to the middle of two samples"
    np.testing.assert_array_equal(read_run(second).data, read_run(run).data)
    summary = json.loads((second / "summary.json").read_text("utf-8"))
    assert summary["watermark"] == "REPLAY"
    assert summary["problems"] == []
    first = json.loads((run / "summary.json").read_text("utf-8"))
    assert summary["identification"]["n_trials"] == 6
    assert not same.all() or summary["identification"] == first["identification"]


def start(*arguments: object) -> subprocess.Popen[str]:
    """The program in a process group of its own, as a terminal starts it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "bci_app", *map(str, arguments)], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=_heed_interrupts,
    )  # fmt: skip


def _heed_interrupts() -> None:
    """A terminal lets its programs hear Ctrl-C; one that runs these tests in the background does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Ctrl-C in the terminal: to the whole group. What was printed until the end."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        return process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are another thing there")
def test_ctrl_c_in_the_demo_keeps_what_was_recorded_and_writes_the_report(tmp_path: Path) -> None:
    config = demo_settings(tmp_path / "demo.yaml", n_trials=500)  # with the generator that comes with the program
    process = start("demo", "--config", config, "--folder", tmp_path / "runs", "--offscreen")
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in (tmp_path / "runs").glob("*/trials.jsonl")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    out, err = interrupt(process)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "propagateSizeHints" not in err
    assert "The session was closed before its end." in out
    (run,) = (tmp_path / "runs").iterdir()
    n = len(read_lines(run / "trials.jsonl"))
    assert n >= 1
    assert json.loads((run / "summary.json").read_text("utf-8"))["identification"]["n_trials"] == n
    assert (run / "report.html").read_text("utf-8").count('alt="read from EEG"') == n
    assert read_run(run).n_times > 0
    assert (run / "window.png").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are another thing there")
def test_ctrl_c_during_the_calibration_just_stops(tmp_path: Path, bundles: dict[str, Path]) -> None:
    config = demo_settings(tmp_path / "demo.yaml", bundles["generator"])
    process = start("demo", "--config", config, "--folder", tmp_path / "runs")
    assert process.stderr is not None
    while "recording the calibration" not in process.stderr.readline():
        assert process.poll() is None
    _, err = interrupt(process)
    assert process.returncode == 130
    assert err.rstrip().endswith("Stopped.")
    assert "Traceback" not in err


def test_a_recording_with_markers_is_replayed_and_read(
    tmp_path: Path, bundles: dict[str, Path], command: Command
) -> None:
    times = np.arange(600) / SFREQ
    data = np.random.default_rng(0).normal(0, 20, (4, 600)).astype(np.float32)
    markers = tuple(Marker(0.5 + 0.5 * i, f"face {i}") for i in range(9))
    write_recording(Recording(data, times, CHANNELS, SFREQ, markers, "faces"), tmp_path / "faces.npz")
    outcome = command(
        "replay", tmp_path / "faces.npz", "--decoder", bundles["trials"], "--generator", bundles["generator"],
        "--speed", "6", "--folder", tmp_path / "runs", "--offscreen", "--light",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert "The recording has ended. 9 pictures were read from the EEG" in outcome.out
    (run,) = (tmp_path / "runs").iterdir()
    assert [entry["marker"] for entry in read_lines(run / "trials.jsonl")] == [f"face {i}" for i in range(9)]


def test_the_shipped_generator_is_sound(command: Command) -> None:
    outcome = command("check", shipped("pictures64"))
    assert outcome.status == 0, outcome.err
    assert "Bundle 'pictures64' (generator) is sound." in outcome.out
    assert "Golden vectors agree on: CPU" in outcome.out or "on: GPU" in outcome.out
    assert "chance" in outcome.out


def test_check_names_the_layers_of_an_image_model(command: Command) -> None:
    outcome = command("check", shipped("classifier64"))
    assert outcome.status == 0, outcome.err
    assert "Bundle 'classifier64' (image-model) is sound." in outcome.out
    assert "rectified4 (128 x 4 x 4)" in outcome.out
    assert "Latent space" not in outcome.out


def test_check_shows_the_figures_of_a_decoder(bundles: dict[str, Path], command: Command) -> None:
    outcome = command("check", bundles["trials"])
    assert outcome.status == 0, outcome.err
    assert "Bundle 'tiny decoder' (eeg-decoder) is sound." in outcome.out


def test_streams_lists_what_is_there_whole_and_harmless(command: Command) -> None:
    with Sender(CHANNELS, SFREQ, name="Muse [bold]\x1b[31m", marker_every_s=1.0) as sender:
        outcome = command("streams", "--for", "0.3")
    assert outcome.status == 0, outcome.err
    joined = "".join(line.replace("│", " ") for line in outcome.out.split())
    assert "Muse" in outcome.out
    assert "[bold]" in joined
    assert "\x1b" not in outcome.out
    assert "100" in outcome.out
    assert "text" in outcome.out
    cells = [line.split("│")[-2].strip() for line in outcome.out.splitlines() if line.count("│") > 3]
    assert sender.source_id in "".join(cells)


COMMANDS = ("demo", "calibrate", "run", "replay", "check", "streams", "report", "export", "participant", "doctor")


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_every_command_explains_itself(command: Command, name: str | None) -> None:
    outcome = command(*([name] if name else []), "--help")
    assert outcome.status == 0
    assert len(outcome.out) > 200
    if name is None:
        assert all(each in outcome.out for each in COMMANDS)
        assert "not a medical device" in outcome.out
        assert command().out.split() == outcome.out.split()


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['bci-app', 'run', '--help']\n"
        "from bci_app.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'scipy', 'onnxruntime', 'pylsl', 'PySide6', 'mne', 'sklearn', 'matplotlib'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules)))) if heavy & set(sys.modules) else None"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_mistyped_command_is_answered_with_help(command: Command) -> None:
    outcome = command("demmo")
    assert outcome.status == 2
    assert "No such command 'demmo'" in outcome.err
