"""Each picture once and on time, with breaks; again if nobody saw it or the stream was away."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from bci_app.engine.calibration_presenter import Breaks, CalibrationPresenter
from bci_app.engine.events import BlankPicture, Break, Event, Finished, Problem, ShowPicture
from bci_app.engine.settings import Presentation
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import builtin
from tests.engine.conftest import until

FACTOR = 60.0
NO_BREAKS = Breaks(0)


class FastClock:
    """Real time, sixty times faster: waiting is what is tested."""

    def __init__(self) -> None:
        self._zero = time.monotonic()

    def __call__(self) -> float:
        return 1000.0 + FACTOR * (time.monotonic() - self._zero)


class FastPresenter(CalibrationPresenter):
    """Pauses as long as its clock says."""

    def pause(self, seconds: float) -> bool:
        return super().pause(seconds / FACTOR)


class Stage:
    """A presenter, and a screen that paints when a picture is due, except turns in `unseen`."""

    def __init__(self, n: int = 4, breaks: Breaks = NO_BREAKS, unseen: tuple[int, ...] = ()) -> None:
        self.clock = FastClock()
        self.pictures = builtin(("shapes",)).sample(np.random.default_rng(0), n, 16)
        self.events: list[Event] = []
        self.announced: list[Picture] = []
        self.onsets: list[tuple[int, Picture, float, float]] = []
        self.failures: list[str] = []
        self.over = threading.Event()
        self.on_break = self.on_show = lambda: None
        self._unseen = unseen
        timing = Presentation(n_trials=n, soa_s=1.0, show_s=0.5)
        self.presenter = FastPresenter(
            timing, breaks, self.pictures, self._emit, self.announced.append,
            lambda *onset: self.onsets.append(onset), self.failures.append, self.clock,
        )  # fmt: skip

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, ShowPicture):
            assert event.picture in self.announced
            self.on_show()
            if event.trial not in self._unseen:
                time.sleep(max(0.0, (event.due_s - self.clock()) / FACTOR))
                self.presenter.painted(event.trial, self.clock())
        if isinstance(event, Break) and event.seconds:
            self.on_break()
        if isinstance(event, Finished):
            self.over.set()

    def run(self) -> Stage:
        self.presenter.start()
        try:
            assert self.over.wait(5.0)
        finally:
            self.presenter.stop()
            assert self.presenter.join(3.0)
        assert self.failures == []
        return self


def test_every_picture_is_shown_once_in_order_and_never_sooner_than_due() -> None:
    stage = Stage().run()
    assert [(number, picture) for number, picture, _, _ in stage.onsets] == list(enumerate(stage.pictures))
    due, onset = (np.array(times) for times in zip(*(each[2:] for each in stage.onsets), strict=True))
    assert (onset >= due).all()
    np.testing.assert_allclose(due[1:], onset[:-1] + 1.0)
    assert sum(isinstance(event, BlankPicture) for event in stage.events) == 4
    assert stage.events[-1] == Finished("All 4 pictures were shown.", fatal=False)


def test_the_participant_rests_between_pictures_and_not_after_the_last() -> None:
    stage = Stage(n=4, breaks=Breaks(every=2, seconds=6.0)).run()
    kinds = [type(event) for event in stage.events if isinstance(event, ShowPicture | Break)]
    assert kinds == [ShowPicture, ShowPicture, Break, Break, ShowPicture, ShowPicture]
    assert stage.onsets[2][3] - stage.onsets[1][3] >= 7.0


def test_a_break_ends_when_somebody_wants_to_go_on() -> None:
    stage = Stage(n=2, breaks=Breaks(every=1, seconds=1e6))
    stage.on_break = stage.presenter.go_on
    assert len(stage.run().onsets) == 2


def test_a_picture_that_nobody_painted_is_shown_again_and_it_is_said_once() -> None:
    stage = Stage(n=2, unseen=(0, 1)).run()
    assert [picture for _, picture, _, _ in stage.onsets] == list(stage.pictures)
    assert sum(isinstance(event, Problem) for event in stage.events) == 1
    assert stage.presenter.n_shown == 2


@pytest.mark.parametrize("by", ["hold", "set_paused"])
def test_while_the_stream_is_away_or_the_person_pauses_nothing_is_shown(by: str) -> None:
    stage = Stage(n=2)
    hold = getattr(stage.presenter, by)
    stage.presenter.hold(True)
    stage.presenter.start()
    assert not stage.over.wait(0.08)
    assert stage.events == []
    stage.presenter.hold(False)
    hold(True)
    assert not stage.over.wait(0.06)
    hold(False)
    assert stage.over.wait(5.0)
    stage.presenter.stop()
    assert stage.presenter.join(3.0)
    assert stage.presenter.n_shown == 2


def test_a_picture_during_which_the_stream_went_away_is_shown_again() -> None:
    stage = Stage(n=2)
    stage.on_show = lambda: stage.presenter.hold(len(stage.announced) == 1)
    release = threading.Timer(0.2, lambda: stage.presenter.hold(False))
    release.start()
    stage.run()
    release.join()
    assert [picture for _, picture, _, _ in stage.onsets][-2:] == list(stage.pictures)
    assert stage.announced[0] == stage.announced[1]


def test_halt_ends_with_what_was_shown() -> None:
    stage = Stage(n=4)
    stage.on_show = lambda: stage.presenter.halt() if len(stage.announced) == 3 else None
    stage.run()
    assert isinstance(stage.events[-1], Finished)
    assert "of 4 pictures were shown" in stage.events[-1].reason
    assert stage.events[-1].reason.startswith("Stopped by hand")
    assert until(lambda: stage.presenter.n_shown in (2, 3))
