"""How long the window takes to open: from the start of the process to its page painted, for each page it may begin with."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bci_app.ui.instrument import PAGES
from tests.benchmarks.results import Row, publish

LIMIT_S = 3.0


def opened_after(page: str, home: Path) -> float:
    """Seconds until `page` was painted, of a user who has never used the program."""
    command = [sys.executable, "-m", "tests.benchmarks.opening_worker", "app", "--offscreen", "--page", page]
    env = os.environ | {"XDG_CONFIG_HOME": str(home), "HOME": str(home)}
    began = time.monotonic()  # one clock for all processes of a machine
    printed = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout
    return float(printed.split()[-1]) - began


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="of each page")
    n = parser.parse_args().times
    rows, details = [], {}
    for kind in PAGES:
        with tempfile.TemporaryDirectory() as home:
            took_s = [opened_after(kind.title, Path(home)) for _ in range(n)]
        measured = f"{np.median(took_s):.2f}, {max(took_s):.2f} s"
        rows.append(Row(f"{kind.title}: median and worst of {n}", measured, f"< {LIMIT_S:g} s", max(took_s) < LIMIT_S))
        details[kind.title] = took_s
    return int(not publish("opening", rows, dict(details)))


if __name__ == "__main__":
    sys.exit(main())
