"""The journeys of a user who evolves pictures: the demo, a kill, Ctrl-C, going on, a participant who is suddenly gone."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from bci_app.contract.lines import read_lines
from bci_app.engine import evolution_presenter, evolution_truth
from bci_app.engine.evolution_demo import EvolutionDemoSettings, saved_demo
from bci_app.engine.settings import read_settings
from tests.journeys.conftest import CHANNELS, SFREQ, Command
from tests.journeys.test_demo import start
from tests.sender import Sender
from tests.tiny import tiny_generator

QUICK: dict[str, Any] = {
    "optimiser": {"kind": "genetic", "population": 3},
    "timing": {"show_s": 0.03, "blank_s": 0.03, "jitter_s": 0.0},
    "limits": {"max_rate_hz": 20.0, "allow_flashing": True},
    "references": {"n_natural": 1, "n_prior": 1},
}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second before the first picture is meant for people; the truth of a tiny generator needs few pictures."""
    monkeypatch.setattr(evolution_presenter, "_READY_S", 0.1)
    monkeypatch.setattr(evolution_truth, "N_PRIOR", 40)


def demo_config(path: Path, generator: Path) -> Path:
    """A demo of a tiny generator with sixteen pictures a second."""
    component = {"kind": "component", "start_s": 0.1, "stop_s": 0.2, "baseline_s": None}
    participant = {"n_channels": 16, "drop_out_rate_hz": 0.0, "pop_rate_hz": 0.0, "preference": {}}
    evolution = QUICK | {"response": component, "generator": str(generator), "stream": {"give_up_s": 1.0}}
    path.write_text(yaml.safe_dump({"participant": participant, "evolution": evolution}))
    return path


def states(run: Path) -> list[Path]:
    return sorted(run.glob("generations/g*.npz"))


def wait_for_generations(folder: Path, n: int, alive: Callable[[], bool] = lambda: True) -> Path:
    """The run in `folder`, once it has the states of `n` generations."""
    deadline = time.monotonic() + 40
    while len(list(folder.glob("*/generations/g*.npz"))) < n:
        assert alive()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (run,) = folder.iterdir()
    return run


def meanwhile(act: Callable[[], None]) -> threading.Thread:
    """`act` in a thread of its own."""
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_a_demo_survives_a_participant_who_leaves_and_tells_the_truth(
    tmp_path: Path, bundles: dict[str, Path], command: Command
) -> None:
    config, folder = demo_config(tmp_path / "demo.yaml", bundles["generator"]), tmp_path / "runs"
    leaving = meanwhile(lambda: end_the_participant(folder, 3))
    outcome = command("demo", "--evolve", "--config", config, "--folder", folder, "--offscreen")
    leaving.join()
    assert outcome.status == 1
    (run,) = folder.iterdir()
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    assert "none came for 1 s" in summary["ended"]
    assert any("pictures are held" in problem for problem in summary["problems"])
    n = summary["generations"]["scored"]
    assert n == len(states(run)) - 1 >= 2
    assert f"Go on with it: bci-app demo --evolve --resume {run}" in outcome.out
    assert f"after {n} generations" in outcome.out

    truth = json.loads((run / "truth.json").read_text("utf-8"))
    assert truth["generations"] == n
    assert -1 <= truth["features"]["estimate"] <= 1
    assert "hidden picture" in (run / "report.html").read_text("utf-8")
    assert saved_demo(run) == read_settings(EvolutionDemoSettings, config)


def end_the_participant(folder: Path, n: int) -> None:
    """Kill the participant's process once the run in `folder` has `n` states."""
    wait_for_generations(folder, n)
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "bci_app.simulation" in child.cmdline():
                child.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is another thing there")
def test_an_evolution_that_is_killed_loses_at_most_the_generation_on_show(
    tmp_path: Path, evolve_config: Path, command: Command
) -> None:
    folder = tmp_path / "runs"
    process = start("evolve", "--config", evolve_config, "--folder", folder, "--offscreen")
    run = wait_for_generations(folder, 3, lambda: process.poll() is None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kept = {path.name: path.read_bytes() for path in states(run)}
    on_show = max(entry["generation"] for entry in read_lines(run / "responses.jsonl"))
    outcome = command("evolve", "--resume", run, "--generations", len(kept) + 1, "--offscreen")
    assert outcome.status == 0, outcome.err
    assert f"All {len(kept) + 1} generations were scored." in outcome.out
    assert {name: (run / "generations" / name).read_bytes() for name in kept} == kept
    (resumed,) = json.loads((run / "session.json").read_text("utf-8"))["resumed"]
    assert resumed["generation"] >= on_show, "the generation on show was begun again, none before it"
    numbers = [entry["number"] for entry in read_lines(run / "responses.jsonl")]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
def test_ctrl_c_keeps_the_state_and_another_run_cannot_go_on_with_it(
    tmp_path: Path, evolve_config: Path, command: Command
) -> None:
    folder = tmp_path / "runs"

    def press() -> None:
        wait_for_generations(folder, 2)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = meanwhile(press)
    outcome = command("evolve", "--config", evolve_config, "--folder", folder, "--offscreen")
    pressing.join()
    assert outcome.status == 0, outcome.err
    (run,) = folder.iterdir()
    assert len(states(run)) >= 2
    assert "The session was closed before its end." in outcome.out
    assert f"Go on with it: bci-app evolve --resume {run}" in outcome.out
    refused = command("evolve", "--resume", run, "--population", 4, "--offscreen")
    assert "optimiser was" in refused.complaint()


@pytest.fixture
def evolve_config(tmp_path: Path) -> Path:
    """A unit of the classifier that comes with the program, pictures of a tiny generator."""
    tiny_generator(tmp_path / "generator")
    path = tmp_path / "evolve.yaml"
    path.write_text(yaml.safe_dump(QUICK | {"response": {"kind": "unit"}, "generator": str(tmp_path / "generator")}))
    return path


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["evolve", "--rating", "--unit", "classifier64"], "choose one"),
        (["evolve", "--rating", "--start", "0.2"], "start_s"),
        (["evolve", "--unit", "classifier64", "--channel", "1", "--channel", "2"], "given once"),
        (["evolve", "--unit", "classifier64", "--layer", "cortex"], "cortex"),
        (["evolve", "--sham", "perhaps"], "sham"),
        (["evolve", "--screen", "1", "--windowed"], "choose one"),
        (["evolve", "--resume", "nowhere"], "session.json"),
        (["demo", "--evolve", "--resume", "nowhere"], "demo.json"),
        (["demo", "--sham"], "Add one of them"),
        (["demo", "--evolve", "--trials", "3"], "--generations"),
        (["evolve", "--stream", "nobody", "--config", "{quick}"], "nobody"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_paragraph(
    arguments: list[str], complaint: str, command: Command, tmp_path: Path
) -> None:
    quick = tmp_path / "quick.yaml"
    quick.write_text("stream: {timeout_s: 0.2}")
    outcome = command(*[str(each).format(quick=quick) for each in arguments], "--folder", tmp_path / "runs")
    assert complaint in outcome.complaint()
    assert not list(tmp_path.glob("runs/*")), "nothing is left behind"


def test_a_stream_of_another_rate_is_refused_with_the_option_that_helps(command: Command, tmp_path: Path) -> None:
    with Sender(CHANNELS, SFREQ, name="slow") as sender:
        outcome = command("evolve", "--source-id", sender.source_id, "--folder", tmp_path, "--offscreen")
    assert "100 Hz" in outcome.complaint()
    assert "--sfreq" in outcome.complaint()
