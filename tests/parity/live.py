"""A recording read live: replayed over real LSL in random chunks, through the whole engine."""

from __future__ import annotations

import threading
from pathlib import Path

from bci_app.engine.events import Event, Finished
from bci_app.engine.session import Session, SessionPlan
from bci_app.engine.settings import SessionSettings, StreamChoice
from bci_app.engine.views import Reconstruction
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams.replay import Pace, ReplayProcess


def replayed(path: Path, decoder: Decoder, generator: Generator, seed: int, speed: float = 4.0) -> list[Reconstruction]:
    """Everything a live session reads while the file is played in random chunks."""
    with ReplayProcess(path, pace=Pace(speed=speed, chunk="random", seed=seed)) as player:
        stream = StreamChoice(source_id=player.source_id, markers=player.marker_description.name)
        plan = SessionPlan(
            SessionSettings(stream=stream), "parity", decoder, generator, source_ended=lambda: not player.running,
            stamps_are_live=player.speed == 1,
        )  # fmt: skip
        session = Session(plan)
        results: list[Reconstruction] = []
        over = threading.Event()

        def collect() -> None:
            result = session.reconstructions.take()
            assert result is not None
            results.append(result)

        def listen(event: Event) -> None:
            if isinstance(event, Finished):
                over.set()

        session.reconstructions.on_put = collect
        session.start(listen)
        assert over.wait(600)
        session.stop()
        assert session.ended is not None
        assert not session.ended.fatal, session.ended.reason
    return results
