"""Which picture when: order, pace, a stream that goes away, trials that fail, pictures that nobody paints."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from bci_app.engine.events import BlankPicture, Event, Finished, Problem, Progress, ShowPicture
from bci_app.engine.live_image import Shown
from bci_app.engine.presentation import Presenter
from bci_app.engine.settings import Presentation
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import builtin
from tests.engine.conftest import until


class FastClock:
    """Real time, twenty times faster: waiting in the presenter is what is tested."""

    def __init__(self, factor: float = 20.0) -> None:
        self.factor = factor
        self._zero = time.monotonic()

    def __call__(self) -> float:
        return 1000.0 + self.factor * (time.monotonic() - self._zero)


class FastPresenter(Presenter):
    """Pauses as long as its clock says."""

    def pause(self, seconds: float) -> bool:
        return super().pause(seconds / 20.0)


class Stage:
    """A presenter, a window that paints at once, and a decoder that reads (or drops) each trial."""

    def __init__(self, generator: Generator, n_trials: int = 4, dropped: tuple[int, ...] = (), paints: bool = True,
                 patience_s: float = 10.0, reads: bool = True) -> None:  # fmt: skip
        self.clock = FastClock()
        self.events: list[Event] = []
        self.announced: list[str] = []
        self.onsets: list[tuple[Shown, float]] = []
        self.failures: list[str] = []
        self.over = threading.Event()
        self._dropped, self.paints, self._reads = dropped, paints, reads
        self.presenter = FastPresenter(
            Presentation(n_trials=n_trials, soa_s=1.0, show_s=0.5),
            self._pictures(),
            generator,
            self._emit,
            lambda picture: self.announced.append(picture.id),
            self._onset,
            self.failures.append,
            self.clock,
            patience_s,
        )

    def _pictures(self) -> Iterator[Picture]:
        rng = np.random.default_rng(0)
        for _ in itertools.count():
            yield from builtin().sample(rng, 1, 16)

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, ShowPicture) and self.paints:
            self.presenter.painted(event.trial, self.clock())
        if isinstance(event, Finished):
            self.over.set()

    def _onset(self, shown: Shown, at_s: float) -> None:
        self.onsets.append((shown, at_s))
        if self._reads:
            self.presenter.trial_done(shown.trial, read=shown.trial not in self._dropped)

    def __enter__(self) -> Stage:
        self.presenter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.presenter.stop()
        assert self.presenter.join(3.0)

    def shown(self) -> list[ShowPicture]:
        return [event for event in self.events if isinstance(event, ShowPicture)]


def test_pictures_come_in_order_each_announced_before_it_is_shown_and_blanked_after(generator: Generator) -> None:
    with Stage(generator) as stage:
        assert stage.over.wait(5.0)
    kinds = [type(event) for event in stage.events if not isinstance(event, Progress)]
    assert kinds == [ShowPicture, BlankPicture] * 3 + [ShowPicture, Finished]  # the last one stays beside its reading
    assert [event.trial for event in stage.shown()] == [0, 1, 2, 3]
    assert stage.announced == [event.picture.id for event in stage.shown()]
    assert [shown.picture.id for shown, _ in stage.onsets] == stage.announced
    encoded = generator.encode(np.stack([event.picture.image for event in stage.shown()]))
    np.testing.assert_allclose(np.stack([shown.latent for shown, _ in stage.onsets]), encoded, atol=1e-4)
    assert stage.presenter.n_read == 4
    assert [event.done for event in stage.events if isinstance(event, Progress)] == [1, 2, 3, 4]


def test_onsets_keep_their_distance(generator: Generator) -> None:
    with Stage(generator, n_trials=6) as stage:
        assert stage.over.wait(5.0)
    steps = np.diff([at_s for _, at_s in stage.onsets])
    assert abs(np.median(steps) - 1.0) < 0.2
    assert (steps > 0.6).all()


def test_nothing_is_shown_while_the_stream_is_away(generator: Generator) -> None:
    with Stage(generator) as stage:
        assert until(lambda: len(stage.onsets) == 2)
        stage.presenter.hold(True)
        time.sleep(0.25)  # five seconds of the presenter's clock
        assert len(stage.onsets) == 2
        stage.presenter.hold(False)
        assert stage.over.wait(5.0)
    assert len(stage.onsets) == 4


def test_a_dropped_trial_is_followed_by_another_one(generator: Generator) -> None:
    with Stage(generator, dropped=(1, 2)) as stage:
        assert stage.over.wait(5.0)
    assert [shown.trial for shown, _ in stage.onsets] == [0, 1, 2, 3, 4, 5]
    assert stage.presenter.n_read == 4


def test_a_picture_never_painted_is_told_once_and_not_counted(generator: Generator) -> None:
    with Stage(generator, paints=False) as stage:
        assert until(lambda: len(stage.shown()) >= 3)
        assert stage.onsets == []
        stage.paints = True
        assert stage.over.wait(5.0)
    problems = [event for event in stage.events if isinstance(event, Problem)]
    assert len(problems) == 1
    assert "Keep the window visible" in problems[0].message
    assert not problems[0].fatal
    assert len(stage.onsets) == 4


def test_a_late_or_double_answer_of_the_window_counts_for_nothing(generator: Generator) -> None:
    with Stage(generator) as stage:
        assert until(lambda: len(stage.onsets) == 2)
        for trial in (0, 1, 99):
            stage.presenter.painted(trial, stage.clock())
        assert stage.over.wait(5.0)
    assert [shown.trial for shown, _ in stage.onsets] == [0, 1, 2, 3]


def test_a_trial_that_never_comes_is_replaced_when_patience_ends_and_counts_no_more(generator: Generator) -> None:
    with Stage(generator, n_trials=2, reads=False, patience_s=2.0) as stage:
        assert until(lambda: len(stage.onsets) == 4)
        for trial in range(4):
            stage.presenter.trial_done(trial, read=True)
        assert stage.over.wait(5.0)
    assert stage.presenter.n_read == 2


@pytest.mark.parametrize("holding", [False, True])
def test_stopping_is_quick_whatever_it_waits_for(generator: Generator, holding: bool) -> None:
    with Stage(generator, n_trials=100, paints=not holding) as stage:
        stage.presenter.hold(holding)
        time.sleep(0.02)
        began = time.monotonic()
    assert time.monotonic() - began < 0.5
    assert stage.failures == []
