"""``python -m tests.benchmarks [NAME ...]``: every measurement, or the named ones, one after another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ORDER = (
    "imports",
    "ring",
    "parity",
    "latency",
    "viewer",
    "soak",
    "kill",
    "reconnect",
    "opening",
    "closing",
    "demo",
    "gan_step",
    "gan_inference",
    "gan_cost",
    "gan_frechet",
    "ridge",
    "calibration",
    "reader_information",
    "text_information",
    "evolution_genetic",
    "evolution_time",
    "evolution_scores",
    "evolution_v4",
    "evolution_live",
    "evolution_onsets",
    "text_metrics",
    "text_session",
    "text_live",
    "hot_swap",
    "flash",
    "suite",
)


def main(names: list[str]) -> int:
    """Run each in a process of its own, so that none warms the next; 1 if a target was missed."""
    unknown = sorted(set(names) - set(ORDER))
    if unknown:
        print(f"No such measurement: {', '.join(unknown)}. There are: {', '.join(ORDER)}.")
        return 2
    missed = []
    for name in names or ORDER:
        status = subprocess.run([sys.executable, "-m", f"tests.benchmarks.bench_{name}"], check=False).returncode
        if status:
            missed.append(name)
    print(f"Tables are in {Path('runs/benchmarks').resolve()}." if not missed else f"Missed: {', '.join(missed)}.")
    return int(bool(missed))


sys.exit(main(sys.argv[1:]))
