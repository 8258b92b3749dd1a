"""A recording of sentences replayed over real LSL in random chunks gives the tokens of the offline run of the same file."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.contract.lines import read_lines
from bci_app.contract.manifest import Generation
from bci_app.contract.reading import Reads
from bci_app.contract.signal import Marker
from bci_app.engine.events import Event, Finished
from bci_app.engine.settings import StreamChoice
from bci_app.engine.text_offline import OfflineText, read_text_offline
from bci_app.engine.text_plan import TextPlan
from bci_app.engine.text_session import TextSession
from bci_app.engine.text_settings import TextSettings
from bci_app.inference.text import TextDecoder
from bci_app.streams import lsl
from bci_app.streams.recordings import write_recording
from bci_app.streams.replay import Pace, ReplayProcess
from tests.sentences import SFREQ, SHOWN, reading_recording
from tests.tiny import tiny_text_bundle
from training.data.reading_files import read_readings
from training.data.reading_settings import Filtering, TableReadings


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback every stream answers within 0.15 s."""
    monkeypatch.setattr(lsl, "_WAVE_S", 0.3)


def replayed(path: Path, folder: Path, decoder: TextDecoder, speed: float = 20.0) -> TextSession:
    """A session over a file that is played in random chunks, at its end."""
    with ReplayProcess(path, pace=Pace(speed=speed, chunk="random", seed=3)) as player:
        stream = StreamChoice(source_id=player.source_id, markers=player.marker_description.name)
        plan = TextPlan(
            TextSettings(stream=stream, seed=5), "parity", decoder, folder,
            source_ended=lambda: not player.running, stamps_are_live=False,
        )  # fmt: skip
        session, over = TextSession(plan), threading.Event()

        def listen(event: Event) -> None:
            if isinstance(event, Finished):
                over.set()

        session.start(listen)
        assert over.wait(60)
        session.stop()
    assert session.ended == Finished("The recording has ended.", fatal=False)
    return session


def how(n_beams: int) -> Generation:
    """Enough tokens for the longest sentence."""
    return Generation(max_tokens=60, n_beams=n_beams)


@pytest.mark.parametrize(("reads", "n_beams"), [("word-windows", 1), ("waves", 3)])
def test_text_over_lsl_is_that_of_the_file_to_the_token(tmp_path: Path, reads: Reads, n_beams: int) -> None:
    decoder = TextDecoder.open(tiny_text_bundle(tmp_path / "bundle", reads, generation=how(n_beams)))
    recording = reading_recording(gap_at_s=3.4)
    write_recording(recording, tmp_path / "recording.npz")
    expected = read_text_offline(recording, decoder, seed=5)
    assert [number for number, _ in expected.dropped] == [1]
    run = tmp_path / "run"
    run.mkdir()
    session = replayed(tmp_path / "recording.npz", run, decoder)
    entries = read_lines(run / "sentences.jsonl")
    assert [entry["sentence"] for entry in entries] == [0, 2, 3, 4, 5]
    assert session.counts["not_read"] == 1
    check_same(entries, expected)
    assert len({entry["read"] for entry in entries}) > 1


def check_same(entries: list[dict[str, Any]], expected: OfflineText, shown: Sequence[str] = SHOWN) -> None:
    """What a run folder holds of its sentences is what was read offline, to the bit."""
    for entry, reading, noise in zip(entries, expected.readings, expected.noise, strict=True):
        result = reading.result
        assert (entry["tokens"], entry["codes"]) == (list(result.tokens), result.codes.tolist())
        assert (entry["read"], entry["log_probability"]) == (result.text, result.log_probability)
        assert (entry["noise"], entry["noise_tokens"]) == (noise.text, list(noise.tokens))
        assert entry["shown"] == shown[entry["sentence"]]


@pytest.mark.parametrize(("reads", "n_beams"), [("word-windows", 3), ("waves", 1)])
def test_what_the_workshop_cuts_is_what_the_program_reads_to_the_token(
    tmp_path: Path, reads: Reads, n_beams: int
) -> None:
    decoder = TextDecoder.open(tiny_text_bundle(tmp_path / "bundle", reads, generation=how(n_beams)))
    recording, manifest = reading_recording(gap_at_s=3.4), decoder.manifest
    write_recording(recording, tmp_path / "recording.npz")
    filtering = Filtering(band_hz=(1.0, 0.3 * SFREQ / 2), decimation=2)
    settings = TableReadings(
        recordings=(str(tmp_path / "recording.npz"),), sentence=manifest.sentence, filtering=filtering
    )
    readings, live = read_readings(settings), read_text_offline(recording, decoder).readings
    assert readings.preprocessing == manifest.preprocessing
    assert [item.sentence for item in readings.items] == [each.sentence.trial.text for each in live]
    for item, each in zip(readings.items, live, strict=True):
        np.testing.assert_array_equal(item.signal, each.sentence.trial.data)
        assert decoder.read(item.signal).tokens == each.result.tokens


def test_the_comparison_sees_a_shift_by_two_samples(tmp_path: Path) -> None:
    decoder = TextDecoder.open(tiny_text_bundle(tmp_path / "bundle"))
    recording = reading_recording()
    late = tuple(Marker(marker.time + 2 / SFREQ, marker.label) for marker in recording.markers)
    texts = [
        [each.result.text for each in read_text_offline(one, decoder).readings]
        for one in (recording, replace(recording, markers=late))
    ]
    assert texts[0] != texts[1]
