"""How long ``make test`` takes."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.benchmarks.results import Row, publish


def main() -> int:
    """Run the suite once and publish; 1 if it fails or takes too long."""
    start = time.perf_counter()
    status = subprocess.run(["make", "--no-print-directory", "test"], check=False).returncode
    minutes = (time.perf_counter() - start) / 60
    rows = [
        Row("make test", f"{minutes:.1f} min", "<= 8 min", minutes <= 8),
        Row("make test passes", "yes" if status == 0 else f"status {status}", "yes", status == 0),
    ]
    return int(not publish("suite", rows))


if __name__ == "__main__":
    sys.exit(main())
