"""The participant's screen is chosen as wished, and painted without OpenGL where that does not keep step."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from bci_app.contract.errors import SettingsError
from bci_app.engine.evolution_settings import Stimulus
from bci_app.ui.stimulus_window import TRIAL_FRAMES, in_step, open_stimulus_window, stimulus_screen
from bci_app.ui.views.stimulus import Scene, StimulusView


def _screens(monkeypatch: pytest.MonkeyPatch, *screens: object) -> None:
    monkeypatch.setattr(QGuiApplication, "screens", lambda: list(screens))


def test_second_screen_is_taken_by_itself_and_a_single_one_is_left_to_the_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _screens(monkeypatch, "own", "other", "third")
    assert stimulus_screen(Stimulus(), "own") == "other"  # type: ignore[arg-type]
    assert stimulus_screen(Stimulus(), "other") == "own"  # type: ignore[arg-type]
    assert stimulus_screen(Stimulus(screen=2), "own") == "third"  # type: ignore[arg-type]
    assert stimulus_screen(Stimulus(where="window"), "own") is None  # type: ignore[arg-type]
    _screens(monkeypatch, "own")
    assert stimulus_screen(Stimulus(), "own") is None  # type: ignore[arg-type]
    assert stimulus_screen(Stimulus(where="full-screen"), "own") == "own"  # type: ignore[arg-type]


def test_screen_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _screens(monkeypatch, "own")
    with pytest.raises(SettingsError, match="on screen 1, counted from 0; 1 can be found"):
        stimulus_screen(Stimulus(screen=1), "own")  # type: ignore[arg-type]


@pytest.mark.parametrize(("frame_s", "expected"), [(1 / 60, True), (1 / 50, False), (0.004, False), (2 / 60, False)])
def test_opengl_is_used_where_its_frames_come_as_often_as_those_of_the_screen(frame_s: float, expected: bool) -> None:
    swaps = np.cumsum([0.0, 0.2, *[frame_s] * (TRIAL_FRAMES - 2)])  # the first frame may take long
    assert in_step(list(swaps), 60.0) is expected


def test_frames_that_could_not_be_painted_are_not_in_step() -> None:
    assert not in_step([0.0, 1 / 60], 60.0)


def test_without_opengl_a_raster_window_covers_the_screen(qapp: QApplication) -> None:
    screen = qapp.primaryScreen()
    window = open_stimulus_window(Stimulus(), screen, lambda key: False, lambda: None)
    qapp.processEvents()
    assert isinstance(window, StimulusView)
    assert window.how == "raster"
    assert window.isFullScreen()
    assert window.geometry() == screen.geometry()
    assert window.refresh_hz == screen.refreshRate()
    painted: list[int] = []
    window.draw(Scene(), lambda: painted.append(1))
    assert painted == [1]
    window.discard()
