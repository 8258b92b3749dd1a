"""The journeys of what is kept: reports, exports, a participant's data, a session without a window, and the doctor."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import yaml

from bci_app.contract.lines import read_lines
from bci_app.engine import doctor, evolution_presenter
from bci_app.engine.doctor import Check
from bci_app.engine.sessions import files_in, list_sessions
from bci_app.streams.recordings import read_recording
from bci_app.streams.run_folder import read_run
from tests.engine.test_participants import all_files, new_session
from tests.engine.test_reopening import record
from tests.journeys.conftest import CHANNELS, SFREQ, Command
from tests.sender import Sender

ROOT = Path(__file__).parents[2]
WITHOUT_QT = """
import sys
for name in ("PySide6", "pyqtgraph"):
    sys.modules[name] = None
from bci_app.cli import main
from bci_app.streams import lsl
lsl._WAVE_S = 0.3
main()
"""


def headless(config: Path, *arguments: object) -> subprocess.Popen[str]:
    """``bci-app run --headless CONFIG`` in a process in which Qt cannot be imported, and which hears Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-c", WITHOUT_QT, "run", "--headless", str(config), *map(str, arguments)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"HOME": str(config.parent)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def test_without_a_window_and_without_qt_a_session_leaves_the_same_files_and_ends_at_ctrl_c(
    tmp_path: Path, bundles: dict[str, Path]
) -> None:
    home = tmp_path / "anna.smith"
    shutil.copytree(bundles["trials"], home / "decoder")
    with Sender(CHANNELS, SFREQ, marker_every_s=0.2) as sender:
        stream = {"source_id": sender.source_id, "markers": f"{sender.name} markers"}
        models = {"decoder": str(home / "decoder"), "generator": str(bundles["generator"])}
        (home / "run.yaml").write_text(yaml.safe_dump({"stream": stream, **models, "participant": "P07"}))
        process = headless(home / "run.yaml", "--folder", tmp_path / "runs")
        deadline = time.monotonic() + 60
        while len(read_lines(next(iter((tmp_path / "runs").glob("*/trials.jsonl")), Path("none")))) < 1:
            assert time.monotonic() < deadline, process.communicate()
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert err.startswith("Connected")
    assert "The session was closed before its end." in out
    (run,) = (tmp_path / "runs").iterdir()
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    assert summary["counts"]["read"] >= 1
    assert {"decoder", "generator", "total software"} <= set(summary["latency_ms"])
    (entry,) = list_sessions(tmp_path / "runs")
    assert (entry.state, entry.participant, entry.has_report) == ("complete", "P07", True)
    assert read_run(run).n_times > 50
    for file in files_in(run):
        for personal in ("anna.smith", sender.source_id):
            assert personal.encode() not in file.read_bytes(), file


def test_what_needs_a_screen_is_refused_without_one(tmp_path: Path, command: Command) -> None:
    settings = tmp_path / "s.yaml"
    settings.write_text("presentation: {n_trials: 4}\n")
    assert "Leave presentation out" in command("run", "--headless", settings).complaint()
    assert "one file" in command("run", "--headless", settings, "--config", settings).complaint()
    settings.write_text("response: {kind: rating}\n")
    assert "Only the unit of an image model" in command("evolve", "--headless", settings).complaint()
    assert "Use a code such as P07" in command("run", "--participant", "Anna Smith").complaint()
    assert "Note: 'Anna' may be a name." in command("run", "--participant", "Anna").err
    assert "may be a name" not in command("run", "--participant", "P07").err


def test_a_unit_is_evolved_without_a_window(
    tmp_path: Path, bundles: dict[str, Path], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evolution_presenter, "_READY_S", 0.05)
    settings = {
        "response": {"kind": "unit"}, "generator": str(bundles["generator"]), "n_generations": 1,
        "optimiser": {"kind": "genetic", "population": 4}, "references": {"n_natural": 1, "n_prior": 1},
        "timing": {"show_s": 0.004, "blank_s": 0.004, "jitter_s": 0.0},
        "limits": {"max_rate_hz": 30, "allow_flashing": True},
    }  # fmt: skip
    (tmp_path / "e.yaml").write_text(yaml.safe_dump(settings))
    outcome = command("evolve", "--headless", tmp_path / "e.yaml", "--folder", tmp_path / "runs")
    assert outcome.status == 0, outcome.err
    assert "Generation 1 is scored." in outcome.err
    (entry,) = list_sessions(tmp_path / "runs")
    assert (entry.kind, entry.state) == ("evolution", "complete")
    assert not (entry.folder / "window.png").exists()


def test_a_session_is_reported_and_exported(tmp_path: Path, command: Command) -> None:
    run = new_session(tmp_path / "runs", "run-20261126-101112", "P07", ended=False)
    assert "not whole" in command("report", run).complaint(), "it has no decoder"
    (run / "session.json").unlink()
    record(run)
    outcome = command("export", run, "--out", tmp_path / "out", "--subject", "P07")
    assert outcome.status == 0, outcome.err
    path = tmp_path / "out" / "sub-P07_task-signal_run-01.xdf"
    assert outcome.out == f"Exported: {path}\n"
    assert read_recording(path).n_times == 200
    assert "code" in command("export", run, "--subject", "Anna Smith").complaint()
    assert "holds session.json" in command("report", tmp_path).complaint()


def test_a_participants_data_are_exported_whole_and_deleted_whole(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    mine, others = new_session(runs, "run-1", "P07"), new_session(runs, "run-2", "P08")
    kept = all_files(mine), all_files(others)
    outcome = command("participant", "export", "P07", "--folder", runs, "--out", tmp_path / "P07.zip")
    assert outcome.status == 0, outcome.err
    with zipfile.ZipFile(tmp_path / "P07.zip") as archive:
        assert {name: archive.read(f"run-1/{name}") for name in kept[0]} == kept[0]
        assert len(archive.namelist()) == len(kept[0]) + 1
    for arguments, words in (([], "Give it with --yes P07"), (["--yes", "P08"], "Nothing was deleted")):
        assert words in command("participant", "delete", "P07", "--folder", runs, *arguments).complaint()
    assert all_files(mine) == kept[0]
    outcome = command("participant", "delete", "P07", "--folder", runs, "--yes", "P07")
    assert outcome.status == 0, outcome.err
    assert f"Deleted: {mine}" in outcome.out
    assert not mine.exists()
    assert all_files(others) == kept[1]


def test_the_doctor_says_what_was_found_and_status_1_that_something_is_wrong(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = Check("disk", "[red]free[/]", "0 GB", "wrong", "Free space.")
    monkeypatch.setattr(doctor, "examine", lambda runs, *_: [Check("disk", "folder of runs", str(runs))])
    outcome = command("doctor", "--folder", tmp_path, "--json")
    assert outcome.status == 0, outcome.out
    (check,) = json.loads(outcome.out)
    assert check == {"topic": "disk", "name": "folder of runs", "value": str(tmp_path), "state": "fine", "advice": ""}
    assert "Nothing that a session needs is wrong." in command("doctor").out
    monkeypatch.setattr(doctor, "examine", lambda *_: [free])
    outcome = command("doctor")
    assert outcome.status == 1
    assert "WRONG: [red]free[/]: Free space." in outcome.out
    assert "Nothing that a session needs" not in outcome.out
