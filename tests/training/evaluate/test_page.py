"""How figures are written on a page, and how pictures and drawings get into it."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from training.evaluate.page import figure, number, percent, plain, png, svg


@pytest.mark.parametrize(
    ("value", "words"), [(None, ""), (0.12345, "0.123"), (-9.9, "-9.900"), (12.345, "12.3"), (1739.14, "1739")]
)
def test_numbers_have_as_many_digits_as_they_need(value: float | None, words: str) -> None:
    assert number(value) == words


def test_shares_are_told_in_hundredths() -> None:
    assert (percent(0.1234), percent(0.1234, 1), percent(None)) == ("12 %", "12.3 %", "unknown")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_comes_out_of_its_address_as_it_went_in(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    content = base64.b64decode(png(pixels).removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))).reshape(5, 7, channels), pixels)


def test_a_drawing_is_one_element_and_leaves_no_figure_open() -> None:
    from matplotlib import pyplot

    drawing = figure(2.0, 1.0)
    plain(drawing.subplots())
    made = svg(drawing)
    assert made.startswith("<svg")
    assert made.rstrip().endswith("</svg>")
    assert pyplot.get_fignums() == []
