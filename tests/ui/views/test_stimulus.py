"""The participant's screen: grey, the picture in its place, and a word about when it was painted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from bci_app.engine.evolution_settings import Stimulus
from bci_app.ui.views.stimulus import Scene, StimulusView

WHITE = Scene(np.full((16, 16, 3), 255, np.uint8))


@pytest.fixture
def view(qapp: QApplication) -> Iterator[StimulusView]:
    made = StimulusView(Stimulus(height=0.5, photodiode=True))
    made.resize(400, 300)
    made.show()
    qapp.processEvents()
    yield made
    made.discard()


def _level(view: StimulusView, x: int, y: int) -> int:
    return view.grab().toImage().pixelColor(QPoint(x, y)).red()


def test_picture_has_its_share_of_the_height_in_the_middle_of_mid_grey(view: StimulusView) -> None:
    view.draw(WHITE, lambda: None)
    row = [_level(view, x, 150) for x in (124, 125, 200, 274, 275)]  # 150 of 300 pixels
    assert row == [128, 255, 255, 255, 128]
    column = [_level(view, 200, y) for y in (74, 75, 224, 225)]
    assert column == [128, 255, 255, 128]


def test_the_grey_holds_a_cross_only_if_wanted(view: StimulusView, qapp: QApplication) -> None:
    view.draw(Scene(), lambda: None)
    assert _level(view, 200, 150) < 128
    bare = StimulusView(Stimulus(fixation=False))
    bare.resize(400, 300)
    image = bare.grab().toImage()
    assert {image.pixelColor(x, y).rgb() for x in range(0, 400, 7) for y in range(0, 300, 7)} == {0xFF808080}
    bare.discard()


def test_photodiode_square_is_white_exactly_while_a_picture_is_on(view: StimulusView) -> None:
    levels = []
    for scene in (Scene(), WHITE, Scene(prompt="grey still"), WHITE):
        view.draw(scene, lambda: None)
        levels.append(_level(view, 3, 296))
    assert levels == [0, 255, 0, 255]


def test_prompt_is_written_below_the_picture(view: StimulusView) -> None:
    view.draw(Scene(WHITE.image, "1 to 9"), lambda: None)
    image = view.grab().toImage()
    inked = {y for y in range(300) for x in range(100, 300) if image.pixelColor(x, y).red() < 100}
    assert min(inked) > 224
    view.draw(WHITE, lambda: None)
    image = view.grab().toImage()
    assert not {y for y in range(225, 270) for x in range(100, 300) if image.pixelColor(x, y).red() != 128}


def test_painted_is_told_once_after_the_paint_and_not_for_what_was_replaced(qapp: QApplication) -> None:
    view = StimulusView(Stimulus())
    told: list[str] = []
    view.draw(WHITE, lambda: told.append("never seen"))
    view.draw(WHITE, lambda: told.append("seen"))
    assert told == []  # hidden
    view.show()
    qapp.processEvents()
    assert told == ["seen"]
    view.draw(Scene(), lambda: told.append("grey"))
    assert told == ["seen", "grey"]
    view.update()
    qapp.processEvents()
    assert told == ["seen", "grey"]
    view.discard()


def test_keys_are_handed_on_and_closing_is_told(qtbot: object) -> None:
    keys: list[int] = []
    closed: list[int] = []
    view = StimulusView(Stimulus(), lambda key: keys.append(key) is None, lambda: closed.append(1))
    view.show()
    qtbot.keyClick(view, Qt.Key.Key_S)  # type: ignore[attr-defined]
    assert keys == [Qt.Key.Key_S]
    view.close()
    assert closed == [1]
    view.discard()
    assert closed == [1]
