"""The demo as a newcomer runs it: time to the first picture, and what was identified."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.results import Row, publish


def main() -> int:
    """Run ``bci-app demo`` offscreen and publish its figures; 1 if a target was missed."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.time()
        command = [sys.executable, "-m", "bci_app", "demo", "--offscreen", "--folder", folder]
        subprocess.run(command, check=True, env=os.environ | {"QT_QPA_PLATFORM": "offscreen"})
        (run,) = Path(folder).glob("demo-*")
        summary = json.loads((run / "summary.json").read_text("utf-8"))
        markers = [json.loads(line) for line in (run / "markers.jsonl").read_text("utf-8").splitlines()]
    first_s = summary["first_picture_at"] - started
    scores = summary["identification"]
    real, twin, shuffled = (scores[name] for name in ("decoder", "noise_twin", "shuffled_pairing"))
    rows = [
        Row("from command to first reconstructed picture", f"{first_s:.1f} s", "<= 90 s", first_s <= 90),
        Row("single trials read", str(scores["n_trials"]), ">= 60", scores["n_trials"] >= 60),
        Row("pairwise identification", _words(real), ">= 0.80", real["value"] >= 0.80),
        Row("noise twin: interval contains 0.5", _words(twin), "contains 0.5", twin["low"] <= 0.5 <= twin["high"]),
        Row("shuffled pairing", _words(shuffled), "contains 0.5", shuffled["low"] <= 0.5 <= shuffled["high"]),
    ]
    details = {"summary": summary, "n_markers": len(markers), "command": "bci-app demo --offscreen"}
    return int(not publish("demo", rows, details))


def _words(score: dict[str, float]) -> str:
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
