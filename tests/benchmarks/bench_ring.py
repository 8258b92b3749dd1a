"""The ring against the buffer that others roll: 64 channels, 60 s at 1000 Hz, chunks of 8, windows of 1 s.

Both do the same work for each chunk: take it in, and copy out the last second.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from bci_app.contract.signal import Chunk
from bci_app.streams.ring import Ring
from tests.benchmarks.results import Row, publish

N_CHANNELS, SFREQ, SECONDS, CHUNK, WINDOW = 64, 1000.0, 60.0, 8, 1000
TARGET = 50.0
Step = Callable[[Chunk], object]


class RolledBuffer:
    """A buffer that is moved for every chunk, as in `mne_lsl.stream.StreamLSL`."""

    def __init__(self, n_channels: int, n_times: int) -> None:
        self.data = np.zeros((n_times, n_channels), dtype=np.float32)
        self.times = np.zeros(n_times)

    def write(self, chunk: Chunk) -> None:
        """Roll, then overwrite the end."""
        self.data = np.roll(self.data, -chunk.n_times, axis=0)
        self.times = np.roll(self.times, -chunk.n_times)
        self.data[-chunk.n_times :] = chunk.data.T
        self.times[-chunk.n_times :] = chunk.times

    def window(self, n_times: int) -> tuple[np.ndarray, np.ndarray]:
        """Copy of the last samples, channels first."""
        return np.ascontiguousarray(self.data[-n_times:].T), self.times[-n_times:].copy()


def chunks(count: int) -> list[Chunk]:
    """Noise, numbered."""
    rng = np.random.default_rng(0)
    return [
        Chunk(
            rng.normal(size=(N_CHANNELS, CHUNK)).astype(np.float32),
            (number * CHUNK + np.arange(CHUNK)) / SFREQ,
            number * CHUNK,
        )
        for number in range(count)
    ]


def microseconds(step: Step, feed: list[Chunk]) -> float:
    """Median time of one step in microseconds."""
    spent = []
    for chunk in feed:
        began = time.perf_counter()
        step(chunk)
        spent.append(time.perf_counter() - began)
    return 1e6 * statistics.median(spent)


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """Microseconds to write, to copy a window out, and to do both, for each buffer."""
    ring, rolled = Ring(N_CHANNELS, SFREQ, SECONDS), RolledBuffer(N_CHANNELS, int(SECONDS * SFREQ))
    feed = chunks(repeats)

    def both(write: Step, read: Step) -> Step:
        return lambda chunk: (write(chunk), read(chunk))

    steps: dict[str, tuple[Step, Step]] = {
        "np.roll": (rolled.write, lambda _: rolled.window(WINDOW)),
        "ring": (ring.write, lambda _: ring.read(ring.newest - WINDOW, ring.newest)),
    }
    spent = {}
    for name, (write, read) in steps.items():
        for chunk in chunks(WINDOW // CHUNK + 1):
            write(chunk)
        spent[name] = {
            "write": microseconds(write, feed),
            "window": microseconds(read, feed),
            "both": microseconds(both(write, read), feed),
        }
    np.testing.assert_array_equal(rolled.window(WINDOW)[0], ring.read(ring.newest - WINDOW, ring.newest)[0])
    return spent


def main() -> int:
    """Measure and publish; 1 if the target was missed."""
    spent = measure(300)
    faster = spent["np.roll"]["both"] / spent["ring"]["both"]
    rows = [
        Row(
            f"{name}: write {CHUNK} samples / copy {WINDOW} / both",
            " / ".join(f"{us:.1f}" for us in each.values()) + " us",
        )
        for name, each in spent.items()
    ]
    rows.append(Row("ring against np.roll, write and copy", f"{faster:.0f} x", f">= {TARGET:g} x", faster >= TARGET))
    setting = {"n_channels": N_CHANNELS, "sfreq": SFREQ, "seconds": SECONDS, "chunk": CHUNK, "window": WINDOW}
    return int(not publish("ring", rows, {"microseconds": spent, "times_faster": faster, **setting}))


if __name__ == "__main__":
    sys.exit(main())
