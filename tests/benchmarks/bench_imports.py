"""How long the program takes to import, against importing mne and torch."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from tests.benchmarks.results import Row, publish

PROGRAM = (
    "import bci_app.cli, bci_app.engine.demo, bci_app.engine.opening, bci_app.engine.closing, bci_app.ui.main_window"
)
OTHERS = "import mne, torch"
REPEATS = 7


def seconds(code: str) -> float:
    """Median wall time of a fresh interpreter that runs `code`."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=None)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> int:
    """Measure and publish; 1 if the target was missed."""
    program, others, bare = seconds(PROGRAM), seconds(OTHERS), seconds("pass")
    check = subprocess.run([sys.executable, "-c", f"{PROGRAM}\nimport sys; print('torch' in sys.modules)"],
                           check=True, capture_output=True, text=True)  # fmt: skip
    torch_inside = check.stdout.strip() == "True"
    rows = [
        Row("a bare interpreter", f"{bare:.2f} s"),
        Row("importing mne and torch", f"{others:.2f} s"),
        Row("importing the whole program, window included", f"{program:.2f} s", f"< {others:.2f} s", program < others),
        Row("torch in it", "yes" if torch_inside else "no", "no", not torch_inside),
    ]
    return int(not publish("imports", rows, {"program": PROGRAM, "others": OTHERS}))


if __name__ == "__main__":
    sys.exit(main())
