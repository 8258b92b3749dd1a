"""The closed loop over real LSL with the simulated participant: 20 seeds, each evolved and as a sham with the same timing.

Runs go on side by side, since each waits for the clock most of the time; each is written as it ends, so that a bench that
was stopped goes on with those that are missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from bci_app.contract.identification import bootstrap_interval
from tests.benchmarks.evolution_live_worker import demo_of
from tests.benchmarks.results import FOLDER, Row, publish

SEEDS, GENERATIONS = 20, 40
PLACE = FOLDER / "evolution_live"
RUNS_PER_CORE = 5
console = Console(width=150)

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Job:
    """One run and where its figures are."""

    seed: int
    sham: bool

    @property
    def kind(self) -> str:
        return "sham" if self.sham else "real"

    @property
    def file(self) -> Path:
        return PLACE / f"{self.kind}-{self.seed:02d}.json"

    def figures(self) -> dict[str, Any] | None:
        """What it came to; None if it did not run with these settings."""
        try:
            found: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        wanted = demo_of(self.seed, self.sham, GENERATIONS).model_dump(mode="json")
        return found if found["settings"] == wanted and found["truth"] is not None else None

    def start(self) -> subprocess.Popen[bytes]:
        """Run it in a process of its own."""
        arguments = [str(self.seed), self.kind, str(GENERATIONS), str(self.file)]
        command = [sys.executable, "-m", "tests.benchmarks.evolution_live_worker", *arguments]
        return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})


def main(arguments: Sequence[str]) -> int:
    """Run what is missing, publish; 1 if the target was missed. ``bench_evolution_live N`` runs N side by side."""
    side_by_side = int(arguments[0]) if arguments else RUNS_PER_CORE * (os.cpu_count() or 1)
    jobs = [Job(seed, sham) for seed in range(SEEDS) for sham in (False, True)]
    PLACE.mkdir(parents=True, exist_ok=True)
    run_missing([job for job in jobs if job.figures() is None], side_by_side)
    figures = {(job.seed, job.sham): found for job in jobs if (found := job.figures()) is not None}
    seeds = [seed for seed in range(SEEDS) if (seed, False) in figures and (seed, True) in figures]
    if len(seeds) < 2:
        console.print("Fewer than two seeds came to an end; see the messages above.")
        return 1
    rows, details = judge(
        [figures[seed, False] for seed in seeds], [figures[seed, True] for seed in seeds], side_by_side
    )
    return int(not publish("evolution_live", rows, details))


def run_missing(jobs: Sequence[Job], side_by_side: int) -> None:
    """Run jobs, so many at a time, and say of each when it ends."""
    waiting, running, began = list(jobs), dict[Job, subprocess.Popen[bytes]](), time.monotonic()
    while waiting or running:
        while waiting and len(running) < side_by_side:
            job = waiting.pop(0)
            running[job] = job.start()
        time.sleep(0.5)
        for job, process in list(running.items()):
            if process.poll() is not None:
                del running[job]
                left, minutes = len(waiting) + len(running), (time.monotonic() - began) / 60
                console.print(f"{minutes:5.1f} min  {job.kind} {job.seed:2d}: {_told(job)}; {left} to go")


def _told(job: Job) -> str:
    found = job.figures()
    if found is None:
        return "no result"
    return f"similarity {found['truth']['features']['estimate']:.2f} in {found['seconds']:.0f} s"


def judge(
    real: list[dict[str, Any]], sham: list[dict[str, Any]], side_by_side: int
) -> tuple[list[Row], dict[str, Any]]:
    """The table of all pairs, and the figures it was made from."""
    rows = []
    n = len(real)
    for measure in ("features", "pixels"):
        one, two = (np.array([each["truth"][measure]["estimate"] for each in runs]) for runs in (real, sham))
        above = int((one > two).sum())
        primary = measure == "features"
        rows += [
            Row(
                f"evolved picture more similar to the hidden one than the sham's ({measure})",
                f"{above} of {n} seeds",
                f">= 19 of {SEEDS}" if primary else "",
                n == SEEDS and above >= 19 if primary else None,
            ),
            Row(f"similarity of the evolved picture ({measure})", _interval(one)),
            Row(f"similarity of the sham's ({measure})", _interval(two)),
            Row(f"difference, paired by seed ({measure})", _interval(one - two)),
        ]
        rows += [
            Row(f"similarity of {name} ({measure})", _interval(_means(real + sham, measure, group)))
            for name, group in (("natural references", "natural"), ("pictures of the prior", "prior"))
        ]
    both = real + sham
    rows += [
        Row("single trial: response to the hidden picture over the spread", _interval(_each(real, "snr"))),
        Row("single trial: size, uV", _interval(_each(real, "size"))),
        *_soundness(both),
        Row("length of a run", f"{np.median([each['seconds'] for each in both]):.0f} s, {side_by_side} side by side"),
    ]
    details = {"generations": GENERATIONS, "settings": real[0]["settings"], "real": _brief(real), "sham": _brief(sham)}
    return rows, details


def _soundness(runs: list[dict[str, Any]]) -> list[Row]:
    """Whether the loop lost anything."""
    total = {
        name: sum(each["counts"][name] for each in runs)
        for name in ("shown", "answered", "rejected", "missing", "gaps")
    }
    worst_ms = max(each["onset_p99_ms"] for each in runs)
    return [
        Row("gaps in the signal", str(total["gaps"]), "0", total["gaps"] == 0),
        Row(
            "presentations answered",
            f"{total['answered']} of {total['shown']}; {total['rejected']} rejected, {total['missing']} missing",
        ),
        Row("onset after it was due, 99th percentile of the worst run", f"{worst_ms:.1f} ms"),
    ]


def _interval(values: Numbers) -> str:
    mean, low, high = bootstrap_interval(values)
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def _means(runs: list[dict[str, Any]], measure: str, group: str) -> Numbers:
    return np.array([each["truth"][measure][group]["value"] for each in runs])


def _each(runs: list[dict[str, Any]], name: str) -> Numbers:
    return np.array([each["truth"]["single_trial"][name] for each in runs])


def _brief(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "settings"} for each in runs]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
