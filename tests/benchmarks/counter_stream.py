"""A sender for measurements: the first channel counts samples, the others are noise; a process of its own."""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from bci_app.streams.lsl import local_clock
from bci_app.streams.lsl_outlet import LslOutlet

MODULUS = 2**23
"""The counter begins anew here, so that float32 holds it exactly."""


def main() -> int:
    """Stream in real time until the time is over or standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--source-id", required=True)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--sfreq", type=float, default=1000.0)
    parser.add_argument("--chunk", type=int, default=8)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first sample")
    parser.add_argument("--unit", default="microvolts")
    parser.add_argument("--names", help="of the channels, with commas between; instead of their number")
    given = parser.parse_args()
    if given.names:
        given.channels = len(given.names.split(","))
    noise = np.random.default_rng(0).normal(scale=15, size=(given.channels, 4096)).astype(np.float32)
    if given.names:  # of one head: neighbours are alike, so no channel is judged bad
        noise += np.random.default_rng(1).normal(scale=20, size=noise.shape[1]).astype(np.float32)
    names = given.names.split(",") if given.names else [f"ch{index:02d}" for index in range(given.channels)]
    with LslOutlet("counter", names, given.sfreq, given.source_id, unit=given.unit) as outlet:
        print("ready", flush=True)
        if not outlet.wait_for_consumers(60):
            return 1
        start, sent = local_clock(), 0
        while sent < given.seconds * given.sfreq:
            last = start + (sent + given.chunk - 1) / given.sfreq
            time.sleep(max(last - local_clock(), 0.0))
            numbers = given.first + np.arange(sent, sent + given.chunk)
            data = noise[:, numbers % noise.shape[1]].copy()
            data[0] = numbers % MODULUS
            outlet.push(data, last)
            sent += given.chunk
        time.sleep(1.0)
    print(sent, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
