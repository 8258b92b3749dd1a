"""How exactly pictures come in the stimulus window, at two rates, with and without a signal being painted beside them.

On a virtual screen (Xvfb), so that it can be measured anywhere: it has no frames that a swap could wait for, so what is
measured is the program: when the picture had gone out after the time it was due, in frames of 60 Hz. On a real screen the
time until light comes out must be measured with a photodiode (``stimulus.photodiode``).
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.evolution_onsets_worker import Condition
from tests.benchmarks.results import Row, publish

CONDITIONS = tuple(Condition(rate_hz, 200, signal) for signal in (False, True) for rate_hz in (1.5, 2.99))
REFRESH_HZ = 60.0
SCREEN = "-screen 0 1920x1080x24"


def main() -> int:
    """Measure and publish; 1 if a picture was dropped unnoticed, or there is no virtual screen."""
    if shutil.which("xvfb-run") is None:
        print("A virtual screen (Xvfb) is needed; 'xvfb-run' is not installed. Install it: apt-get install xvfb")
        return 1
    rows, found = [], []
    for condition in CONDITIONS:
        print(f"{condition.name}: {condition.n_pictures} pictures ...", flush=True)
        figures = measure(condition)
        found.append(figures)
        rows += rows_of(condition, figures)
    return int(not publish("evolution_onsets", rows, {"screen": SCREEN, "conditions": found}))


def measure(condition: Condition) -> dict[str, Any]:
    """One session in a process and on a screen of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "onsets.json"
        worker = ["-m", "tests.benchmarks.evolution_onsets_worker", json.dumps(asdict(condition)), str(file)]
        command = ["xvfb-run", "--auto-servernum", "--server-args", SCREEN, sys.executable, *worker]
        environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}
        subprocess.run(command, check=True, env=environment | {"OMP_NUM_THREADS": "1"})
        figures: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return figures


def rows_of(condition: Condition, figures: dict[str, Any]) -> list[Row]:
    """Frames late, milliseconds, and what was lost."""
    delays = np.array(figures["delays_s"])
    frames = np.floor((delays + 1e-6) * REFRESH_HZ).clip(min=0).astype(int)
    counts = np.bincount(frames, minlength=3)
    late = ", ".join(f"{k}: {n}" for k, n in enumerate(counts) if n or k < 3)
    unnoticed = figures["asked"] - figures["painted"] - figures["never"]
    p50, p99 = 1000 * np.percentile(delays, (50, 99))
    return [
        Row(f"{condition.name}: frames late", late),
        Row(f"{condition.name}: delay", f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {1000 * delays.max():.1f} ms"),
        Row(
            f"{condition.name}: dropped unnoticed",
            f"{unnoticed} of {figures['asked']} ({figures['never']} told as never painted)",
            "0",
            unnoticed == 0 and not math.isnan(p50),
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
