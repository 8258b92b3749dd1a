"""The viewer under load: 64 channels, 10 s at 1000 Hz, beside mne-lsl's own stream viewer on the same stream.

Each runs in a process of its own, offscreen, one after the other, and is measured once ten seconds of signal have come. Ours is
the page Signal as it stands in the program: filters, quality, spectrum and map are computed meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

from bci_app.streams.network import loopback_config, use_config
from tests.benchmarks.results import Row, publish
from tests.benchmarks.viewer_worker import WARM_S

PAINT_MS, SHARE = 25.0, 0.5
CAP = (
    "Fp1,Fpz,Fp2,AF7,AF3,AFz,AF4,AF8,F7,F5,F3,F1,Fz,F2,F4,F6,F8,FT7,FC5,FC3,FC1,FCz,FC2,FC4,FC6,FT8,T7,C5,C3,C1,Cz,C2,C4,C6,"
    "T8,TP7,CP5,CP3,CP1,CPz,CP2,CP4,CP6,TP8,P9,P7,P5,P3,P1,Pz,P2,P4,P6,P8,P10,PO7,PO3,POz,PO4,PO8,O1,Oz,O2,Iz"
)
"""64 channels whose places are known, so that the map is drawn."""


def view(name: str, source_id: str, seconds: float) -> dict[str, Any]:
    """What one viewer cost."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.viewer_worker", name]
    quiet = os.environ | {"MNE_LSL_LOG_LEVEL": "ERROR", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--source-id", source_id, "--seconds", str(seconds)],
        env=quiet, stdout=subprocess.PIPE, text=True, check=True, timeout=120 + seconds,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    use_config(loopback_config(f"viewer-{uuid4().hex}"))
    source_id = f"viewer-{uuid4().hex}"
    lasts = str(2 * (seconds + WARM_S) + 60)
    command = [sys.executable, "-m", "tests.benchmarks.counter_stream", "--source-id", source_id, "--seconds", lasts]
    command += ["--names", CAP]
    sender = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert sender.stdout is not None
        sender.stdout.readline()
        ours, theirs = (view(name, source_id, seconds) for name in ("ours", "mne-lsl"))
    finally:
        sender.kill()
        sender.wait()
    both = ours["hand_over"][1] + ours["paint"][1]
    rows = [
        Row("frames per second, ours / theirs", f"{ours['frames']:.1f} / {theirs['frames']:.1f}"),
        Row("paint: p50 / p95 / p99", " / ".join(f"{each:.1f}" for each in ours["paint"]) + " ms"),
        Row("thinning and handing over: p50 / p95 / p99", " / ".join(f"{each:.1f}" for each in ours["hand_over"]) + " ms"),
        Row("p95 of paint, handing over added", f"{both:.1f} ms", f"<= {PAINT_MS:g} ms", both <= PAINT_MS),
        Row("CPU of the program, ours / theirs", f"{100 * ours['cpu']:.0f} / {100 * theirs['cpu']:.0f} % of a core"),
        Row("CPU, ours by theirs", f"{ours['cpu'] / theirs['cpu']:.2f}", f"<= {SHARE:g}", ours["cpu"] <= SHARE * theirs["cpu"]),
        Row("gaps in the signal that ours received", str(ours["counts"].get("gaps", "?"))),
    ]  # fmt: skip
    return int(not publish("viewer", rows, {"ours": ours, "mne-lsl": theirs}))


if __name__ == "__main__":
    sys.exit(main())
