"""What tests of streams share: outlets that are closed after their readers, and a look at what is left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from uuid import uuid4

import numpy as np
import psutil
import pytest

from bci_app.contract.signal import Chunk, Recording
from bci_app.streams import lsl
from bci_app.streams.lsl import local_clock
from bci_app.streams.lsl_outlet import LslOutlet
from bci_app.streams.lsl_source import LslSource


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fails a test that leaves a thread or a child process: close sources, then outlets, then replays."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert not left, f"Threads still run: {left}. Close what started them."
    children = psutil.Process().children()
    assert not children, f"Child processes still run: {children}. Close the replay."


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback every stream answers within 0.15 s; the longer wait is meant for real networks."""
    monkeypatch.setattr(lsl, "_WAVE_S", 0.25)


@pytest.fixture
def opened() -> Iterator[Callable[[Any], Any]]:
    """Keeps what it is given open until the end of the test; closed in reverse order, so outlets after inlets."""
    with ExitStack() as stack:
        yield lambda thing: stack.enter_context(closing(thing))


class Sender:
    """An outlet whose first channel counts its samples."""

    def __init__(self, n_channels: int = 3, sfreq: float = 500.0, name: str = "sender", **options: Any) -> None:
        self.channels = tuple(f"C{number}" for number in range(n_channels))
        self.outlet = LslOutlet(name, self.channels, sfreq, f"{name}-{uuid4().hex}", **options)
        self.description = self.outlet.description
        self.sfreq = sfreq
        self.t0 = local_clock()
        self.count = 0

    def push(self, n_times: int, skipped: int = 0) -> None:
        """Send `n_times` samples on an even grid, after leaving out `skipped`."""
        self.count += skipped
        numbers = np.arange(self.count, self.count + n_times, dtype=np.float32)
        data = numbers + 1000 * np.arange(len(self.channels), dtype=np.float32)[:, None]
        self.count += n_times
        self.outlet.push(data, self.t0 + (self.count - 1) / self.sfreq)

    def close(self) -> None:
        """End the stream."""
        self.outlet.close()


@pytest.fixture
def sender(opened: Callable[[Any], Any]) -> Sender:
    """Three channels, 500 Hz, in this process."""
    made: Sender = opened(Sender())
    return made


def pull_samples(source: LslSource, n_times: int, timeout_s: float = 10.0) -> list[Chunk]:
    """Chunks until `n_times` samples came; fails after `timeout_s`."""
    chunks: list[Chunk] = []
    deadline = local_clock() + timeout_s
    while sum(chunk.n_times for chunk in chunks) < n_times:
        assert local_clock() < deadline, f"{sum(chunk.n_times for chunk in chunks)} of {n_times} samples came"
        chunk = source.pull(0.2)
        if chunk is not None:
            chunks.append(chunk)
    return chunks


def counting_recording(n_times: int, sfreq: float = 250.0, n_channels: int = 4, **fields: Any) -> Recording:
    """A recording whose first channel counts its samples."""
    rng = np.random.default_rng(7)
    data = rng.normal(size=(n_channels, n_times)).astype(np.float32)
    data[0] = np.arange(n_times)
    times = fields.pop("times", 10.0 + np.arange(n_times) / sfreq)
    channels = tuple(f"E{number}" for number in range(n_channels))
    return Recording(data, times, channels, sfreq, **fields)
