"""A picture comes when it is due, is reported when it was painted, and goes in the very event of a stop key."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from bci_app.engine.events import RatingWanted, ShowPicture
from bci_app.pictures.flash import FlashGuard
from bci_app.pictures.picture import make_picture
from bci_app.ui.stimulator import SOON_S, Stimulator
from bci_app.ui.views.stimulus import Scene
from tests.ui.fake_evolution import evolved_picture


class Paper:
    """A surface that keeps what was painted, each frame of which takes 4 ms; or, covered, paints nothing."""

    how = "paper"
    refresh_hz = 50.0

    def __init__(self, clock: list[float]) -> None:
        self.lead_s = 0.0
        self.scenes: list[Scene] = []
        self.covered = False
        self._clock = clock
        self._painted: Callable[[], None] | None = None

    def draw(self, scene: Scene, painted: Callable[[], None]) -> None:
        self.scenes.append(scene)
        self._painted = painted
        if not self.covered:
            self.uncover()

    def uncover(self) -> None:
        """The frame goes out."""
        self._clock[0] += 0.004
        painted, self._painted = self._painted, None
        if painted is not None:
            painted()


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def paper(clock: list[float]) -> Paper:
    return Paper(clock)


@pytest.fixture
def stimulator(qapp: QApplication, paper: Paper, clock: list[float]) -> Iterator[Stimulator]:
    made = Stimulator(paper, lambda: clock[0], FlashGuard())
    made.reported = []  # type: ignore[attr-defined]
    made.shown.connect(lambda event, at_s: made.reported.append((event.trial, at_s)))  # type: ignore[attr-defined]
    yield made
    made.close()


def _flat(trial: int, level: int, due_s: float) -> ShowPicture:
    return ShowPicture(trial, make_picture(np.full((8, 8, 3), level, np.uint8), "evolved", f"m{trial}"), due_s)


def test_picture_waits_until_it_is_due_and_is_stamped_after_its_frame(
    stimulator: Stimulator, paper: Paper, clock: list[float]
) -> None:
    event = ShowPicture(3, evolved_picture(1), due_s=100.5)
    stimulator.show(event)
    assert paper.scenes == []
    clock[0] = 100.499
    stimulator._timer.timeout.emit()
    assert paper.scenes == []
    clock[0] = 100.501
    stimulator._timer.timeout.emit()
    assert [scene.image is event.picture.image for scene in paper.scenes] == [True]
    assert stimulator.reported == [(3, pytest.approx(100.505))]  # type: ignore[attr-defined]


def test_surface_that_waits_for_the_screen_is_begun_half_a_frame_before(
    stimulator: Stimulator, paper: Paper, clock: list[float]
) -> None:
    paper.lead_s = 0.5 / paper.refresh_hz
    stimulator.show(ShowPicture(0, evolved_picture(1), due_s=101.0))
    clock[0] = 100.9895
    stimulator._timer.timeout.emit()
    assert paper.scenes == []
    clock[0] = 100.9905
    stimulator._timer.timeout.emit()
    assert len(paper.scenes) == 1


def test_picture_that_is_late_already_comes_at_once(stimulator: Stimulator, paper: Paper) -> None:
    stimulator.show(ShowPicture(0, evolved_picture(1), due_s=99.0))
    assert len(paper.scenes) == 1


def test_nothing_else_may_be_painted_just_before_a_picture_is_due(stimulator: Stimulator, clock: list[float]) -> None:
    stimulator.show(ShowPicture(0, evolved_picture(1), due_s=101.0))
    assert not stimulator.soon
    clock[0] = 101.0 - SOON_S + 0.001
    assert stimulator.soon
    clock[0] = 101.0
    stimulator._timer.timeout.emit()
    assert not stimulator.soon


def test_newer_picture_and_blank_take_the_place_of_one_that_waits(
    stimulator: Stimulator, paper: Paper, clock: list[float]
) -> None:
    stimulator.show(ShowPicture(0, evolved_picture(1), due_s=101.0))
    stimulator.show(ShowPicture(1, evolved_picture(2), due_s=101.0))
    clock[0] = 101.0
    stimulator._timer.timeout.emit()
    stimulator.show(ShowPicture(2, evolved_picture(3), due_s=102.0))
    stimulator.blank()
    clock[0] = 103.0
    stimulator._timer.timeout.emit()
    assert [trial for trial, _ in stimulator.reported] == [1]  # type: ignore[attr-defined]
    assert paper.scenes[-1].image is None


def test_picture_on_a_covered_screen_is_reported_when_it_can_be_seen(stimulator: Stimulator, paper: Paper) -> None:
    paper.covered = True
    stimulator.show(ShowPicture(0, evolved_picture(1)))
    assert stimulator.reported == []  # type: ignore[attr-defined]
    paper.uncover()
    assert [trial for trial, _ in stimulator.reported] == [0]  # type: ignore[attr-defined]


def test_picture_that_would_flash_comes_later_and_its_onset_is_when_it_came(
    stimulator: Stimulator, paper: Paper, clock: list[float]
) -> None:
    for index in range(6):
        clock[0] = 100 + 0.1 * index
        stimulator.show(_flat(index, 255 * (index % 2), clock[0]))
    clock[0] = 100.6
    stimulator.show(_flat(6, 0, 100.6))
    assert stimulator.n_held == 1
    assert len(paper.scenes) == 6
    clock[0] = 101.01
    stimulator._timer.timeout.emit()
    assert stimulator.reported[-1] == (6, pytest.approx(101.014))  # type: ignore[attr-defined]


def test_flashing_that_was_allowed_is_not_held(qapp: QApplication, paper: Paper, clock: list[float]) -> None:
    stimulator = Stimulator(paper, lambda: clock[0], None)
    for index in range(20):
        stimulator.show(_flat(index, 255 * (index % 2), clock[0]))
    assert len(paper.scenes) == 20
    assert stimulator.n_held == 0


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Space, Qt.Key.Key_S])
def test_stop_keys_blank_before_anybody_is_told_and_nothing_follows(
    stimulator: Stimulator, paper: Paper, key: Qt.Key
) -> None:
    on_screen: list[Scene] = []
    stimulator.stop_asked.connect(lambda: on_screen.append(paper.scenes[-1]))
    stimulator.show(ShowPicture(0, evolved_picture(1)))
    assert stimulator.press(key)
    assert [scene.image for scene in on_screen] == [None]
    stimulator.show(ShowPicture(1, evolved_picture(2)))
    stimulator.ask_rating(RatingWanted(0, 9))
    assert paper.scenes[-1].image is None
    assert paper.scenes[-1].prompt == ""


def test_rating_is_asked_below_the_picture_and_taken_once_from_its_range(stimulator: Stimulator, paper: Paper) -> None:
    ratings: list[tuple[int, int]] = []
    stimulator.rated.connect(lambda trial, value: ratings.append((trial, value)))
    event = ShowPicture(4, evolved_picture(1))
    stimulator.show(event)
    assert not stimulator.press(Qt.Key.Key_3)  # nobody asked
    stimulator.ask_rating(RatingWanted(4, 5))
    assert paper.scenes[-1].image is event.picture.image
    assert "1 to 5" in paper.scenes[-1].prompt
    for key in (Qt.Key.Key_0, Qt.Key.Key_6, Qt.Key.Key_5, Qt.Key.Key_2):
        stimulator.press(key)
    assert ratings == [(4, 5)]
    assert paper.scenes[-1].prompt == ""
    assert [trial for trial, _ in stimulator.reported] == [4]  # type: ignore[attr-defined]


def test_rating_is_no_longer_taken_when_the_picture_has_gone(stimulator: Stimulator) -> None:
    ratings: list[int] = []
    stimulator.rated.connect(lambda trial, value: ratings.append(value))
    stimulator.show(ShowPicture(4, evolved_picture(1)))
    stimulator.ask_rating(RatingWanted(4, 5))
    stimulator.blank()
    assert not stimulator.press(Qt.Key.Key_3)
    assert ratings == []


def test_what_is_on_show_moves_to_another_surface_without_being_reported_again(
    stimulator: Stimulator, clock: list[float]
) -> None:
    event = ShowPicture(0, evolved_picture(1))
    stimulator.show(event)
    other = Paper(clock)
    stimulator.move_to(other)
    assert other.scenes[0].image is event.picture.image
    assert len(stimulator.reported) == 1  # type: ignore[attr-defined]
