"""A session that was recorded live and is replayed, at any speed, reads what it read live, to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.live_image import Reader
from bci_app.engine.offline import read_offline
from bci_app.engine.plan import SessionPlan
from bci_app.engine.session import Session
from bci_app.engine.settings import SessionSettings, StreamChoice
from bci_app.engine.views import Reconstruction
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams import lsl
from bci_app.streams.recordings import read_recording
from bci_app.streams.replay import Pace
from tests.engine.conftest import until
from tests.player import PlayerThread
from tests.sender import Sender
from tests.tiny import tiny_decoder, tiny_generator

SFREQ, CHANNELS = 256.0, ("sample number", "C3", "Cz", "Oz")
SPEEDS = (1.0, 8.0, 0.0)
N_READ = 2


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback every stream answers within 0.15 s."""
    monkeypatch.setattr(lsl, "_WAVE_S", 0.2)


class Run:
    """What a session on a stream reads, until there are enough readings."""

    def __init__(self, decoder: Decoder, generator: Generator, stream: StreamChoice, **fields: Any) -> None:
        self.results: list[Reconstruction] = []
        self._session = Session(SessionPlan(SessionSettings(stream=stream), "parity", decoder, generator, **fields))
        self._session.reconstructions.on_put = self._collect
        self._session.start(lambda event: None)

    def _collect(self) -> None:
        result = self._session.reconstructions.take()
        assert result is not None
        self.results.append(result)

    def end(self, n_read: int) -> list[Reconstruction]:
        """What was read, at least so much."""
        try:
            assert until(lambda: len(self.results) >= n_read, 20.0), f"{len(self.results)} of {n_read} read"
        finally:
            self._session.stop()
        return self.results


def live_runs(decoders: Sequence[Decoder], generator: Generator, folders: Sequence[Path]) -> list[list[Reconstruction]]:
    """What each decoder reads of one stream, all at once; each session is recorded in a folder of its own."""
    with Sender(CHANNELS, SFREQ, marker_every_s=0.12) as sender:
        stream = StreamChoice(source_id=sender.source_id, markers=f"{sender.name} markers")
        with ThreadPoolExecutor(len(decoders)) as pool:
            begin = partial(Run, generator=generator, stream=stream)
            runs = list(pool.map(lambda decoder, folder: begin(decoder, folder=folder), decoders, folders))
        return [run.end(N_READ) for run in runs]


def replayed(folder: Path, speed: float, decoder: Decoder, generator: Generator, n_read: int) -> list[Reconstruction]:
    """What is read of a recorded session that is played in random chunks."""
    with PlayerThread(folder, name=f"Replay {uuid4().hex}", pace=Pace(speed=speed, chunk="random", seed=4)) as player:
        stream = StreamChoice(source_id=player.source_id, markers=player.marker_description.name)
        return Run(decoder, generator, stream, stamps_are_live=player.speed == 1).end(n_read)


def check_all(folder: Path, decoder: Decoder, generator: Generator, results: Iterable[Reconstruction]) -> None:
    """Each reading is the one that the recording gives offline."""
    expected = read_offline(read_recording(folder), Reader(decoder, generator, lambda: 0.0))
    numbers = {window.first_sample: number for number, window in enumerate(expected.windows)}
    for result in results:
        np.testing.assert_array_equal(result.latent, expected.latents[numbers[result.first_sample]])
        np.testing.assert_array_equal(result.image, expected.images[numbers[result.first_sample]])


def test_session_recorded_live_reads_the_same_when_it_is_replayed(tmp_path: Path) -> None:
    """Every trial is read again; of sliding windows those that come too fast are left out, and the others are the same."""
    generator = Generator.open(tiny_generator(tmp_path / "generator"))
    cuts = {"trials": TrialSpec(start_s=-0.1, stop_s=0.2), "sliding": WindowSpec(window_s=0.25, hop_s=0.125)}
    decoders = [
        Decoder.open(tiny_decoder(tmp_path / f"{name} decoder", generator.bundle, CHANNELS, SFREQ, cut), generator)
        for name, cut in cuts.items()
    ]
    folders = [tmp_path / name for name in cuts]
    for folder in folders:
        folder.mkdir()
    live = live_runs(decoders, generator, folders)
    with ThreadPoolExecutor(2 * len(SPEEDS)) as pool:
        again = [
            [pool.submit(replayed, folder, speed, decoder, generator, n_read) for speed in SPEEDS]
            for folder, decoder, n_read in zip(folders, decoders, (N_READ, 1), strict=True)
        ]
    for folder, decoder, first, futures in zip(folders, decoders, live, again, strict=True):
        check_all(folder, decoder, generator, chain(first, *(future.result() for future in futures)))
