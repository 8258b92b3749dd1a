"""One closed loop over real LSL, in a process of its own: ``python -m tests.benchmarks.evolution_live_worker SEED SHAM FILE``.

All is as in the demo (participant's process, outlets, inlet, filters, trials, files) but for the window: a painter says of
each picture that it was there as soon as it was due.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from bci_app.engine.events import Event, Finished, Problem, ShowPicture
from bci_app.engine.evolution_demo import EvolutionDemoSettings, evolution_demo_plan
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.evolution_truth import compare
from bci_app.streams.network import loopback_config, use_config

FIRST_PORT = 20_000


def demo_of(seed: int, sham: bool, generations: int) -> EvolutionDemoSettings:
    """The demo's own defaults for a participant, a hidden picture and an evolution of this seed."""
    plain = EvolutionDemoSettings()
    assert plain.participant.preference is not None
    preference = plain.participant.preference.model_copy(update={"seed": seed})
    participant = plain.participant.model_copy(update={"seed": seed, "preference": preference})
    changes = {"seed": seed, "n_generations": generations, "sham": "on" if sham else "off"}
    return EvolutionDemoSettings(participant=participant, evolution=plain.evolution.model_copy(update=changes))


def run(settings: EvolutionDemoSettings) -> dict[str, Any]:
    """Evolve once; the truth, and how sound the loop was."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, evolution_demo_plan(settings, Path(folder), _silent) as plan:
        session = EvolutionSession(plan)
        events: SimpleQueue[Event] = SimpleQueue()
        problems, ended = paint(session, events)
        session.stop()
        truth = compare(session, settings.participant)
        row, curves = session.onsets.row(), session.evolution().curves
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "truth": truth,
            "ended": ended,
            "problems": problems,
            "counts": session.counts,
            "onset_p99_ms": row.p99_ms,
            "onset_worst_frames": row.worst_frames,
            "seconds": time.monotonic() - began,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "evolved": curves.evolved.mean.tolist(),
            "settings": settings.model_dump(mode="json"),
        }


def paint(session: EvolutionSession, events: SimpleQueue[Event]) -> tuple[list[str], str]:
    """Acknowledge pictures until the session has ended; its problems and its end."""
    problems = []
    session.start(events.put)
    while True:
        event = events.get()
        if isinstance(event, ShowPicture):
            time.sleep(max(0.0, event.due_s - session.clock()))
            session.picture_shown(event.trial, event.picture.id, session.clock())
        elif isinstance(event, Problem):
            problems.append(event.message)
        elif isinstance(event, Finished):
            return problems, event.reason


def _silent(done: int, total: int, text: str) -> None:
    """Nobody looks at this progress."""


def _own_ports(config: str, number: int) -> str:
    """LSL has 32 ports on a machine, three of which a run needs: each run gets its own, or ten could not find their streams."""
    return config.replace("[ports]", f"[ports]\nBasePort = {FIRST_PORT + 32 * number}\nPortRange = 32")


def main(seed: str, sham: str, generations: str, file: str) -> None:
    """Write one run's figures to `file`, whole or not at all."""
    use_config(_own_ports(loopback_config(f"bench-{uuid4().hex}"), 2 * int(seed) + (sham == "sham")))
    figures = run(demo_of(int(seed), sham == "sham", int(generations)))
    draft = Path(f"{file}.part")
    draft.write_text(json.dumps(figures), "utf-8")
    os.replace(draft, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
