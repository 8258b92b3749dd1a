"""A report is written anew from whatever a session left; what it says of a killed one is what it would have said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_app.contract.errors import RecordingError
from bci_app.contract.signal import Marker
from bci_app.engine import evolution_presenter, report
from bci_app.engine.events import SentenceRead
from bci_app.engine.evolution_closing import run_evolution_and_report
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.evolution_settings import UnitResponse
from bci_app.engine.recorder import Recorder
from bci_app.engine.reopening import report_again, session_about
from bci_app.engine.session_file import CUT_SHORT, begin_session, end_session, read_session, update_session
from bci_app.engine.session_signal import signal_facts
from bci_app.engine.settings import StreamChoice
from bci_app.engine.text_evidence import RunningText
from bci_app.engine.text_plan import TextPlan
from bci_app.engine.text_settings import TextSettings
from bci_app.engine.text_summary import scores_summary
from bci_app.inference.generator import Generator
from bci_app.inference.text import TextDecoder
from tests.engine.conftest import CHANNELS, SFREQ, chunked, moving
from tests.engine.test_evolution_session import Viewer, new_plan
from tests.tiny import tiny_text_bundle

HOSTILE = "<script>alert(1)</script>"
PICTURES: dict[str, Any] = {
    "kind": "pictures", "title": "t", "signal": "EEG", "device": "CPU", "participant": "P07", "stream": None,
    "decoder": {
        "name": "d", "digest": "0" * 64, "latent_mean": [0.0] * 4, "filter_delay_ms": 1.0, "filter_delay_hz": 10.0,
    },
    "generator": {"name": "g", "digest": "1" * 64},
}  # fmt: skip
"""What a session that reads pictures keeps of itself when it begins."""


def record(folder: Path, n_times: int = 200, gap_at: int | None = None) -> None:
    """A finished recording of noise with one marker."""
    folder.mkdir(exist_ok=True)
    recorder = Recorder(folder, CHANNELS, SFREQ, lambda message: None, lambda message: None)
    recorder.start()
    for chunk in chunked(moving(n_times), gap_at=gap_at):
        recorder.raw(chunk)
    recorder.marker(Marker(1001.0, "here"))
    recorder.stop()
    assert recorder.join(5.0)


def summary_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "summary.json").read_text("utf-8")))


def test_an_evolution_that_was_killed_comes_to_the_same_figures(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evolution_presenter, "_READY_S", 0.05)
    plan = new_plan(generator, UnitResponse(), tmp_path)
    stream = StreamChoice(name="Amplifier", source_id="UN-2024.11.07")
    plan.settings = plan.settings.model_copy(update={"stream": stream})

    def show(session: EvolutionSession) -> int:
        with Viewer(session) as viewer:
            assert viewer.over.wait(20.0)
        return 0

    run_evolution_and_report(plan, show)
    was = summary_of(tmp_path)
    assert (was["settings"]["stream"]["name"], was["settings"]["stream"]["source_id"]) == ("Amplifier", None)
    assert read_session(tmp_path)["ended"]["failed"] is False
    (tmp_path / "summary.json").unlink()
    update_session(tmp_path, ended=None)
    page = report_again(tmp_path).read_text("utf-8")
    now = summary_of(tmp_path)
    for same in (
        "gain",
        "curves",
        "generations",
        "best",
        "counts",
        "sham",
        "response",
        "generator",
        "references",
        "settings",
    ):
        assert now[same] == was[same], same
    assert now["ended"] == CUT_SHORT
    assert page.count('alt="average of generation') == 2
    assert CUT_SHORT in page


def test_sentences_of_a_killed_session_are_scored_as_they_would_have_been(tmp_path: Path) -> None:
    decoder = TextDecoder.open(tiny_text_bundle(tmp_path / "bundle", "waves"))
    plan = TextPlan(TextSettings(participant="P07"), "reading", decoder)
    evidence = RunningText(waves=True)
    lines = []
    for number in range(12):
        shown = f"sentence number {number % 6} {HOSTILE}"
        told = SentenceRead(number, shown, 4, f"sentence {number % 3}", "noise", known=number == 0)
        evidence.note(told, 100 + number)
        lines.append(
            {"sentence": number, "shown": shown, "known": told.known, "words": ["a"] * 4, "read": told.read,
             "noise": "noise", "n_steps": 100 + number}
        )  # fmt: skip
    folder = tmp_path / "run"
    record(folder)
    (folder / "sentences.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    begin_session(folder, {**plan.about, "title": "reading", "stream": None})
    page = report_again(folder).read_text("utf-8")
    summary = summary_of(folder)
    assert summary["scores"] == json.loads(json.dumps(scores_summary(evidence.final())))
    assert (summary["scores"]["n_scored"], summary["scores"]["n_known"]) == (11, 1)
    assert summary["participant"] == "P07"
    assert HOSTILE not in page
    assert "<td>P07</td>" in page


@pytest.mark.parametrize("closed", [True, False])
def test_a_recording_alone_has_a_page_that_tells_its_samples_and_gaps(tmp_path: Path, closed: bool) -> None:
    record(tmp_path / "run", 200, gap_at=100)
    record(tmp_path / "run" / "part-2", 60)
    begin_session(
        tmp_path / "run", {"kind": "signal", "title": f"Looking {HOSTILE}", "stream": None, "participant": ""}
    )
    if closed:
        end_session(tmp_path / "run", None)
    page = report_again(tmp_path / "run").read_text("utf-8")
    assert signal_facts(tmp_path / "run") == {"raw_samples": 260, "gaps": 1}
    assert "<td>260</td>" in page
    assert (CUT_SHORT in page) is not closed
    assert ("The recording was ended by hand. 2.6 s of signal were recorded" in page) is closed
    assert HOSTILE not in page
    assert "default-src 'none'" in page, "whatever came from outside, nothing is loaded and nothing runs"
    assert not re.search(r'<script|<link|(?:src|href)="(?!data:|#)', page)


def test_a_killed_session_that_was_cut_at_any_byte_tells_what_is_whole(tmp_path: Path) -> None:
    rng, n = np.random.default_rng(3), 12
    record(tmp_path)
    begin_session(tmp_path, PICTURES)
    lines = [
        {"trial": k, "picture": f"a/{k}/x", "marker": "m", "identified": None, "decoder": "0" * 64}
        | {f"latent_{name}": rng.normal(size=4).tolist() for name in ("read", "noise", "shown")}
        for k in range(n)
    ]
    files = {name: (tmp_path / name).read_bytes() for name in ("eeg.f32", "eeg_times.f64")}
    files["trials.jsonl"] = "".join(json.dumps(line) + "\n" for line in lines).encode()
    files["latencies.jsonl"] = b'{"decoder": 1.0, "total software": 2.0}\n' * n
    for _ in range(5):
        kept = {name: content[: rng.integers(len(content))] for name, content in files.items()}
        for name, content in kept.items():
            (tmp_path / name).write_bytes(content)
        n_trials, n_results = (
            kept[name].count(b"\n") + kept[name].endswith(b"}") for name in ("trials.jsonl", "latencies.jsonl")
        )
        report_again(tmp_path)
        summary = summary_of(tmp_path)
        assert summary["counts"]["read"] == summary["identification"]["n_trials"] == n_trials
        assert summary["counts"]["raw_samples"] == min(len(kept["eeg.f32"]) // 16, len(kept["eeg_times.f64"]) // 8)
        assert summary["latency_ms"].get("decoder", {"n": 0})["n"] == n_results


def test_of_many_sliding_windows_some_are_shown_and_all_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_MOST_WINDOWS", 3)
    record(tmp_path)
    begin_session(tmp_path, PICTURES)
    lines = [json.dumps({"window": n, "until_s": 50 + 0.1 * n, "latent_read": [0.0]}) for n in range(9)]
    (tmp_path / "windows.jsonl").write_text("\n".join(lines) + '\n{"cut')
    page = report_again(tmp_path).read_text("utf-8")
    assert "3 of 9 windows, at equal distances" in page
    assert re.findall(r"not kept([\d.]+) s<", page) == ["0.0", "0.4", "0.8"]
    assert summary_of(tmp_path)["counts"]["read"] == 9


def test_a_session_file_of_an_older_program_without_an_end_has_that_of_its_summary(tmp_path: Path) -> None:
    record(tmp_path)
    about = {"format": 1, "kind": "signal", "title": "old", "stream": None, "versions": {}}
    (tmp_path / "session.json").write_text(json.dumps(about))
    assert session_about(tmp_path)["ended"] is None
    for _ in range(2):  # the second time there is a summary, which the first has written
        assert CUT_SHORT in report_again(tmp_path).read_text("utf-8")
        (tmp_path / "summary.json").write_text(json.dumps({"ended": CUT_SHORT, "failed": True}))
        assert session_about(tmp_path)["ended"] is None
    summary = {"title": "old", "ended": "The stream ended.", "written": "2026-01-01", "problems": [], "counts": {}}
    (tmp_path / "summary.json").write_text(json.dumps({**summary, "stream": "s", "versions": {}}))
    assert session_about(tmp_path)["ended"] == {"at": "2026-01-01", "reason": "The stream ended.", "failed": False}
    assert "The stream ended." in report_again(tmp_path).read_text("utf-8")


@pytest.mark.parametrize("kind", ["signal", "pictures", "text", "calibration"])
def test_a_summary_that_lacks_what_its_page_tells_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    begin_session(tmp_path, {"kind": kind, "title": "t"})
    end_session(tmp_path, None)
    (tmp_path / "summary.json").write_text('{"title": "t", "ended": "It ended."}')
    with pytest.raises(RecordingError, match="is not whole"):
        report_again(tmp_path)
    assert not list(tmp_path.glob("report*"))


def test_samples_that_were_cut_within_are_not_counted(tmp_path: Path) -> None:
    record(tmp_path, 50)
    with (tmp_path / "eeg.f32").open("r+b") as file:
        file.truncate(30 * 4 * len(CHANNELS) + 5)
    assert signal_facts(tmp_path) == {"raw_samples": 30, "gaps": 0}


def test_the_summary_of_an_older_program_is_enough_for_its_page(tmp_path: Path) -> None:
    noise = {"value": 0.5, "low": 0.4, "high": 0.6}
    summary = {
        "title": "old", "ended": "All 20 trials were read.", "failed": False, "problems": [], "written": "2026-01-01",
        "watermark": "", "latency_ms": {}, "counts": {"read": 20}, "signal": "EEG", "stream": "s", "device": "CPU",
        "decoder": {"name": "d", "digest": "0" * 64, "metrics": []}, "generator": {"name": "g", "digest": "1" * 64},
        "settings": {}, "versions": {},
        "identification": {
            "n_trials": 20, "chance": 0.5, "decoder": noise, "noise_twin": noise, "shuffled_pairing": noise
        },
    }  # fmt: skip
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    before = (tmp_path / "summary.json").read_bytes()
    assert "All 20 trials were read." in report_again(tmp_path).read_text("utf-8")
    assert (tmp_path / "summary.json").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "holds session.json"),
        ("{", "cannot be read"),
        ('{"format": 99}', "Update the program"),
        ('{"format": 1, "ended": null, "kind": "dream"}', "kind 'dream'"),
        ('{"format": 1, "ended": null, "kind": "pictures"}', "not whole"),
    ],
)
def test_a_folder_without_a_session_that_can_be_read_is_refused_in_words(
    tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "session.json").write_text(content)
    with pytest.raises(RecordingError, match=words):
        report_again(tmp_path)
    assert not (tmp_path / "report.html").exists()
