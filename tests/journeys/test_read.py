"""The journeys of a user who reads sentences: a demo, a replay, and what is said when bundles or streams do not fit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from PIL import Image

from bci_app.contract.lines import read_lines
from bci_app.contract.manifest import Score
from bci_app.engine import text_demo
from bci_app.engine.text_offline import read_text_offline
from bci_app.engine.text_views import NOT_DETECTED
from bci_app.inference.text import TextDecoder
from bci_app.simulation.live_reading import LiveReader
from bci_app.simulation.settings import ParticipantSettings, ReadingSettings
from bci_app.streams.recordings import write_recording
from bci_app.streams.run_folder import read_run
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED
from tests.journeys.conftest import Command
from tests.parity.test_text_replay import check_same
from tests.sentences import SHOWN, reading_recording
from tests.tiny import tiny_text_bundle

PEOPLE = ("ada", "bob", "cleo")
SCRIPT = (*SHOWN[:1], *(f"{who} {does}" for who in PEOPLE for does in ("sees", "reads", "<b>naps</b>", "hums")))
"""The first is one of the model's training; of the others there are enough to be scored."""


def test_a_replay_reads_what_the_offline_run_reads_and_reports_it_beside_noise(
    tmp_path: Path, command: Command
) -> None:
    bundle = tiny_text_bundle(tmp_path / "waves", "waves", trained_on=("The dog sees.",))
    recording = reading_recording(SCRIPT)
    write_recording(recording, tmp_path / "reading.npz")
    outcome = command(
        "replay", tmp_path / "reading.npz", "--decoder", bundle.folder, "--speed", "25", "--folder", tmp_path / "runs",
        "--offscreen",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    (run,) = (tmp_path / "runs").iterdir()
    expected = read_text_offline(recording, TextDecoder.open(bundle))
    check_same(read_lines(run / "sentences.jsonl"), expected, SCRIPT)
    check_summary(json.loads((run / "summary.json").read_text("utf-8")), outcome.out)
    page = (run / "report.html").read_text("utf-8")
    for words in ("REPLAY", "Read, or guessed?", "matched Gaussian noise", "(trained on)", "none chosen", "not tested"):
        assert words in page
    assert "<b>naps" not in page
    assert page.count("&lt;b&gt;naps") == len(PEOPLE)
    assert read_run(run).n_times == recording.n_times
    assert not (run / "pictures").exists()
    with Image.open(run / "window.png") as window:
        assert window.width >= 1100


def check_summary(summary: dict, printed: str) -> None:
    assert (summary["watermark"], summary["ended"], summary["failed"]) == ("REPLAY", "The recording has ended.", False)
    assert summary["counts"]["read"] == len(SCRIPT)
    assert summary["counts"]["not_read"] == summary["counts"]["gaps"] == 0
    scores = summary["scores"]
    assert (scores["n_scored"], scores["n_known"], scores["n_untold"]) == (len(SCRIPT) - 1, 1, 0)
    for name in ("eeg", "noise"):
        gap = scores[name]["gap"]
        assert gap["low"] <= gap["value"] <= gap["high"]
    assert scores["verdict"] in printed
    assert "No EEG information was detected." in printed, "what a tiny bundle makes of noise has nothing of a sentence"
    assert "The same model fed matched noise" in printed
    assert "is not known: it was not tested" in printed
    assert set(summary["latency_ms"]) == {
        "filter, ring, cutting", "encoder, first word", "each further word", "hand-over to Qt", "total to first word",
    }  # fmt: skip


@contextmanager
def reader_in_a_thread(settings: ParticipantSettings) -> Iterator[None]:
    """The reader of the demo without a process of its own, whose start takes seconds."""
    reader, stop, ready = LiveReader(settings), threading.Event(), threading.Event()
    thread = threading.Thread(target=reader.run, args=(stop, ready.set))
    thread.start()
    assert ready.wait(10.0)
    yield
    stop.set()
    thread.join()


def test_the_demo_reads_a_simulated_reader_live(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_demo, "ParticipantProcess", reader_in_a_thread)
    reading = ReadingSettings(soa_s=0.2, jitter_s=0.0, pause_s=0.5)
    participant = ParticipantSettings(n_channels=4, sfreq=128.0, drop_out_rate_hz=0, pop_rate_hz=0, reading=reading)
    tested = Score(name=MATCHED_MINUS_SHUFFLED, value=0.3, low=-0.9, high=1.4, n=30, held_out="sentences")
    tiny_text_bundle(tmp_path / "tiny", channels=("O1", "Oz", "Fpz", "O2"), sfreq=participant.sfreq, metrics=(tested,))
    config = {"participant": participant.model_dump(mode="json"), "session": {"decoder": str(tmp_path / "tiny")}}
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump(config))
    outcome = command(
        "demo", "--read", "--config", tmp_path / "demo.yaml", "--sentences", 1, "--folder", tmp_path / "runs",
        "--offscreen",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    told = "All sentences asked for were read (1). Text was generated for 1 sentence. 1 sentence of one kind"
    assert told in outcome.out
    assert f"{NOT_DETECTED}: +0.3 points, 95 % interval -0.9 to +1.4." in outcome.out
    (run,) = (tmp_path / "runs").iterdir()
    (entry,) = read_lines(run / "sentences.jsonl")
    assert len(entry["codes"]) == len(entry["words"]) >= 2
    assert entry["shown"] == " ".join(entry["words"])
    assert "SIMULATED PARTICIPANT" in (run / "report.html").read_text("utf-8")
    assert json.loads((run / "summary.json").read_text("utf-8"))["latency_ms"]["transport age"]["n"] == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("read", "--decoder", "{picture}", "--markers", "m"), "It reads pictures: use `bci-app run --decoder"),
        (("run", "--decoder", "{text}"), "It reads sentences: use `bci-app read --decoder"),
        (("read",), "A text bundle is needed to read sentences; none was named."),
        (("read", "--decoder", "{text}"), "no marker stream was named. Name one (--markers NAME;"),
        (("read", "--decoder", "{features}", "--markers", "m"), "features of words that were computed elsewhere"),
        (("replay", "x.npz", "--decoder", "{features}"), "features of words that were computed elsewhere"),
        (("replay", "x.npz", "--decoder", "{text}", "--generator", "g"), "Leave --generator out."),
        (("replay", "x.npz", "--decoder", "{picture}", "--beams", "3"), "--beams belongs to sentences."),
        (("demo", "--read", "--evolve"), "choose one"),
        (("demo", "--read", "--trials", "3"), "has --sentences, no --trials"),
        (("demo", "--sentences", "3"), "Add --read."),
        (("demo", "--read", "--generations", "3"), "belong to an evolution"),
        (("demo", "--sham"), "Add one of them."),
        (("read", "--decoder", "{text}", "--markers", "m", "--beams", "0"), "n_beams"),
    ],
)
def test_what_does_not_go_together_is_told_with_what_does(
    tmp_path: Path, bundles: dict[str, Path], command: Command, arguments: tuple[str, ...], complaint: str
) -> None:
    named = {"picture": bundles["trials"], "text": tmp_path / "text", "features": tmp_path / "features"}
    for name, reads in (("text", "word-windows"), ("features", "word-features")):
        if f"{{{name}}}" in arguments:
            tiny_text_bundle(named[name], reads)  # type: ignore[arg-type]
    outcome = command(*(each.format(**named) for each in arguments))
    assert complaint in outcome.complaint()
