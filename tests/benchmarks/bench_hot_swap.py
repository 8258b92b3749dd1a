"""Models exchanged under load: 64 channels at 1000 Hz, the window with its viewer, ten pictures a second, all recorded.

Every five seconds the window asks for other models: a decoder with other weights, and every second time its generator is
opened anew as well. Ready is when the bundles are opened, verified and compared with their golden vectors; the picture counts
when it has been given to Qt.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from bci_app.bundles import shipped
from bci_app.engine.events import Event, ModelsChanged, ModelsRefused
from bci_app.engine.plan import SessionPlan
from bci_app.engine.session import Session
from bci_app.engine.settings import SessionSettings, StreamChoice
from bci_app.engine.views import Reconstruction
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams.network import loopback_config, use_config
from bci_app.ui.app import run_window
from tests.benchmarks.bench_latency import CUT, DECIMATION, loss_rows
from tests.benchmarks.bench_soak import Watch, stall_rows
from tests.benchmarks.counter_process import CHANNELS, SFREQ, CounterProcess
from tests.benchmarks.results import Row, publish
from tests.tiny import tiny_decoder

EVERY_S = 5.0
MOST_S = 1.0


@dataclass
class Exchange:
    """One exchange: when it was asked for, ready, made, and when its first picture was given to Qt (LSL seconds)."""

    asked_s: float
    ready_s: float = np.nan
    changed_s: float = np.nan
    picture_s: float = np.nan


class Swapping(Session):
    """A session that notes each exchange, and each picture with the models that made it."""

    def __init__(self, plan: SessionPlan, decoders: tuple[Path, Path]) -> None:
        super().__init__(plan)
        self.exchanges: list[Exchange] = []
        self.refused: list[str] = []
        self.totals_ms: list[float] = []
        self._decoders, self._newest = decoders, ""

    def swap_again(self) -> None:
        """Ask for the decoder whose turn it is; GUI thread."""
        number = len(self.exchanges)
        self.exchanges.append(Exchange(self.clock()))
        self.swap(self._decoders[(number + 1) % 2], shipped("pictures64") if number % 2 else None)

    def start(self, on_event: object) -> None:
        """Listen as well."""

        def listen(event: Event) -> None:
            if isinstance(event, ModelsChanged):
                self._newest = event.name
                self.exchanges[-1].ready_s, self.exchanges[-1].changed_s = event.ready_s, event.changed_s
            elif isinstance(event, ModelsRefused):
                self.refused.append(event.reason)
            on_event(event)  # type: ignore[operator]

        super().start(listen)

    def handed_to_qt(self, reconstruction: Reconstruction, at_s: float) -> None:
        """Note the first picture of new models."""
        super().handed_to_qt(reconstruction, at_s)
        self.totals_ms.append(1000 * (at_s - reconstruction.arrived_s))
        if reconstruction.model == self._newest and self.exchanges and np.isnan(self.exchanges[-1].picture_s):
            self.exchanges[-1].picture_s = at_s


def run(seconds: float, folder: Path) -> tuple[Swapping, int]:
    """The session after its end, and how many samples were sent."""
    from PySide6.QtCore import QTimer

    use_config(loopback_config(f"hot-swap-{uuid4().hex}"))
    generator = Generator.open(shipped("pictures64"), "cpu")
    paths = (folder / "one", folder / "two")
    dim = generator.latent_space.dim
    for seed, path in enumerate(paths):
        tiny_decoder(path, generator.bundle, CHANNELS, SFREQ, CUT, DECIMATION, seed=seed, dim=dim)
    source_id = f"counter-{uuid4().hex}"
    (folder / "record").mkdir()
    with CounterProcess(source_id, seconds) as sender:
        plan = SessionPlan(
            SessionSettings(stream=StreamChoice(source_id=source_id), device="cpu"),
            "hot swap",
            Decoder.open(paths[0], generator, "cpu"),
            generator,
            folder=folder / "record",
            source_ended=lambda: sender.ended,
        )
        session = Swapping(plan, paths)
        timer = QTimer(interval=int(1000 * EVERY_S))
        timer.timeout.connect(session.swap_again)
        timer.start()
        run_window(session, offscreen=True, close_when_finished=True)
        timer.stop()
        return session, sender.sent()


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=62.0)
    seconds = parser.parse_args().seconds
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    watch = Watch()
    with tempfile.TemporaryDirectory() as name:
        session, sent = run(seconds, Path(name))
        watch.stop()
        rows = loss_rows(Path(name) / "record", sent)
    done = [each for each in session.exchanges if not np.isnan(each.picture_s)]
    opening = np.array([each.ready_s - each.asked_s for each in done])
    waiting = np.array([each.picture_s - each.ready_s for each in done])
    whole = bool(done) and len(done) == len(session.exchanges) and not session.refused
    rows += [
        Row("exchanges asked for, made and seen", f"{len(session.exchanges)}, {len(done)}", "all", whole),
        Row("from readiness to the first picture of the new models, median", f"{1000 * np.median(waiting):.0f} ms"),
        Row("the same, longest", f"{1000 * waiting.max():.0f} ms", "<= 1 s", bool(waiting.max() <= MOST_S)),
        Row(
            "opening and verifying, median and longest",
            f"{1000 * np.median(opening):.0f}, {1000 * opening.max():.0f} ms",
        ),
        *stall_rows(watch),
    ]
    p50, p95, p99 = np.percentile(session.totals_ms, (50, 95, 99))
    rows.append(Row("software latency all the while: p50, p95, p99", f"{p50:.1f}, {p95:.1f}, {p99:.1f} ms"))
    details = {
        "seconds": seconds,
        "exchanges": [{"opening_s": o, "to_picture_s": w} for o, w in zip(opening, waiting, strict=True)],
        "counts": session.counts,
        "refused": session.refused,
    }
    return int(not publish("hot_swap", rows, details))


if __name__ == "__main__":
    sys.exit(main())
