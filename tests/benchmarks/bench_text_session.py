"""Time from the end of a sentence to its first word in Qt, and from word to word: a replay at real time, with its window.

The end of a sentence is the arrival of its last sample in the acquisition thread, or that of its last marker if that comes
later. A word is known when the next one begins. The recording is of the simulated reader whom the shipped model was trained
on, with sentences of which it has seen none; the noise twin is read after each sentence, as in every session.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

import numpy as np

from bci_app.bundles import shipped
from bci_app.contract.bundle import open_bundle
from bci_app.engine.text_plan import SHIPPED, text_replay_plan
from bci_app.engine.text_session import STEPS, TextSession
from bci_app.engine.text_settings import TextSettings
from bci_app.simulation.live_reading import endless_sentences
from bci_app.simulation.reading import simulate_reading_session
from bci_app.simulation.settings import SIMULATED_READER
from bci_app.streams.network import loopback_config, use_config
from bci_app.streams.recordings import write_recording
from bci_app.ui.app import run_window
from tests.benchmarks.results import Row, publish

WORDS_MS = 500.0
"""From one word to the next on the reader's screen: text must come faster than it is read."""


def run(decoder: Path, n_sentences: int, folder: Path, n_beams: int | None) -> TextSession:
    """One replay at real time, at its end."""
    use_config(loopback_config(f"text-session-{uuid4().hex}"))
    day = SIMULATED_READER.model_copy(update={"session": 1})
    sentences = [sentence for sentence, _ in zip(endless_sentences(day), range(n_sentences), strict=False)]
    write_recording(simulate_reading_session(day, sentences), folder / "reading.npz")
    settings = TextSettings(decoder=decoder, device="cpu", n_beams=n_beams)
    with text_replay_plan(settings, open_bundle(decoder), folder / "reading.npz", 1.0) as plan:
        session = TextSession(plan)
        run_window(session, offscreen=True, close_when_finished=True)
    return session


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decoder", type=Path, help=f"text bundle (default: {SHIPPED}, which comes with the program)")
    parser.add_argument("--sentences", type=int, default=24)
    parser.add_argument("--beams", type=int, help="hypotheses (default: as the bundle was tested)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        session = run(given.decoder or shipped(SHIPPED), given.sentences, Path(name), given.beams)
    steps = session.latency.milliseconds()
    rows, details = [], {}
    for step, values in zip(STEPS, steps.T, strict=True):
        kept = values[~np.isnan(values)]
        p50, p95, p99 = np.percentile(kept, (50, 95, 99))
        details[step] = {"p50": p50, "p95": p95, "p99": p99, "n": len(kept)}
        target = f"p95 < {WORDS_MS:g} ms" if step in ("each further word", STEPS[-1]) else ""
        measured = f"{p50:.1f} / {p95:.1f} / {p99:.1f} ms"
        rows.append(Row(f"{step}: p50 / p95 / p99", measured, target, bool(p95 < WORDS_MS) if target else None))
    counts = session.counts
    rows += [
        Row(f"sentences read of {given.sentences}", str(counts["read"]), "all", counts["read"] == given.sentences),
        Row("beams", str(session.plan.generation.n_beams)),
    ]
    return int(not publish("text_session", rows, {"steps_ms": details, "counts": counts}))


if __name__ == "__main__":
    sys.exit(main())
