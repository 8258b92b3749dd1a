from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import PictureError
from bci_app.pictures.digits import draw_digit, handwritten_digits
from bci_app.pictures.drawing import PLAIN, Variation, sample_variation
from bci_app.pictures.letters import LETTERS, draw_letter
from bci_app.pictures.picture import MID_GREY
from bci_app.pictures.shapes import COLOURS, SHAPES, draw_shape

TURNED = Variation(centre=(0.07, -0.05), scale=0.9, rotation_deg=7.0, thickness=1.2, hue=0.01, contrast=0.9)


def shrunk(image: np.ndarray, size: int) -> np.ndarray:
    """Each pixel is the mean of the pixels that it covers."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BOX), dtype=float)


@pytest.mark.parametrize("how", [PLAIN, TURNED])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_the_same_picture_at_every_resolution(shape: str, how: Variation) -> None:
    small, large = draw_shape(shape, "red", 64, how), draw_shape(shape, "red", 256, how)
    difference = np.abs(small - shrunk(large, 64))
    assert difference.max() < 50, "only the pixel of a sharp corner may be off by more than a little"
    assert np.quantile(difference, 0.995) < 8
    assert difference.mean() < 0.2


@pytest.mark.parametrize("how", [PLAIN, TURNED])
@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_is_the_same_picture_at_every_resolution(letter: str, how: Variation) -> None:
    small, large = draw_letter(letter, "white", 64, how), draw_letter(letter, "white", 256, how)
    difference = np.abs(small - shrunk(large, 64))
    assert difference.max() < 50, "only the pixel of a sharp corner may be off by more than a little"
    assert np.quantile(difference, 0.995) < 8
    assert difference.mean() < 0.2


def test_a_digit_is_the_same_picture_at_every_resolution() -> None:
    difference = np.abs(draw_digit(3, "white", 64, (0.3, -0.4)) - shrunk(draw_digit(3, "white", 256, (0.3, -0.4)), 64))
    assert difference.max() < 8


def test_a_square_covers_the_area_of_its_formula() -> None:
    how = Variation(scale=0.8, rotation_deg=11.0)
    inside = (draw_shape("square", "white", 128, how)[:, :, 0].astype(float) - MID_GREY) / (255 - MID_GREY)
    assert inside.mean() == pytest.approx((1.04 * 0.8 / 2) ** 2, rel=0.005)


def test_a_large_frame_encloses_a_small_one_and_leaves_its_middle_grey() -> None:
    small, large = draw_shape("small-frame", "white"), draw_shape("large-frame", "white")
    inked = [np.flatnonzero((image[:, :, 0] != MID_GREY).any(axis=0)) for image in (small, large)]
    assert inked[1][0] < inked[0][0]
    assert inked[1][-1] > inked[0][-1]
    assert (small[32, 32] == MID_GREY).all()
    assert (large[32, 32] == MID_GREY).all()


def test_a_plus_turned_by_an_eighth_is_an_x() -> None:
    turned = draw_shape("plus", "blue", 64, Variation(rotation_deg=45.0)).astype(int)
    assert np.abs(turned - draw_shape("x", "blue")).max() <= 1


@pytest.mark.parametrize("colour", COLOURS)
def test_the_middle_of_a_plain_square_has_exactly_its_colour(colour: str) -> None:
    assert tuple(draw_shape("square", colour)[32, 32]) == COLOURS[colour]


@pytest.mark.parametrize("letter", ["A", "I", "O", "T", "U"])
def test_letters_that_are_symmetric_are_drawn_so(letter: str) -> None:
    image = draw_letter(letter).astype(int)
    assert np.abs(image - image[:, ::-1]).max() <= 1


@pytest.mark.parametrize("letter", ["N", "S", "O", "I"])
def test_letters_that_look_the_same_upside_down_are_drawn_so(letter: str) -> None:
    image = draw_letter(letter).astype(int)
    assert np.abs(image - image[::-1, ::-1]).max() <= (1 if letter != "S" else 255)
    assert np.abs(image - image[::-1, ::-1]).mean() < 6


def test_no_two_letters_look_alike() -> None:
    drawn = np.array([draw_letter(letter)[:, :, 0].ravel() for letter in LETTERS], dtype=float)
    assert np.corrcoef(drawn)[np.triu_indices(len(drawn), 1)].max() < 0.85


def test_moving_a_picture_moves_its_centre_of_mass() -> None:
    moved = draw_shape("square", "white", 64, Variation(centre=(0.25, -0.125))).astype(float)[:, :, 0] - MID_GREY
    rows, columns = np.indices(moved.shape)
    assert (moved * columns).sum() / moved.sum() == pytest.approx(31.5 + 8.0, abs=0.05)
    assert (moved * rows).sum() / moved.sum() == pytest.approx(31.5 - 4.0, abs=0.05)


def test_even_the_largest_variations_stay_inside_the_picture() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        image = draw_shape("large-frame", "white", 64, sample_variation(rng))
        rim = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert (rim == MID_GREY).mean() > 0.9


def test_digits_are_the_1797_real_samples_each_of_ten_kinds() -> None:
    ink, labels = handwritten_digits()
    assert ink.shape == (1797, 8, 8)
    assert set(labels.tolist()) == set(range(10))
    assert ink.min() == 0.0
    assert ink.max() == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: draw_shape("circle", "red"),
        lambda: draw_shape("x", "pink"),
        lambda: draw_shape("x", "red", size=0),
        lambda: draw_letter("B"),
        lambda: draw_letter("A", "red"),
        lambda: draw_digit(1797),
    ],
)
def test_what_we_do_not_draw_is_refused_with_what_we_do(call: object) -> None:
    with pytest.raises(PictureError, match="got"):
        call()  # type: ignore[operator]
