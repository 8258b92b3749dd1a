"""What tests of the engine share: a clock that moves when told, a stream in memory, tiny models, no thread left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.signal import Chunk
from bci_app.contract.windowing import TrialSpec
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams import lsl
from bci_app.streams.source import StreamDescription
from tests.tiny import tiny_decoder, tiny_generator

CHANNELS, SFREQ = ("O1", "Oz", "O2", "Pz"), 100.0


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fails a test that leaves a worker running: stop and join what you start."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert not left, f"Threads still run: {left}. Stop and join them."


class Clock:
    """LSL seconds that move only when told."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class MemorySource:
    """A `Source` that gives the chunks it was given, then silence; each silent pull lets 0.2 s pass."""

    def __init__(self, chunks: list[Chunk], clock: Clock, channels: tuple[str, ...] = CHANNELS) -> None:
        self.description = StreamDescription("memory", "EEG", "memory-1", "here", "uid", channels, "uV", SFREQ, 4)
        self.channels = channels
        self._chunks = list(chunks)
        self._clock = clock
        self.closed = False

    def pull(self, timeout_s: float) -> Chunk | None:
        if not self._chunks:
            self._clock.now += timeout_s
            return None
        chunk = self._chunks.pop(0)
        self._clock.now = chunk.arrived_s
        return chunk

    def close(self) -> None:
        self.closed = True


def chunked(data: np.ndarray, size: int = 20, start_s: float = 1000.0, gap_at: int | None = None) -> list[Chunk]:
    """Raw chunks of `data` (n_channels, n_times) from `start_s` on; half a second is missing before `gap_at`."""
    times = start_s + np.arange(data.shape[1]) / SFREQ
    if gap_at is not None:
        times[gap_at:] += 0.5
    return [
        Chunk(data[:, i : i + size], times[i : i + size], i, float(times[i : i + size][-1]), gap_before=i == gap_at)
        for i in range(0, data.shape[1], size)
    ]


def moving(n_times: int, seed: int = 0) -> np.ndarray:
    """Noise in microvolts (n_channels, n_times)."""
    return 10 * np.random.default_rng(seed).standard_normal((len(CHANNELS), n_times), dtype=np.float32)


def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Whether `condition` came true in time; for what other threads do."""
    pause, waited = threading.Event(), 0.0
    while not condition() and waited < timeout_s:
        pause.wait(0.005)
        waited += 0.005
    return condition()


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return Generator.open(tiny_generator(tmp_path_factory.mktemp("generator") / "tiny"))


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory, generator: Generator) -> Decoder:
    folder: Path = tmp_path_factory.mktemp("decoder") / "tiny"
    cut = TrialSpec(start_s=0.0, stop_s=0.5)
    return Decoder.open(tiny_decoder(folder, generator.bundle, CHANNELS, SFREQ, cut), generator)


@pytest.fixture(autouse=True, scope="module")
def _short_looks() -> Iterator[None]:
    """On loopback every stream answers within 0.15 s; the longer wait is meant for real networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lsl, "_WAVE_S", 0.3)
        yield
