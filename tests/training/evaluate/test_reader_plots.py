"""Drawings of a reader's report hold what they are to show."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from training.evaluate.reader_categories import Confusion
from training.evaluate.reader_components import Components
from training.evaluate.reader_curves import Curve
from training.evaluate.reader_plots import components_svg, confusion_svg, curve_svg, time_svg


@pytest.fixture
def curve() -> Curve:
    x = np.array([0.05, 0.1, 0.2])
    middle = np.array([0.5, 0.7, 0.8])
    beside = {key: np.full(3, 0.5) for key in ("noise", "shuffled")}
    return Curve(
        name="pairwise identification", x_name="training trials", x=x, value=middle, low=middle - 0.1, high=middle + 0.1,
        **beside, seeds=middle[np.newaxis], chance=0.5, n=30, held_out="others", threshold=0.6,
    )  # fmt: skip


def _words(drawing: str) -> set[str]:
    """Texts of a drawing, which stand in it as comments beside their outlines."""
    return set(re.findall(r"<!-- (.*?) -->", drawing))


BESIDE = {"read", "noise input", "shuffled pairing", "chance", "95 % interval"}


def test_a_curve_stands_beside_its_controls(curve: Curve) -> None:
    assert _words(curve_svg(curve)) >= BESIDE | {"pairwise identification", "training trials", "0.05", "0.1", "0.2"}


def test_a_time_course_shows_the_picture_on_the_screen_if_its_duration_is_known(curve: Curve) -> None:
    with_end, without = _words(time_svg(curve, 0.1)), _words(time_svg(replace(curve, threshold=None)))
    assert with_end >= BESIDE | {"picture on screen", "5 % of deals reach this anywhere"}
    assert not without & {"picture on screen", "5 % of deals reach this anywhere"}
    assert "milliseconds after the picture's onset" in with_end


def test_components_stand_beside_their_controls() -> None:
    values = np.array([0.1, 0.5, 0.3])
    drawing = components_svg(Components(values, values - 0.1, values + 0.1, 0 * values, 0 * values, "correlation"))
    assert _words(drawing) >= BESIDE - {"chance"}


def test_confusions_are_counted_in_their_cells_while_there_is_room() -> None:
    few = Confusion(("cat", "dog"), np.array([[31, 7], [5, 42]]))
    assert _words(confusion_svg(few)) >= {"31", "7", "5", "42", "cat", "dog", "shown", "read"}
    many = Confusion(tuple(f"class {each}" for each in range(20)), np.full((20, 20), 77))
    assert "77" not in _words(confusion_svg(many))
