"""Live software latency and lost samples: 64 channels at 1000 Hz, the window with its viewer on, recording on.

Latency runs from the arrival of a window's last sample in the acquisition thread to the moment the picture has
been handed to Qt in the GUI thread. It is compared with the time of decoder and generator alone in the same run: the part
of each latency that the two calls themselves take. Beside it, for whoever means another "alone", stands the time of the
same two calls before anything else runs in the process, at the pace of the session and back to back; the latter finds
every cache warm, which no live program does.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.windowing import WindowSpec
from bci_app.engine.latency import STEPS
from bci_app.engine.live_image import Reader
from bci_app.engine.plan import SessionPlan
from bci_app.engine.session import Session
from bci_app.engine.settings import SessionSettings, StreamChoice
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams.lsl import local_clock
from bci_app.streams.network import loopback_config, use_config
from bci_app.ui.app import run_window
from tests.benchmarks.counter_process import CHANNELS, SFREQ, CounterProcess
from tests.benchmarks.counter_stream import MODULUS
from tests.benchmarks.results import Row, publish
from tests.tiny import tiny_decoder

DECIMATION = 4
CUT = WindowSpec(window_s=0.5, hop_s=0.1)
ALONE = (("at the session's pace", 150, CUT.hop_s), ("back to back", 500, 0.0))


def inference_alone(decoder: Decoder, generator: Generator, n: int, pause_s: float) -> np.ndarray:
    """Milliseconds of decoder plus generator (n,), nothing else running, with a pause before each."""
    from bci_app.contract.signal import Window

    reader = Reader(decoder, generator, local_clock)
    shape = (decoder.n_channels, decoder.n_times)
    rng = np.random.default_rng(0)
    windows = [Window(10 * rng.normal(size=shape), np.arange(shape[1]) / 250, 0) for _ in range(20)]
    results = []
    for i in range(n + 20):
        time.sleep(pause_s)
        results.append(reader.read(windows[i % 20]))
    return np.array([1000 * (each.generated_s - each.cut_s) for each in results[20:]])


def counted(folder: Path) -> tuple[int, int, int]:
    """Samples recorded, lost and doubled, by the counter in the first channel."""
    n_channels = len(json.loads((folder / "eeg.json").read_text("utf-8"))["channels"])
    samples = np.memmap(folder / "eeg.f32", np.float32, "r").reshape(-1, n_channels)
    steps = np.diff(samples[:, 0].astype(np.int64)) % MODULUS
    return len(samples), int((steps[steps > 1] - 1).sum()), int((steps == 0).sum())


def run(seconds: float, folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray, Session, int]:
    """One session; inference alone by pace (n,), steps (n, len(STEPS)) in ms, the session, samples sent."""
    use_config(loopback_config(f"latency-{uuid4().hex}"))
    generator = Generator.open(shipped("pictures64"), "cpu")
    bundle = tiny_decoder(
        folder / "decoder", generator.bundle, CHANNELS, SFREQ, CUT, DECIMATION, dim=generator.latent_space.dim
    )
    decoder = Decoder.open(bundle, generator, "cpu")
    alone = {name: inference_alone(decoder, generator, n, pause_s) for name, n, pause_s in ALONE}
    source_id = f"counter-{uuid4().hex}"
    sender = CounterProcess(source_id, seconds)
    record = folder / "record"
    record.mkdir()
    plan = SessionPlan(
        SessionSettings(stream=StreamChoice(source_id=source_id)),
        "latency measurement",
        decoder,
        generator,
        folder=record,
        source_ended=lambda: sender.ended,
    )
    session = Session(plan)
    session.latency = type(session.latency)(length=1_000_000)
    run_window(session, offscreen=True, close_when_finished=True)
    return alone, session.latency.milliseconds(), session, sender.sent()


def latency_rows(alone: dict[str, np.ndarray], steps: np.ndarray) -> list[Row]:
    """Latency against the two calls alone: during the run, where the targets hold, and before it."""
    total = steps[:, STEPS.index("total software")]
    inside = steps[:, STEPS.index("decoder")] + steps[:, STEPS.index("generator")]
    part = float(np.median(inside))
    p50, p95, p99 = np.percentile(total, (50, 95, 99))
    rows = [
        Row("decoder + generator during the run: p50 / p99", f"{part:.2f} / {np.percentile(inside, 99):.2f} ms"),
        Row(
            "total software latency: p50 / p95 / p99 / max", f"{p50:.2f} / {p95:.2f} / {p99:.2f} / {total.max():.2f} ms"
        ),
        Row("p50 of the total / p50 of decoder + generator", f"{p50 / part:.2f}", "<= 1.3", bool(p50 <= 1.3 * part)),
        Row("p99 of the total / p50 of decoder + generator", f"{p99 / part:.2f}", "<= 3", bool(p99 <= 3 * part)),
    ]
    for name, times in alone.items():
        base = float(np.median(times))
        rows += [
            Row(
                f"decoder + generator before the run, {name}: p50 / p99",
                f"{base:.2f} / {np.percentile(times, 99):.2f} ms",
            ),
            Row(f"p50 and p99 of the total / that p50, {name}", f"{p50 / base:.2f} and {p99 / base:.2f}"),
        ]
    return rows


def loss_rows(record: Path, sent: int) -> list[Row]:
    """Samples lost and doubled of those sent, by the counter in the recording."""
    n_recorded, lost, doubled = counted(record)
    missing = sent - n_recorded
    return [
        Row(f"samples lost of {sent} sent", f"{max(missing, lost)}", "0", missing == 0 and lost == 0),
        Row("samples doubled", f"{doubled}", "0", doubled == 0),
    ]


def step_details(steps: np.ndarray) -> dict[str, dict[str, float]]:
    """Percentiles of each step in ms."""
    names = ("p50", "p95", "p99", "max")
    return {
        step: dict(zip(names, (*np.percentile(column, (50, 95, 99)), column.max()), strict=True))
        for step, column in zip(STEPS, steps.T, strict=True)
    }


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name:
        alone, steps, session, sent = run(seconds, Path(name))
        rows = latency_rows(alone, steps) + loss_rows(Path(name) / "record", sent)
    rows.append(Row("windows read / passed over", f"{len(steps)} / {session.counts['windows_skipped']}"))
    details = {"seconds": seconds, "steps_ms": step_details(steps), "counts": session.counts}
    return int(not publish("latency", rows, details))


if __name__ == "__main__":
    sys.exit(main())
