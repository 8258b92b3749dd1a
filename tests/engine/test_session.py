"""A session from its plan to its report, over real LSL and without a window."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from bci_app.contract.errors import NoStreamError, RateError, RecordingError, SettingsError
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.closing import RunResult, run_and_report
from bci_app.engine.demo import endless
from bci_app.engine.events import Event, Finished, Problem, ShowPicture, TrialRead
from bci_app.engine.opening import shown_in
from bci_app.engine.plan import Outlets, SessionPlan
from bci_app.engine.reopening import identification_curve, report_again
from bci_app.engine.session import Session
from bci_app.engine.session_file import CUT_SHORT, update_session
from bci_app.engine.settings import Presentation, SessionSettings, StreamChoice
from bci_app.engine.summary import run_folder, write_json
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import make_picture
from bci_app.pictures.source import builtin
from bci_app.streams.markers import MarkerOutlet
from bci_app.streams.replay import Pace
from bci_app.streams.run_folder import read_run
from tests.engine.conftest import CHANNELS, SFREQ, until
from tests.player import PlayerThread
from tests.sender import Sender
from tests.tiny import tiny_decoder

HOSTILE = "<script>alert(1)</script>"


def without_window(session: Session, on_event: Callable[[Event], None] = lambda event: None) -> int:
    """Run to the end; whatever is to be painted is painted at once, and each picture handed over."""
    over = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, ShowPicture):
            session.picture_shown(event.trial, event.picture.id, session.clock())
        on_event(event)
        if isinstance(event, Finished):
            over.set()

    def hand_over() -> None:
        result = session.reconstructions.take()
        if result is not None:
            session.handed_to_qt(result, session.clock())

    session.reconstructions.on_put = hand_over
    session.start(listen)
    assert over.wait(20.0)
    session.stop()
    return 0


@dataclass
class Run:
    session: Session
    result: RunResult
    folder: Path
    events: list[Event]
    sent: np.ndarray


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, generator: Generator, decoder: Decoder) -> Run:
    """A finished session that showed six pictures on a stream of noise with a hostile name."""
    folder = tmp_path_factory.mktemp("run")
    events: list[Event] = []
    made: list[Session] = []
    with Sender(CHANNELS, SFREQ, name=HOSTILE) as sender:
        settings = SessionSettings(
            stream=StreamChoice(source_id=sender.source_id),
            presentation=Presentation(n_trials=6, soa_s=0.4, show_s=0.2),
        )
        source = builtin(("shapes",))
        plan = SessionPlan(
            settings, f"title {HOSTILE}", decoder, generator,
            pictures=endless(source, np.random.default_rng(0), generator.image_size, set()),
            outlets=Outlets(MarkerOutlet("test markers", uuid4().hex)), folder=folder, notes=(f"a note {HOSTILE}",),
        )  # fmt: skip

        def show(session: Session) -> int:
            made.append(session)
            return without_window(session, events.append)

        result = run_and_report(plan, show, 0.0)
    return Run(made[0], result, folder, events, np.hstack(sender.sent))


def test_the_session_ends_well_with_all_trials_read(shown: Run) -> None:
    assert shown.events[-1] == Finished("All 6 trials were read.", fatal=False)
    assert (shown.result.failed, shown.result.reason) == (False, "")
    read = [event for event in shown.events if isinstance(event, TrialRead)]
    assert [event.trial for event in read] == [0, 1, 2, 3, 4, 5]
    assert np.isnan(read[0].identified)
    assert all(0 <= event.identified <= 1 for event in read[1:])


def test_what_was_recorded_is_what_was_sent(shown: Run) -> None:
    recording = read_run(shown.folder)
    assert recording.n_times > 200
    first = int(np.flatnonzero(shown.sent[0] == recording.data[0, 0])[0])
    np.testing.assert_array_equal(recording.data, shown.sent[:, first : first + recording.n_times])
    assert len(recording.markers) == 6
    assert len(list((shown.folder / "pictures").iterdir())) == 12


def test_the_summary_stands_with_its_controls(shown: Run) -> None:
    summary = json.loads((shown.folder / "summary.json").read_text("utf-8"))
    scores = summary["identification"]
    assert scores["n_trials"] == 6
    assert scores["chance"] == 0.5
    for name in ("decoder", "noise_twin", "shuffled_pairing"):
        assert 0 <= scores[name]["low"] <= scores[name]["value"] <= scores[name]["high"] <= 1
    curve = shown.session.identification()
    assert scores["decoder"]["value"] == curve.decoder.mean[-1]
    assert scores["noise_twin"]["value"] == curve.noise_twin.mean[-1]
    assert summary["problems"] == [f"a note {HOSTILE}"]
    assert summary["counts"]["read"] == 6
    assert summary["counts"]["gaps"] == 0
    assert set(summary["latency_ms"]) >= {"decoder", "generator", "total software"}
    assert summary["decoder"]["digest"] == shown.session.plan.decoder.bundle.digest
    for word in ("6 single trials", "chance 50 %", "matched noise", "at random", "CPU"):
        assert word in shown.result.paragraph


def test_six_trials_of_noise_are_not_said_to_be_read(shown: Run) -> None:
    assert "6 trials are too few" in shown.result.paragraph


def test_the_report_holds_every_trial_and_no_markup_of_others(shown: Run) -> None:
    page = shown.result.report.read_text("utf-8")
    assert page.count('alt="read from EEG"') == page.count('alt="shown: ') == 6
    assert page.count("data:image/png;base64,") == 12
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") >= 3
    for words in ("matched Gaussian noise", "shuffled pairing", "chance", "<svg", "Latency", "a note"):
        assert words in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


def test_a_report_of_a_damaged_run_folder_is_still_written(shown: Run, tmp_path: Path) -> None:
    from bci_app.engine.report import write_report

    shutil.copytree(shown.folder, tmp_path / "copy")
    with (tmp_path / "copy" / "trials.jsonl").open("ab") as file:
        file.write(b'{"trial": 6, "pic')
    (tmp_path / "copy" / "pictures" / "trial_0003_read.png").unlink()
    summary = json.loads((tmp_path / "copy" / "summary.json").read_text("utf-8"))
    page = write_report(tmp_path / "copy", summary, shown.session.identification()).read_text("utf-8")
    assert page.count('alt="read from EEG"') == 5
    assert "the picture was not kept" in page


def test_a_session_that_was_killed_comes_to_the_same_figures_as_one_that_ended(shown: Run, tmp_path: Path) -> None:
    about = json.loads((shown.folder / "session.json").read_text("utf-8"))
    assert about["ended"]["reason"] == "All 6 trials were read."
    assert about["stream"]["channels"] == list(CHANNELS)
    killed = tmp_path / "copy"
    shutil.copytree(shown.folder, killed)
    (killed / "summary.json").unlink()
    (killed / "report.html").unlink()
    update_session(killed, ended=None)
    page = report_again(killed).read_text("utf-8")
    was, now = (json.loads((folder / "summary.json").read_text("utf-8")) for folder in (shown.folder, killed))
    assert now["identification"] == was["identification"]
    assert (now["ended"], now["failed"]) == (CUT_SHORT, True)
    for same in ("latency_ms", "decoder", "generator", "settings", "versions", "title", "began", "device"):
        assert now[same] == was[same], same
    assert [now["counts"][name] for name in ("read", "gaps", "raw_samples")] == [6, 0, was["counts"]["raw_samples"]]
    assert page.count('alt="read from EEG"') == 6
    again = identification_curve(
        *(shown.session.trial_latents()[name] for name in ("read", "shown")), decoder_mean(shown)
    )
    np.testing.assert_array_equal(again.mean, shown.session.identification().decoder.mean)


def decoder_mean(run: Run) -> np.ndarray:
    return run.session.plan.decoder.latent_mean


def replayed(run: Run, decoder: Decoder, generator: Generator) -> Session:
    """The session on the recording of `run`, with its pictures, after all six trials were read."""
    with PlayerThread(run.folder, name=f"Replay {uuid4().hex}", pace=Pace(speed=0.0)) as player:
        stream = StreamChoice(source_id=player.source_id, markers=player.marker_description.name)
        plan = SessionPlan(
            SessionSettings(stream=stream), "replay", decoder, generator, stamps_are_live=False,
            shown=shown_in(run.folder, generator),
        )  # fmt: skip
        session, told = Session(plan), list[Event]()
        session.start(told.append)
        try:
            assert until(lambda: sum(isinstance(event, TrialRead) for event in told) == 6)
        finally:
            session.stop()
    return session


def test_a_replay_of_a_session_comes_to_its_very_scores(shown: Run, generator: Generator, decoder: Decoder) -> None:
    again = replayed(shown, decoder, generator)
    assert len(again.trial_latents()["shown"]) == 6
    for name, latents in shown.session.trial_latents().items():
        np.testing.assert_array_equal(again.trial_latents()[name], latents)
    np.testing.assert_array_equal(again.identification().decoder.mean, shown.session.identification().decoder.mean)


def test_a_replay_scores_no_picture_that_the_decoder_was_trained_on(
    shown: Run, generator: Generator, decoder: Decoder
) -> None:
    knowing = Decoder.open(decoder.bundle, generator)
    known = tuple(shown_in(shown.folder, generator))
    knowing.manifest = knowing.manifest.model_copy(update={"trained_on": known})
    again = replayed(shown, knowing, generator)
    assert len(again.trial_latents()["read"]) == 0
    assert any("was trained on" in problem for problem in again.problems)


def test_trials_round_foreign_markers_are_read_and_kept_but_not_scored(
    tmp_path: Path, generator: Generator, decoder: Decoder
) -> None:
    with Sender(CHANNELS, SFREQ, marker_every_s=0.3) as sender:
        choice = StreamChoice(source_id=sender.source_id, markers=f"{sender.name} markers")
        plan = SessionPlan(
            SessionSettings(stream=choice, duration_s=2.5), "foreign", decoder, generator, folder=tmp_path
        )
        result = run_and_report(plan, without_window, 0.0)
    summary = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert summary["ended"] == "The session lasted the 2.5 s asked for."
    assert summary["counts"]["read"] >= 4
    assert summary["identification"] == {"n_trials": 0}
    assert f"{summary['counts']['read']} pictures were read from the EEG" in result.paragraph
    entries = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text("utf-8").splitlines()]
    assert [entry["trial"] for entry in entries] == list(range(summary["counts"]["read"]))
    assert {entry["marker"] for entry in entries} == {"flash"}
    page = result.report.read_text("utf-8")
    assert page.count('alt="read from EEG"') == len(entries)
    assert "not\nknown to this program" in page


def test_what_cannot_go_together_is_refused_before_anything_is_opened(
    tmp_path: Path, generator: Generator, decoder: Decoder
) -> None:
    sliding = Decoder.open(
        tiny_decoder(tmp_path / "sliding", generator.bundle, CHANNELS, SFREQ, WindowSpec(window_s=5.0, hop_s=1.0))
    )
    pictures = iter(builtin().sample(np.random.default_rng(0), 3, 16))
    plan = SessionPlan(SessionSettings(), "x", decoder, generator)
    with pytest.raises(SettingsError, match="no marker stream was named"):
        Session(plan)
    with pytest.raises(SettingsError, match="must read trials; this one reads sliding windows"):
        Session(replace(plan, decoder=sliding, pictures=pictures))
    with pytest.raises(SettingsError, match=r"\(6 s\); buffer_s is 3 s. Raise buffer_s"):
        Session(replace(plan, decoder=sliding, settings=SessionSettings(buffer_s=3.0)))
    assert isinstance(decoder.manifest.cut, TrialSpec)


def test_a_session_that_cannot_begin_lets_go_of_its_streams(
    tmp_path: Path, generator: Generator, decoder: Decoder
) -> None:
    outlet = MarkerOutlet("test markers", uuid4().hex)
    with Sender(CHANNELS, SFREQ) as sender, Sender(CHANNELS, 50.0) as slow:
        found = StreamChoice(source_id=sender.source_id, markers="nobody's markers", timeout_s=0.5)
        plan = SessionPlan(SessionSettings(stream=found), "x", decoder, generator, outlets=Outlets(outlet))
        with pytest.raises(NoStreamError, match="name 'nobody's markers'"):
            Session(plan)
        with pytest.raises(Exception, match="was closed"):
            outlet.push("late", 1.0)
        assert until(lambda: not sender.has_listeners)
        other = SessionSettings(stream=StreamChoice(source_id=slow.source_id, markers="m"))
        with pytest.raises(RateError, match=r"made for 100 Hz; stream '.*' runs at 50 Hz"):
            Session(replace(plan, settings=other))
        (tmp_path / "file").write_text("")
        with MarkerOutlet("real markers", uuid4().hex):
            heard = SessionSettings(stream=found.model_copy(update={"markers": "real markers", "timeout_s": 5.0}))
            with pytest.raises(RecordingError, match="writing failed"):
                Session(replace(plan, settings=heard, folder=tmp_path / "file"))


def test_run_folders_are_new_private_and_vanish_if_nothing_came_into_them(tmp_path: Path) -> None:
    with run_folder(tmp_path / "deep" / "runs", "demo") as first, run_folder(first.parent, "demo") as second:
        assert first != second
        assert first.stat().st_mode & 0o077 == 0
        write_json(first / "summary.json", {"a": 1})
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    with (
        pytest.raises(RecordingError, match=r"cannot be written to.*Choose another place.*--folder"),
        run_folder(first / "summary.json", "demo"),
    ):
        pass


def test_every_problem_told_is_kept_for_the_summary(shown: Run) -> None:
    problems = [event.message for event in shown.events if isinstance(event, Problem)]
    assert problems == shown.session.problems


def test_endless_gives_new_pictures_as_long_as_there_are_any() -> None:
    source = builtin(("letters",))
    known = {picture.id for picture in source.sample(np.random.default_rng(0), 16, 16)}
    fresh = endless(source, np.random.default_rng(0), 16, known)
    assert not {next(fresh).id for _ in range(10)} & known

    class One:
        name = "one"

        def sample(self, rng: np.random.Generator, n: int, size: int = 64) -> tuple:
            return (make_picture(np.zeros((size, size, 3), np.uint8), "one", "one"),) * n

    only = endless(One(), np.random.default_rng(0), 8, {One().sample(np.random.default_rng(0), 1, 8)[0].id})
    assert next(only) == next(only)
