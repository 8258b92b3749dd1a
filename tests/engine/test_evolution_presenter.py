"""When pictures come and go, and what takes them from the screen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bci_app.engine.events import BlankPicture, Event, Finished, GenerationScored, Problem, ShowPicture
from bci_app.engine.evolution_history import GenerationResult
from bci_app.engine.evolution_onsets import OnsetLog
from bci_app.engine.evolution_pictures import JITTER
from bci_app.engine.evolution_presenter import EvolutionPresenter, Hooks
from bci_app.engine.evolution_run import EvolutionRun
from bci_app.engine.evolution_settings import EvolutionSettings, Limits, RatingResponse, References, Timing
from bci_app.engine.evolution_showing import Outcome, Showing
from bci_app.evolution.optimiser import RandomSearch
from bci_app.inference.generator import Generator
from tests.engine.conftest import until

FACTOR = 40.0
N = 4


class FastClock:
    """Real time, forty times faster: waiting in the presenter is what is tested."""

    def __init__(self) -> None:
        self._zero = time.monotonic()

    def __call__(self) -> float:
        return 1000.0 + FACTOR * (time.monotonic() - self._zero)


class FastPresenter(EvolutionPresenter):
    """Pauses as long as its clock says."""

    def pause(self, seconds: float) -> bool:
        return super().pause(seconds / FACTOR)


class Stage:
    """A presenter, and a window that paints each picture when it is due and answers it."""

    def __init__(self, generator: Generator, *, n_generations: int = 1, paints: bool = True, answers: bool = True,
                 patience_s: float = 10.0, rated: bool = False, **more: Any) -> None:  # fmt: skip
        more = {"timing": Timing(show_s=0.4, blank_s=0.6, jitter_s=0.0), **more}
        settings = EvolutionSettings(
            response=RatingResponse(), optimiser=RandomSearch(population=N), n_generations=n_generations,
            references=References(n_natural=0, n_prior=0), **more,
        )  # fmt: skip
        self.clock = FastClock()
        self.outcomes: list[Outcome] = []
        self.run = EvolutionRun(settings, generator, (), self.outcomes.append)
        self.first_state = self.run.state
        self.events: list[tuple[float, Event]] = []
        self.onsets: list[tuple[Showing, float]] = []
        self.announced: list[str] = []
        self.kept: list[GenerationResult] = []
        self.failures: list[str] = []
        self.fault = ""
        self.at_onset: dict[int, Callable[[], None]] = {}
        self.over = threading.Event()
        self.paints, self.answers = paints, answers
        self.log = OnsetLog()
        hooks = Hooks(
            self.tell, lambda picture: self.announced.append(picture.id), self.on_onset, self.respond, self.kept.append,
            lambda: self.fault,
        )  # fmt: skip
        self.presenter = FastPresenter(
            self.run, self.log, hooks, self.failures.append, self.clock, patience_s=patience_s, rated=rated
        )

    def tell(self, event: Event) -> None:
        self.events.append((self.clock(), event))
        if isinstance(event, ShowPicture) and self.paints:
            self.presenter.painted(event.trial, event.picture.id, max(event.due_s, self.clock()))
        if isinstance(event, Finished):
            self.over.set()

    def on_onset(self, showing: Showing, at_s: float) -> None:
        self.onsets.append((showing, at_s))
        self.at_onset.get(len(self.onsets), lambda: None)()

    def respond(self, showing: Showing) -> None:
        if self.answers:
            self.answer(showing)

    def answer(self, showing: Showing) -> None:
        self.run.answer(showing.number, showing.picture.id, float(showing.picture.image.mean()))

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def __enter__(self) -> Stage:
        self.presenter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.presenter.stop()
        assert self.presenter.join(2.0)


def test_all_generations_are_shown_scored_and_kept(generator: Generator) -> None:
    with Stage(generator, n_generations=2) as stage:
        assert stage.over.wait(5.0)
    assert stage.told(Finished) == [Finished("All 2 generations were scored.", fatal=False)]
    assert [event.generation for event in stage.told(GenerationScored)] == [0, 1]
    assert [result.generation for result in stage.kept] == [0, 1]
    assert [showing.number for showing, _ in stage.onsets] == list(range(2 * N))
    assert stage.failures == []
    assert stage.log.row().n == 2 * N


def test_pictures_of_the_next_generation_are_known_before_they_are_shown(generator: Generator) -> None:
    with Stage(generator, n_generations=2) as stage:
        assert stage.over.wait(5.0)
    second = [showing.picture.id for showing, _ in stage.onsets if showing.generation == 1]
    assert sorted(stage.announced) == sorted(second)


@pytest.mark.parametrize("jitter_s", [0.0, 0.5])
def test_onsets_keep_their_distance_and_jitter_only_adds_to_it(generator: Generator, jitter_s: float) -> None:
    with Stage(generator, timing=Timing(show_s=0.4, blank_s=0.6, jitter_s=jitter_s)) as stage:
        assert stage.over.wait(5.0)
    steps = np.diff([at_s for _, at_s in stage.onsets])
    least = 1.0 + jitter_s * stage.first_state.random(JITTER).random(N)[: N - 1]
    assert (steps >= least - 1e-6).all()
    assert np.median(steps - least) < 0.5  # a busy machine now and then wakes a thread late


def test_a_picture_is_handed_over_before_it_is_due(generator: Generator) -> None:
    with Stage(generator) as stage:
        assert stage.over.wait(5.0)
    ahead = [event.due_s - at_s for at_s, event in stage.events if isinstance(event, ShowPicture)]
    assert 0 < max(ahead) <= 0.1 + 1e-6


def test_each_picture_is_followed_by_grey(generator: Generator) -> None:
    with Stage(generator) as stage:
        assert stage.over.wait(5.0)
    kinds = [type(event) for _, event in stage.events if isinstance(event, (ShowPicture, BlankPicture))]
    assert kinds[: 2 * N] == [ShowPicture, BlankPicture] * N


def test_a_rapid_stream_has_no_grey_before_its_end(generator: Generator) -> None:
    with Stage(generator, timing=Timing(show_s=0.4, blank_s=0.0, jitter_s=0.0)) as stage:
        assert stage.over.wait(5.0)
    kinds = [type(event) for _, event in stage.events if isinstance(event, (ShowPicture, BlankPicture))]
    assert kinds[: N + 1] == [ShowPicture] * N + [BlankPicture]


def test_pictures_never_painted_are_counted_told_once_and_shown_again(generator: Generator) -> None:
    with Stage(generator, paints=False) as stage:
        assert until(lambda: stage.log.row().never == 2)
        stage.paints = True
        assert stage.over.wait(5.0)
    shown = stage.told(ShowPicture)
    row = stage.log.row()
    assert len(shown) == row.n + row.never == N + row.never
    assert len({event.picture.id for event in shown}) == N
    problems = stage.told(Problem)
    assert len(problems) == 1
    assert "Keep the stimulus window visible" in problems[0].message
    assert stage.run.counts["shown"] == N


def test_a_late_double_or_foreign_answer_of_the_window_counts_for_nothing(generator: Generator) -> None:
    with Stage(generator) as stage:
        assert until(lambda: len(stage.onsets) == 2)
        showing, _ = stage.onsets[1]
        for number, name in (
            (0, showing.picture.id),
            (showing.number, "another"),
            (showing.number, showing.picture.id),
        ):
            stage.presenter.painted(number, name, stage.clock())
        assert stage.over.wait(5.0)
    assert [showing.number for showing, _ in stage.onsets] == [0, 1, 2, 3]


def test_pictures_are_held_while_the_signal_is_away_and_lost_trials_shown_again(generator: Generator) -> None:
    stage = Stage(generator, answers=False)
    stage.at_onset[2] = lambda: setattr(stage, "fault", "The stream is lost")
    with stage:
        assert until(lambda: bool(stage.told(Problem)))
        assert stage.presenter.holding
        assert any(isinstance(event, BlankPicture) for _, event in stage.events[-3:])
        time.sleep(3.0 / FACTOR)
        assert len(stage.told(ShowPicture)) == 2
        assert stage.run.awaited == ()
        stage.answers, stage.fault = True, ""
        assert stage.over.wait(5.0)
    assert "The stream is lost: pictures are held" in stage.told(Problem)[0].message
    assert [(each.showing.number, each.why) for each in stage.outcomes if each.response is None] == [
        (0, "the signal went away"),
        (1, "the signal went away"),
    ]
    answered = [outcome.showing.picture.id for outcome in stage.outcomes if outcome.response is not None]
    assert len(answered) == len(set(answered)) == N


def test_pausing_blanks_and_resuming_goes_on_where_it_stood(generator: Generator) -> None:
    stage = Stage(generator)
    stage.at_onset[1] = lambda: stage.presenter.set_paused(True)
    stage.answers = False
    with stage:
        assert until(lambda: bool(stage.outcomes))
        assert stage.presenter.paused
        assert isinstance(stage.events[1][1], BlankPicture)
        time.sleep(3.0 / FACTOR)
        assert len(stage.told(ShowPicture)) == 1
        stage.answers = True
        stage.presenter.set_paused(False)
        assert stage.over.wait(5.0)
    assert stage.onsets[0][0].picture == stage.onsets[-1][0].picture
    assert len(stage.onsets) == N + 1
    assert stage.outcomes[0].why == "it was taken from the screen too early"


def test_a_halt_blanks_in_the_same_call_and_nothing_is_shown_after(generator: Generator) -> None:
    stage = Stage(generator)
    stage.at_onset[1] = lambda: stage.presenter.halt()
    with stage:
        assert stage.presenter.join(1.0)
    assert [type(event) for _, event in stage.events[:2]] == [ShowPicture, BlankPicture]
    assert len(stage.told(ShowPicture)) == 1


def test_stimulation_ends_after_the_longest_duration(generator: Generator) -> None:
    with Stage(generator, n_generations=100, limits=Limits(max_duration_s=3.5)) as stage:
        assert stage.over.wait(5.0)
    assert "lasted the 3.5 s that are allowed; the state is kept" in stage.told(Finished)[0].reason
    began = stage.onsets[0][1] - 1.0
    assert all(at_s - began <= 3.5 + 0.1 * FACTOR for _, at_s in stage.onsets)


def test_a_rated_picture_stays_until_the_person_answers(generator: Generator) -> None:
    with Stage(generator, rated=True, answers=False) as stage:
        assert until(lambda: len(stage.onsets) == 1)
        time.sleep(2.0 / FACTOR)
        assert stage.told(BlankPicture) == []
        stage.answers = True
        stage.answer(stage.onsets[0][0])
        assert stage.over.wait(5.0)
    assert len(stage.onsets) == N


def test_a_rating_or_a_trial_that_never_comes_is_given_up(generator: Generator) -> None:
    for rated in (True, False):
        with Stage(generator, rated=rated, answers=False, patience_s=1.5, shown_again=0) as stage:
            assert until(lambda stage=stage: bool(stage.failures))
        assert "needs a response; none came" in stage.failures[0]
        assert [outcome.why[:9] for outcome in stage.outcomes] == (["no rating"] if rated else ["no trial "]) * N


def test_whatever_ends_it_nothing_stays_on_screen(generator: Generator) -> None:
    with Stage(generator, rated=True, answers=False) as stage:
        assert until(lambda: len(stage.onsets) == 1)
    assert isinstance(stage.events[-1][1], BlankPicture)


def test_stopping_is_quick(generator: Generator) -> None:
    with Stage(generator, n_generations=100, paints=False) as stage:
        assert until(lambda: len(stage.told(ShowPicture)) == 1)
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
