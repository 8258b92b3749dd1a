"""Neighbours of a reading: the one that was shown says so, and ranks stand beside noise and chance."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor

from bci_app.engine.nearest import Nearest, Neighbour
from bci_app.ui import theme
from bci_app.ui.views.nearest import NearestView
from tests.ui.fake_session import made_up_picture

pytestmark = pytest.mark.usefixtures("qapp")


def test_the_picture_shown_is_marked_by_a_word_and_a_frame() -> None:
    view = NearestView()
    view.resize(100, 400)
    neighbours = tuple(Neighbour(made_up_picture(i), fit, i == 1) for i, fit in enumerate((0.61, 0.44, 0.1)))
    view.show_nearest(Nearest(neighbours, 24, 2.0, 13.0))
    assert view.captions == ("0.61", "0.44 shown", "0.10")
    assert view.ranks == "rank 2\nnoise 13\nchance 12\nof 24"
    strip = view.strip.grab().toImage()
    frames = [strip.pixelColor(1, 1 + number * (view.strip.height() // 3)) for number in range(3)]
    assert [frame == QColor(theme.DARK.decoder) for frame in frames] == [False, True, False]


def test_without_a_picture_that_was_shown_there_are_no_ranks() -> None:
    view = NearestView()
    view.show_nearest(Nearest((Neighbour(made_up_picture(0), 0.2, False),), 1))
    assert view.captions == ("0.20",)
    assert view.ranks == " "
    view.grab()
    view.show_nearest(None)
    assert view.captions == ()
