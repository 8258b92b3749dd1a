"""An evolution from its plan to its files: with a unit, with a person, and with a stream that may go away."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from bci_app.contract.errors import NoStreamError, RecordingError, SettingsError
from bci_app.contract.lines import read_lines
from bci_app.contract.preprocessing import cut_trials
from bci_app.engine import evolution_files, evolution_presenter
from bci_app.engine.events import BlankPicture, Event, Finished, GenerationScored, Problem, RatingWanted, ShowPicture
from bci_app.engine.evolution_plan import EvolutionPlan, draw_references
from bci_app.engine.evolution_responder import PictureResponder, TrialResponder, open_responder
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.evolution_settings import (
    AnyResponse,
    ComponentResponse,
    EvolutionSettings,
    Limits,
    RatingResponse,
    References,
    Timing,
    UnitResponse,
)
from bci_app.engine.offline import in_decoder_order
from bci_app.engine.plan import Outlets
from bci_app.engine.settings import StreamChoice
from bci_app.evolution.genetic import Genetic
from bci_app.inference.generator import Generator
from bci_app.pictures.source import builtin
from bci_app.streams.markers import MarkerOutlet
from bci_app.streams.run_folder import read_run
from tests.engine.conftest import CHANNELS, SFREQ, until
from tests.sender import Sender

COMPONENT = ComponentResponse(
    channels=("Pz",), sfreq=SFREQ, start_s=0.05, stop_s=0.2, baseline_s=(-0.05, 0.0), reject_uv=None
)
FAST = Timing(show_s=0.01, blank_s=0.025, jitter_s=0.002)
FASTEST = Timing(show_s=0.004, blank_s=0.004, jitter_s=0.0)


def new_plan(generator: Generator, response: AnyResponse, folder: Path | None = None, **more: Any) -> EvolutionPlan:
    """Two generations of four pictures and two references."""
    on_brain = response.kind not in ("unit", "rating")
    more = {
        "timing": FAST if on_brain else FASTEST,
        "n_generations": 2,
        "limits": Limits(max_rate_hz=30, allow_flashing=True),
        **more,
    }
    settings = EvolutionSettings(
        response=response, optimiser=Genetic(population=4), references=References(n_natural=1, n_prior=1), **more
    )
    references = draw_references(builtin(("shapes",)), 1, generator.image_size, 0)
    responder = open_responder(response, generator)
    if response.kind == "unit":
        responder = PictureResponder("brightness", "", "Look.", {"kind": "it"}, lambda image, rng: float(image.mean()))
    outlets = Outlets(MarkerOutlet("evolving", uuid4().hex)) if isinstance(responder, TrialResponder) else None
    return EvolutionPlan(settings, "a title", generator, responder, references, outlets, folder)


class Viewer:
    """A window that paints each picture as soon as it is due, in a thread of its own, until the session ends."""

    def __init__(self, session: EvolutionSession, on_event: Callable[[Event], None] = lambda event: None) -> None:
        self.session, self.on_event = session, on_event
        self.events: list[Event] = []
        self.over = threading.Event()

    def listen(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, ShowPicture):
            while self.session.clock() < event.due_s:
                time.sleep(0.001)
            self.session.picture_shown(event.trial, event.picture.id, self.session.clock())
        self.on_event(event)
        if isinstance(event, Finished):
            self.over.set()

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def __enter__(self) -> Viewer:
        self.session.start(self.listen)
        return self

    def __exit__(self, *_: object) -> None:
        began = time.monotonic()
        self.session.stop()
        assert time.monotonic() - began < 2.0


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to get ready."""
    monkeypatch.setattr(evolution_presenter, "_READY_S", 0.05)


@pytest.fixture
def sender() -> Iterator[Sender]:
    with Sender(CHANNELS, SFREQ) as made:
        yield made


def on_stream(sender: Sender, **more: Any) -> dict[str, Any]:
    return {"stream": StreamChoice(source_id=sender.source_id, **more)}


def test_a_unit_is_driven_without_a_stream_and_all_of_it_can_be_seen(tmp_path: Path, generator: Generator) -> None:
    session = EvolutionSession(new_plan(generator, UnitResponse(), tmp_path))
    assert session.signal is None
    assert session.signal_snapshot(5.0) is None
    session.set_refresh(120.0)
    with Viewer(session) as viewer:
        assert viewer.over.wait(10.0)
    assert session.ended == Finished("All 2 generations were scored.", fatal=False)
    assert [event.generation for event in viewer.told(GenerationScored)] == [0, 1]
    shown = [event.picture for event in viewer.told(ShowPicture)]
    assert {picture.family for picture in shown} == {"evolved", "prior", "shapes"}
    assert {picture.label for picture in shown if picture.family == "prior"} == {"g000-p00", "g001-p00"}
    seen = session.evolution()
    assert (seen.generation, seen.n_generations, seen.response, seen.sham) == (1, 2, "brightness", "off")
    means = {member.id: (member.score, member.n_responses) for member in seen.members}
    assert means == {member.id: (member.image.mean(), 1) for member in seen.members}
    assert len(seen.averages) == len(seen.curves.generations) == 2
    assert seen.counts["shown"] == seen.counts["answered"] == seen.onsets.n == 12
    assert seen.onsets.refresh_hz == 120.0
    assert seen.estimate is not None
    assert session.status().stream == "no stream needed"
    assert session.problems == []
    lines = read_lines(tmp_path / "responses.jsonl")
    assert [line["number"] for line in lines] == list(range(12))
    assert sorted(path.name for path in (tmp_path / "generations").iterdir()) == [f"g000{n}.npz" for n in range(3)]


def test_a_session_that_was_stopped_goes_on_in_its_folder_as_if_it_had_not_been(
    tmp_path: Path, generator: Generator
) -> None:
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    plan = new_plan(generator, UnitResponse(), tmp_path / "stopped")
    session = EvolutionSession(plan)

    def halt(event: Event) -> None:
        if isinstance(event, ShowPicture) and event.trial == 8:  # in the middle of the second generation
            session.halt()

    with Viewer(session, halt) as viewer:
        assert viewer.over.wait(10.0)
    assert session.ended == Finished("Stopped by the stop key.", fatal=False)
    plan.resume = True
    for again in (plan, new_plan(generator, UnitResponse(), tmp_path / "whole")):
        with Viewer(EvolutionSession(again)) as viewer:
            assert viewer.over.wait(10.0)
    ours, theirs = ((tmp_path / name / "generations" / "g0002.npz") for name in ("stopped", "whole"))
    with np.load(ours) as one, np.load(theirs) as two:
        np.testing.assert_array_equal(one["codes"], two["codes"])
    numbers = [line["number"] for line in read_lines(tmp_path / "stopped" / "responses.jsonl")]
    assert numbers == sorted(set(numbers))


def test_a_person_rates_by_the_number_keys(generator: Generator) -> None:
    session = EvolutionSession(new_plan(generator, RatingResponse(steps=5), shown_again=0))
    asked: list[RatingWanted] = []

    def person(event: Event) -> None:
        if isinstance(event, RatingWanted):
            asked.append(event)
            for trial, value in ((event.trial + 7, 3), (event.trial, 0), (event.trial, 6)):  # none of these counts
                session.rate(trial, value)
            session.rate(event.trial, 1 + event.trial % 5)

    with Viewer(session, person) as viewer:
        assert viewer.over.wait(10.0)
    assert session.ended is not None
    assert not session.ended.fatal
    assert [(event.trial, event.steps) for event in asked] == [(number, 5) for number in range(12)]
    first = session.run.history.results[0]
    ratings = {event.picture.label: 1.0 + event.trial % 5 for event in viewer.told(ShowPicture)}
    assert first.evolved.tolist() == [ratings[f"g000-m{member:02d}"] for member in range(4)]
    assert session.counts["answered"] == 12


def test_responses_of_a_stream_are_those_of_its_recording_cut_offline(
    tmp_path: Path, generator: Generator, sender: Sender
) -> None:
    session = EvolutionSession(new_plan(generator, COMPONENT, tmp_path, **on_stream(sender)))
    with Viewer(session) as viewer:
        assert viewer.over.wait(10.0)
        assert session.signal_snapshot(1.0) is not None
    assert session.ended == Finished("All 2 generations were scored.", fatal=False)
    assert session.signal is not None
    assert (session.signal.name, session.signal.n_channels) == ("EEG", 1)
    responder = session.plan.responder
    assert isinstance(responder, TrialResponder)
    recording = in_decoder_order(read_run(tmp_path), responder.preprocessing, "The responder")
    trials, dropped = cut_trials(recording, responder.preprocessing, responder.cut)
    lines = [line for line in read_lines(tmp_path / "responses.jsonl") if line["response"] is not None]
    offline = {(trial.marker.label, trial.marker.time): responder.read(trial).value for trial in trials}
    assert len(dropped) == sum(line["response"] is None for line in read_lines(tmp_path / "responses.jsonl"))
    assert len(lines) >= 12
    for line in lines:
        assert line["response"] == pytest.approx(offline[f"shown/{line['id']}", line["onset_s"]], abs=1e-5)
    assert session.counts["raw_samples"] == recording.n_times


def test_a_stream_that_falls_silent_holds_the_pictures_and_loses_none_of_them(
    tmp_path: Path, generator: Generator, sender: Sender
) -> None:
    plan = new_plan(
        generator,
        COMPONENT,
        tmp_path,
        limits=Limits(max_rate_hz=30, allow_flashing=True, stale_s=0.5),
        n_generations=1,
        **on_stream(sender),
    )
    session = EvolutionSession(plan)
    with Viewer(session) as viewer:
        assert until(lambda: len(viewer.told(ShowPicture)) == 2)
        sender.silence(True)
        assert until(lambda: bool(viewer.told(Problem)))
        n_shown = len(viewer.told(ShowPicture))
        assert isinstance(viewer.told(BlankPicture)[-1], BlankPicture)
        time.sleep(0.2)
        assert len(viewer.told(ShowPicture)) == n_shown
        sender.silence(False)
        assert viewer.over.wait(10.0)
    assert session.ended == Finished("The one generation was scored.", fatal=False)
    assert viewer.told(Problem)[0].message.startswith("The newest sample is 0.")  # before LSL calls the stream stale
    lines = read_lines(tmp_path / "responses.jsonl")
    assert {"the signal went away"} == {line["why"] for line in lines if line["response"] is None}
    answered = [line["id"] for line in lines if line["response"] is not None]
    assert len(answered) == len(set(answered)) == 6


def test_a_stream_that_does_not_come_back_ends_the_session_with_its_state(
    tmp_path: Path, generator: Generator, sender: Sender
) -> None:
    plan = new_plan(generator, COMPONENT, tmp_path, **on_stream(sender, give_up_s=1))
    session = EvolutionSession(plan)
    with Viewer(session) as viewer:
        assert until(lambda: len(viewer.told(ShowPicture)) == 2)
        sender.silence(True)
        assert viewer.over.wait(10.0)
    on_screen = [event for event in viewer.events if isinstance(event, ShowPicture | BlankPicture)]
    assert isinstance(on_screen[-1], BlankPicture)
    assert session.ended is not None
    assert session.ended.fatal
    assert "none came for" in session.ended.reason
    assert (tmp_path / "generations" / "g0000.npz").exists()


def test_a_full_disk_ends_the_session_with_one_message_and_the_last_state(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = EvolutionSession(new_plan(generator, UnitResponse(), tmp_path))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(evolution_files.os, "fsync", full)
    with Viewer(session) as viewer:
        assert viewer.over.wait(10.0)
    assert session.ended is not None
    assert session.ended.fatal
    assert "No space left" in session.ended.reason
    assert len(viewer.told(Problem)) == 1
    assert [path.name for path in (tmp_path / "generations").iterdir()] == ["g0000.npz"]


def test_a_pause_is_heard_and_told(generator: Generator) -> None:
    session = EvolutionSession(new_plan(generator, UnitResponse()))
    with Viewer(session) as viewer:
        session.pause()
        assert session.evolution().progress == "Generation 1 of 2, picture 1 of 6 (paused)"
        time.sleep(0.05)
        assert viewer.told(ShowPicture) == []
        session.resume()
        assert viewer.over.wait(10.0)


def test_what_cannot_be_run_is_refused_before_anything_is_written(tmp_path: Path, generator: Generator) -> None:
    absent = StreamChoice(source_id="nobody", timeout_s=0.3)
    with pytest.raises(NoStreamError):
        EvolutionSession(new_plan(generator, COMPONENT, tmp_path, stream=absent))
    long = ComponentResponse(start_s=0.3, stop_s=5.0)
    with pytest.raises(SettingsError, match="Raise buffer_s"):
        EvolutionSession(new_plan(generator, long, tmp_path, buffer_s=5.0, stream=absent))
    plan = new_plan(generator, UnitResponse(), tmp_path)
    plan.resume = True
    with pytest.raises(RecordingError, match="Choose the folder of a run"):
        EvolutionSession(plan)
    plan.folder = None
    with pytest.raises(SettingsError, match="resumed from its folder"):
        EvolutionSession(plan)
    assert list(tmp_path.iterdir()) == []
