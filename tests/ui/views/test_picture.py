"""A picture keeps its proportions, its pixels and its word about having been painted."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bci_app.ui.views.picture import Canvas, PictureView, to_qimage


@pytest.fixture
def canvas(qapp: QApplication) -> Iterator[Canvas]:
    made = Canvas("Nothing yet", smooth=False)
    made.resize(400, 300)
    made.show()
    qapp.processEvents()
    yield made
    made.close()
    made.deleteLater()


def _image(height: int, width: int) -> np.ndarray:
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image.setflags(write=False)  # as the engine hands them over
    return image


@pytest.mark.parametrize(("height", "width"), [(7, 5), (64, 64), (3, 9)])
def test_every_pixel_keeps_its_colour_whatever_the_width(height: int, width: int) -> None:
    image = _image(height, width)
    picture, _pixels = to_qimage(image)
    for y in range(height):
        for x in range(width):
            pixel = picture.pixelColor(x, y)
            assert (pixel.red(), pixel.green(), pixel.blue()) == tuple(int(level) for level in image[y, x])


def test_picture_outlives_the_array_it_came_from(canvas: Canvas) -> None:
    canvas.show_image(np.full((64, 64, 3), 77, dtype=np.uint8))
    gc.collect()
    _noise = [np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(50)]
    assert canvas.grab().toImage().pixelColor(200, 150).red() == 77


def test_slices_that_are_not_contiguous_are_shown_right(canvas: Canvas) -> None:
    image = np.zeros((64, 128, 3), dtype=np.uint8)
    image[:, ::2] = 200
    canvas.show_image(image[:, ::2])
    assert canvas.grab().toImage().pixelColor(200, 150).red() == 200


@pytest.mark.parametrize(("shape", "expected"), [((64, 64), (300, 300)), ((50, 100), (400, 200))])
def test_picture_fills_the_widget_with_its_proportions_kept(
    canvas: Canvas, shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    canvas.show_image(_image(*shape))
    rect = canvas.picture_rect()
    assert (rect.width(), rect.height()) == expected
    assert canvas.rect().contains(rect)
    assert abs(rect.center().x() - canvas.rect().center().x()) <= 1


def test_without_smoothing_pixels_stay_square(canvas: Canvas) -> None:
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    image[0, 0] = 255
    canvas.show_image(image)
    drawn = canvas.grab().toImage()
    levels = {drawn.pixelColor(x, 40).red() for x in range(55, 345)}
    assert levels == {0, 255}


def test_token_comes_once_and_after_the_paint(canvas: Canvas, qapp: QApplication) -> None:
    tokens: list[str] = []
    painted: list[int] = []
    canvas.painted.connect(lambda token: tokens.append(token))
    original = canvas.paintEvent
    canvas.paintEvent = lambda event: (painted.append(len(tokens)), original(event))  # type: ignore[method-assign]
    canvas.show_now(_image(8, 8), "first")
    assert tokens == ["first"]
    canvas.update()
    qapp.processEvents()
    canvas.show_now(_image(9, 9), "second")
    assert tokens == ["first", "second"]


def test_picture_without_token_says_nothing(canvas: Canvas, qapp: QApplication) -> None:
    tokens: list[object] = []
    canvas.painted.connect(tokens.append)
    canvas.show_image(_image(8, 8))
    qapp.processEvents()
    assert tokens == []


def test_picture_replaced_before_it_was_painted_is_not_reported(qapp: QApplication) -> None:
    canvas = Canvas()
    tokens: list[object] = []
    canvas.painted.connect(tokens.append)
    canvas.show_now(_image(8, 8), "never seen")
    canvas.show_now(_image(9, 9), "seen")
    assert tokens == []
    canvas.show()
    qapp.processEvents()
    assert tokens == ["seen"]
    canvas.close()


def test_picture_blanked_before_it_was_painted_is_not_reported(qapp: QApplication) -> None:
    canvas = Canvas()
    tokens: list[object] = []
    canvas.painted.connect(tokens.append)
    canvas.show_now(_image(8, 8), "never seen")
    canvas.clear()
    canvas.show()
    qapp.processEvents()
    assert tokens == []
    canvas.close()


def test_cleared_canvas_is_mid_grey(canvas: Canvas) -> None:
    canvas.show_image(_image(8, 8))
    canvas.clear()
    pixel = canvas.grab().toImage().pixelColor(QPoint(200, 150))
    assert (pixel.red(), pixel.green(), pixel.blue()) == (128, 128, 128)


def test_two_views_side_by_side_give_their_pictures_equal_height(qapp: QApplication) -> None:
    short, long = PictureView("One", "short"), PictureView("Two", "a long note " * 6)
    for view in (short, long):
        view.resize(300, 420)
        view.show()
    qapp.processEvents()
    assert short.canvas.height() == long.canvas.height()
    short.close()
    long.close()


def _middle(canvas: Canvas) -> int:
    return canvas.grab().toImage().pixelColor(200, 150).red()


def _flat(level: int) -> np.ndarray:
    return np.full((8, 8, 3), level, dtype=np.uint8)


def test_the_first_picture_comes_at_once_and_the_next_in_equal_steps(canvas: Canvas) -> None:
    canvas.fade_to(_flat(50))
    assert (_middle(canvas), canvas.share) == (50, 1.0)
    levels = []
    canvas.fade_to(_flat(150), fade_ms=200)
    for _ in range(4):
        levels.append(_middle(canvas))
        canvas._fading.timeout.emit()
    assert levels == pytest.approx([70, 90, 110, 130], abs=2)
    assert (_middle(canvas), canvas.share) == (150, 1.0)
    assert not canvas._fading.isActive()


def test_a_picture_that_comes_during_a_fade_takes_over_from_what_is_on_show(canvas: Canvas) -> None:
    canvas.fade_to(_flat(0))
    canvas.fade_to(_flat(200), fade_ms=200)
    canvas._fading.timeout.emit()
    assert _middle(canvas) == pytest.approx(80, abs=2)
    canvas.fade_to(_flat(0), fade_ms=400)
    assert _middle(canvas) == pytest.approx(72, abs=2)
    canvas.fade_to(np.full((4, 4, 3), 30, np.uint8), fade_ms=0)  # of another size, at once
    assert _middle(canvas) == 30


def test_what_is_shown_blanked_or_hidden_does_not_fade_on(canvas: Canvas) -> None:
    for end in (lambda: canvas.show_image(_flat(9)), lambda: canvas.show_now(_flat(9), "x"), canvas.hide):
        canvas.show()
        canvas.show_image(_flat(200))
        canvas.fade_to(_flat(9))
        assert canvas._fading.isActive()
        end()
        assert not canvas._fading.isActive()
        assert _middle(canvas) == 9


def test_where_there_is_no_room_for_both_the_caption_stays(qtbot: QtBot) -> None:
    view = PictureView("Read from EEG")
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    view.show_image(np.zeros((4, 4, 3), np.uint8), "Trial 12")
    for width, both in ((400, True), (130, False), (400, True)):
        view.resize(width, 300)
        assert view._detail.isVisible() is both
        assert view.detail == "Trial 12"
