"""A stream killed and started again twenty times: how soon it is read again, whether each gap is marked and none is read across.

The sender is a process that gets kill -9; the next one, of the same source_id, comes after a pause of up to three seconds.
The first channel counts samples, and nothing is filtered, so that every window says of itself which samples it holds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from bci_app.bundles import shipped
from bci_app.contract.bundle import Bundle
from bci_app.contract.manifest import DecoderManifest
from bci_app.contract.windowing import WindowSpec
from bci_app.engine.events import Event, StreamChanged
from bci_app.engine.plan import SessionPlan
from bci_app.engine.session import Session
from bci_app.engine.settings import SessionSettings, StreamChoice
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.inference.session import OnnxModel
from bci_app.streams.lsl import local_clock
from bci_app.streams.network import loopback_config, use_config
from bci_app.streams.run_folder import read_run
from tests.benchmarks.counter_process import CHANNELS, SFREQ, CounterProcess
from tests.benchmarks.results import Row, publish
from tests.tiny import tiny_decoder

CUT = WindowSpec(window_s=0.5, hop_s=0.1)
LIFE_S, PAUSE_S = (1.0, 3.0), (0.2, 3.0)
PER_LIFE = 100_000
"""Each sender counts from another multiple of this: a window across a gap would show it."""
LATEST_S = 20.0
console = Console(width=150)


class WatchedDecoder(Decoder):
    """Notes when each window was read, LSL seconds, and its first channel (n_times,)."""

    def __init__(self, bundle: Bundle, manifest: DecoderManifest, model: OnnxModel) -> None:
        super().__init__(bundle, manifest, model)
        self.seen: deque[tuple[float, NDArray[np.floating]]] = deque()

    def decode(self, window: NDArray[np.floating]) -> NDArray[np.float32]:
        """See `Decoder.decode`."""
        latent = super().decode(window)
        self.seen.append((local_clock(), window[0].copy()))
        return latent


@dataclass
class Lives:
    """What was seen of all senders.

    Attributes
    ----------
    returned : list of (float, float)
        LSL seconds at which each could be found again, and at which its first window was read.
    back : list of float
        LSL seconds at which the stream was told to be back.
    windows : list of int array (n_times,)
        Sample numbers of each window that was read.
    counts : dict
        Of the session.
    """

    returned: list[tuple[float, float]] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    windows: list[NDArray[np.int64]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Note when the stream is back; any thread."""
        if isinstance(event, StreamChanged) and event.state == "back":
            self.back.append(local_clock())


def new_session(folder: Path, source_id: str) -> tuple[Session, WatchedDecoder]:
    """A session that reads windows of the counting stream as they are, and records."""
    generator = Generator.open(shipped("pictures64"), "cpu")
    bundle = tiny_decoder(
        folder / "decoder",
        generator.bundle,
        CHANNELS,
        SFREQ,
        CUT,
        dim=generator.latent_space.dim,
        kind="fmri-decoder",  # whose samples are of no unit, and not filtered
    )
    decoder = WatchedDecoder.open(bundle, generator, "cpu")
    assert isinstance(decoder, WatchedDecoder)
    record = folder / "record"
    record.mkdir()
    settings = SessionSettings(stream=StreamChoice(source_id=source_id))
    return Session(SessionPlan(settings, "reconnect", decoder, generator, folder=record)), decoder


def read_from(decoder: WatchedDecoder, life: int, after_s: float) -> float:
    """LSL seconds at which the first window of sender number `life` was read; infinite if none came in time."""
    while local_clock() < after_s + LATEST_S:
        for read_s, numbers in reversed(tuple(decoder.seen)):
            if numbers[0] // PER_LIFE < life:
                break
            if read_s > after_s:
                return read_s
        time.sleep(0.01)
    return float("inf")


def live(n_times: int, folder: Path) -> Lives:
    """Kill and start the sender `n_times`; what was seen of it."""
    source_id, rng = f"counter-{uuid4().hex}", np.random.default_rng(0)
    lives = Lives()
    sender = CounterProcess(source_id, 3600.0, unit="a.u.")
    session, decoder = new_session(folder, source_id)
    try:
        session.start(lives.note)
        read_from(decoder, 0, local_clock())
        for life in range(1, n_times + 1):
            time.sleep(rng.uniform(*LIFE_S))
            sender.kill()
            time.sleep(rng.uniform(*PAUSE_S))
            sender = CounterProcess(source_id, 3600.0, first=life * PER_LIFE, unit="a.u.")
            first_s = read_from(decoder, life, sender.ready_at)
            lives.returned.append((sender.ready_at, first_s))
            console.print(f"{life} of {n_times}: read again after {first_s - sender.ready_at:.2f} s")
        time.sleep(1.0)
    finally:
        session.stop()
        sender.kill()
    lives.windows = [numbers.astype(np.int64) for _, numbers in decoder.seen]
    lives.counts = session.counts
    return lives


def gap_rows(lives: Lives, folder: Path, n_times: int) -> list[Row]:
    """Whether each gap is marked in the session and in the recording, and whether any window lies across one."""
    recording = read_run(folder)
    numbers = recording.data[0].astype(np.int64)
    jumps = np.flatnonzero(np.diff(numbers) != 1)
    marked = np.diff(recording.times)[jumps] > 1.5 / recording.sfreq
    whole = jumps.size == n_times and bool((numbers[jumps + 1] % PER_LIFE == 0).all())
    across = sum(bool((np.diff(window) != 1).any()) for window in lives.windows)
    gaps = lives.counts["gaps"]
    return [
        Row("gaps marked in the session", f"{gaps} of {n_times}", f"{n_times}", gaps == n_times),
        Row("gaps marked in the recording by their times", f"{int(marked.sum())} of {n_times}", f"{n_times}",
            int(marked.sum()) == n_times),
        Row("samples missing or doubled elsewhere; first samples of a sender missing", "none" if whole else "some",
            "none", whole),
        Row(f"windows across a gap, of {len(lives.windows)} read", str(across), "0", across == 0),
    ]  # fmt: skip


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    n_times = parser.parse_args().times
    use_config(loopback_config(f"reconnect-{uuid4().hex}"))
    with tempfile.TemporaryDirectory() as name:
        lives = live(n_times, Path(name))
        rows = gap_rows(lives, Path(name) / "record", n_times)
    returned = np.array(lives.returned)
    read_s = returned[:, 1] - returned[:, 0]
    back_s = np.array(lives.back[:n_times]) - returned[: len(lives.back), 0]
    in_time = int((read_s <= 3).sum())
    rows = [
        Row(
            "read again within 3 s of the stream's return", f"{in_time} of {n_times}", f"{n_times}", in_time == n_times
        ),
        Row(
            "from its return to the first window read: median, worst", f"{np.median(read_s):.2f}, {read_s.max():.2f} s"
        ),
        Row("from its return to 'back': median, worst", f"{np.median(back_s):.2f}, {back_s.max():.2f} s"),
        Row("length of that window", f"{CUT.window_s:g} s"),
        *rows,
    ]
    return int(not publish("reconnect", rows, {"read_s": read_s.tolist(), "counts": lives.counts}))


if __name__ == "__main__":
    sys.exit(main())
