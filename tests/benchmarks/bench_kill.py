"""kill -9 at random moments of recording sessions: what is lost when their folders are opened again.

Evolution: ``bci-app demo --evolve``, a participant's process and a window, everything recorded. Pictures: a session that shows
and reads pictures, from a stream whose first channel counts the samples. The moment is uniform over the seconds after the
recording's files have come to be. Times are of the one clock that all processes share.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psutil
import yaml
from PIL import Image
from rich.console import Console

from bci_app.contract.errors import BciError
from bci_app.contract.lines import read_lines
from bci_app.engine.evolution_demo import saved_demo
from bci_app.engine.evolution_files import RESPONSES
from bci_app.engine.evolution_plan import open_evolution
from bci_app.engine.evolution_resume import read_evolution
from bci_app.engine.reopening import report_again
from bci_app.streams.lsl import local_clock
from bci_app.streams.network import private_lsl
from bci_app.streams.run_folder import read_run
from tests.benchmarks.counter_process import CounterProcess
from tests.benchmarks.counter_stream import MODULUS
from tests.benchmarks.picture_session_worker import prepare
from tests.benchmarks.results import Row, publish

WITHIN_S = 8.0
ORPHANS_END_S = 5.0
QUICK: dict[str, Any] = {
    "optimiser": {"kind": "genetic", "population": 4},
    "references": {"n_natural": 1, "n_prior": 1},
    "response": {"kind": "component", "channels": ["Pz"], "baseline_s": None, "highpass_hz": 0.1},
    "timing": {"show_s": 0.2, "blank_s": 0.134, "jitter_s": 0.0},
    "n_generations": 1000,
}
"""An evolution as the demo's, with generations of two seconds."""
console = Console(width=150)


@dataclass
class Loss:
    """What one kill cost; `trouble` says what could not be opened.

    Attributes
    ----------
    after_s : float
        From the beginning of the recording to the kill.
    recorded_s : float
        Of signal in the folder.
    signal_s : float
        From the last recorded sample to the kill.
    holes : int
        Samples missing inside the recording.
    generations, presentations : int
        Begun, and shown, but not in the state that the evolution goes on from.
    trials : int
        Read, and whole on disk.
    orphans : int
        Processes of the program still there five seconds later.
    """

    after_s: float = 0.0
    recorded_s: float = 0.0
    signal_s: float = float("inf")
    holes: int = 0
    generations: int = 0
    presentations: int = 0
    trials: int = 0
    orphans: int = 0
    trouble: str = ""


def killed(command: list[str], folder: Path, env: dict[str, str], wait_s: float) -> tuple[float, float, int]:
    """Run `command` and kill it `wait_s` after ``eeg.json`` has come to be in `folder`: both times, and orphans."""
    with (folder / "printed.txt").open("w") as printed:
        process = subprocess.Popen(command, env=os.environ | env, stdout=printed, stderr=printed)
    deadline = time.monotonic() + 120
    while not list(folder.glob("*/eeg.json")):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError((folder / "printed.txt").read_text())
        time.sleep(0.005)
    began_at = local_clock()
    time.sleep(wait_s)
    children = psutil.Process(process.pid).children(recursive=True)
    killed_at = local_clock()
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(children, timeout=ORPHANS_END_S)
    for orphan in left:
        orphan.kill()
    return began_at, killed_at, len(left)


def signal_lost(run: Path, began_at: float, killed_at: float, loss: Loss) -> np.ndarray:
    """The recording's first channel; how much is there and missing goes into `loss`."""
    recording = read_run(run)
    last = float(recording.times[-1]) if recording.n_times else began_at
    loss.recorded_s, loss.signal_s = recording.n_times / recording.sfreq, killed_at - last
    loss.holes = int((np.diff(recording.times) > 1.5 / recording.sfreq).sum())
    return recording.data[0]


def of_an_evolution(folder: Path, wait_s: float) -> Loss:
    """Kill the demo of an evolution."""
    config = folder / "demo.yaml"
    config.write_text(yaml.safe_dump({"evolution": QUICK}))
    command = [sys.executable, "-m", "bci_app", "demo", "--evolve", "--offscreen"]
    command += ["--config", str(config), "--folder", str(folder)]
    began_at, killed_at, orphans = killed(command, folder, {}, wait_s)
    (run,) = (path.parent for path in folder.glob("*/eeg.json"))
    loss = Loss(after_s=killed_at - began_at, orphans=orphans)
    signal_lost(run, began_at, killed_at, loss)
    plan = open_evolution(saved_demo(run).evolution, "opened again", run, resume=True)
    assert plan.outlets is not None
    plan.outlets.close()
    resumed = read_evolution(plan, run)
    shown = [line for line in read_lines(run / RESPONSES) if line["onset_s"] is not None]
    kept = [line for line in shown if line["generation"] < resumed.state.generation]
    loss.presentations = len(read_run(run).markers) - len(kept)
    on_show = max((line["generation"] for line in shown), default=-1)
    loss.generations = max(on_show - resumed.state.generation + 1, int(loss.presentations > 0))
    loss.trouble = " ".join(resumed.notes)
    report_again(run)
    return loss


def goes_on(folder: Path) -> bool:
    """Whether the program goes on with the run below `folder` and ends well when the generation on show is scored."""
    (run,) = (path.parent for path in folder.glob("*/session.json"))
    n = len(list(run.glob("generations/g*.npz")))
    command = [sys.executable, "-m", "bci_app", "demo", "--evolve", "--offscreen", "--resume", str(run)]
    ended = subprocess.run([*command, "--generations", str(n)], capture_output=True, timeout=180, check=False)
    return ended.returncode == 0 and (run / "generations" / f"g{n:04d}.npz").exists()


def of_pictures(folder: Path, source_id: str, env: dict[str, str], wait_s: float) -> Loss:
    """Kill a session that shows and reads pictures."""
    command = [sys.executable, "-m", "tests.benchmarks.picture_session_worker", str(folder), source_id]
    began_at, killed_at, orphans = killed(command, folder, env, wait_s)
    run = folder / "record"
    loss = Loss(after_s=killed_at - began_at, orphans=orphans)
    numbers = signal_lost(run, began_at, killed_at, loss).astype(np.int64)
    loss.holes += int((np.diff(numbers) % MODULUS != 1).sum())
    trials = read_lines(run / "trials.jsonl")
    loss.trials = len(trials)
    if [line["trial"] for line in trials] != list(range(len(trials))):
        loss.trouble = "trials are missing"
    for trial in range(len(trials)):
        for kind in ("shown", "read"):
            with Image.open(run / "pictures" / f"trial_{trial:04d}_{kind}.png") as image:
                image.load()
    report_again(run)
    return loss


def kill_often(what: str, n: int, seed: int, kill: Callable[[Path, float], Loss], place: Path) -> list[Loss]:
    """Kill `n` times at random moments, each time in a folder of its own."""
    waits = np.random.default_rng(seed).uniform(0.0, WITHIN_S, n)
    losses = []
    for number, wait_s in enumerate(waits):
        folder = place / f"{what}-{number:02d}"
        folder.mkdir()
        try:
            loss = kill(folder, float(wait_s))
        except (BciError, OSError, RuntimeError) as error:
            loss = Loss(after_s=float(wait_s), trouble=str(error))
        losses.append(loss)
        console.print(f"{what} {number + 1} of {n}: {loss}")
    return losses


def rows_of(what: str, losses: Sequence[Loss]) -> list[Row]:
    """What kills of one kind cost."""
    n, opened = len(losses), sum(not loss.trouble for loss in losses)
    worst, holes, orphans = (max(getattr(loss, name) for loss in losses) for name in ("signal_s", "holes", "orphans"))
    typical = float(np.median([loss.signal_s for loss in losses]))
    return [
        Row(f"{what}: folders that open again after kill -9, with a report", f"{opened} of {n}", f"{n}", opened == n),
        Row(f"{what}: signal lost, median and worst", f"{typical:.2f} and {worst:.2f} s", "<= 1 s", worst <= 1),
        Row(f"{what}: samples missing inside a recording", str(holes), "0", holes == 0),
        Row(f"{what}: processes left behind after {ORPHANS_END_S:g} s", str(orphans), "0", orphans == 0),
    ]


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="kills of each kind")
    n = parser.parse_args().times
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        env = private_lsl(place / "lsl")
        os.environ.update(env)
        evolution = kill_often("evolution", n, 1, of_an_evolution, place)
        resumed = goes_on(place / f"evolution-{n - 1:02d}")
        prepare(place)
        source_id = f"counter-{uuid4().hex}"
        with CounterProcess(source_id, 3600.0):
            pictures = kill_often("pictures", n, 2, lambda to, wait_s: of_pictures(to, source_id, env, wait_s), place)
    worst = max(loss.generations for loss in evolution)
    rows = [
        *rows_of("evolution", evolution),
        Row("evolution: generations lost, worst", str(worst), "<= 1", worst <= 1),
        Row("evolution: presentations of it, worst", str(max(loss.presentations for loss in evolution))),
        Row("evolution: the program goes on with the last of them", "yes" if resumed else "no", "yes", resumed),
        *rows_of("pictures", pictures),
        Row("pictures: trials read and whole on disk, in all", str(sum(loss.trials for loss in pictures))),
    ]
    details = {"evolution": [asdict(loss) for loss in evolution], "pictures": [asdict(loss) for loss in pictures]}
    return int(not publish("kill", rows, details))


if __name__ == "__main__":
    sys.exit(main())
