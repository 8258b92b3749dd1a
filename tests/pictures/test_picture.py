from __future__ import annotations

import hashlib

import numpy as np
import pytest

from bci_app.contract.errors import PictureError
from bci_app.pictures.picture import make_picture, picture_hash, resize
from bci_app.pictures.shapes import shape_picture


def test_the_id_is_family_label_and_hash_of_the_pixels() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    digest = hashlib.sha256(bytes(range(48))).hexdigest()[:12]
    assert make_picture(image, "drawn", "ramp").id == f"drawn/ramp/{digest}"
    assert picture_hash(image) == digest


def test_the_same_drawing_has_the_same_id_on_every_machine() -> None:
    # a plain square of half-width 0.52 * 32 = 16.64 pixels: 32 whole pixels and a rim covered by 0.64
    inside = np.clip(16.64 + 0.5 - np.abs(np.arange(64) - 31.5), 0.0, 1.0)
    covered = np.minimum(inside[:, None], inside[None, :])
    red = np.rint(128 + covered * 127)
    other = np.rint(128 - covered * 128)
    expected = np.stack([red, other, other], axis=2).astype(np.uint8)
    assert shape_picture("square", "red").id == f"shapes/red-square/{picture_hash(expected)}"


def test_one_changed_pixel_changes_the_id() -> None:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    before = make_picture(image, "a", "b")
    image[3, 3, 1] = 1
    assert make_picture(image, "a", "b").id != before.id
    assert not before.image.any(), "a picture keeps its own copy"


def test_pixels_of_a_picture_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        shape_picture("x", "blue").image[0, 0, 0] = 1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3)),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_what_is_no_rgb_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(PictureError, match="uint8"):
        make_picture(image, "a", "b")


@pytest.mark.parametrize(("family", "label"), [("", "x"), ("x", ""), ("a/b", "x"), ("x", "a/b")])
def test_a_name_that_would_break_the_id_is_refused(family: str, label: str) -> None:
    with pytest.raises(PictureError, match="name"):
        make_picture(np.zeros((8, 8, 3), np.uint8), family, label)


def test_resizing_crops_the_middle_square() -> None:
    image = np.zeros((10, 30, 3), dtype=np.uint8)
    image[:, 10:20] = 200
    assert (resize(image, 5) == 200).all()
