"""Arrays in an npz archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import PictureError
from training.data import arrays
from training.data.images import ImageSplit, read_split
from training.settings import PictureSettings

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 12, 12), dtype=np.uint8)
PIXELS[:, 0, 0] = np.arange(60)  # tells which picture it is
CLASSES = np.arange(60) % 3 * 10


def _read(path: Path, **wanted: object) -> ImageSplit:
    settings = {"size": 16, "channels": 1, "resize": "pad", "validation": 0.3, "test": 0.3} | wanted
    return read_split(PictureSettings(source=str(path), **settings), 0)


def _save(folder: Path, **content: np.ndarray) -> Path:
    np.savez_compressed(folder / "a.npz", **content)
    return folder / "a.npz"


def test_published_arrays_come_out_padded_with_their_classes(tmp_path: Path) -> None:
    path = _save(tmp_path, x_train=PIXELS[:40], y_train=CLASSES[:40], x_test=PIXELS[40:], y_test=CLASSES[40:])
    split = _read(path)
    assert split.classes == ("0", "10", "20")
    assert sorted(split.test.images[:, 2, 2, 0]) == list(range(40, 60))
    for side in (split.train, split.validation, split.test):
        numbers = side.images[:, 2, 2, 0]
        np.testing.assert_array_equal(side.images[:, 2:-2, 2:-2, 0], PIXELS[numbers])
        assert side.images.sum(dtype=int) == PIXELS[numbers].sum(dtype=int)  # nothing but black round it
        np.testing.assert_array_equal(side.labels, numbers % 3)
    assert len(split.train) + len(split.validation) == 40


def test_a_single_array_is_split_by_hash(tmp_path: Path) -> None:
    split = _read(_save(tmp_path, x_train=PIXELS))
    assert split.train.labels is None
    assert split.classes == ()
    assert 0 < len(split.test) < 40
    assert len(split.train) + len(split.validation) + len(split.test) == 60


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("last", [1, 3])
def test_grey_and_colour_become_what_is_asked(tmp_path: Path, channels: int, last: int) -> None:
    pixels = np.repeat(PIXELS[..., None], last, axis=3)
    split = _read(_save(tmp_path, x_train=pixels), channels=channels)
    numbers = split.train.images[:, 2, 2, 0]
    assert split.train.images.shape[1:] == (16, 16, channels)
    for channel in range(channels):
        np.testing.assert_array_equal(split.train.images[:, 2:-2, 2:-2, channel], PIXELS[numbers])


def test_colour_becomes_luma(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (60, 16, 16, 3), dtype=np.uint8)
    grey = pixels @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    split = _read(_save(tmp_path, x_train=pixels))
    differences = np.abs(split.train.images[:, None, ..., 0].astype(float) - grey[None]).max(axis=(2, 3)).min(axis=1)
    assert differences.max() <= 0.51


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": PIXELS}, "has images"),
        ({"x_train": PIXELS / 255.0}, "float64"),
        ({"x_train": PIXELS[0]}, r"uint8 \(12, 12\)"),
        ({"x_train": PIXELS[:, :0]}, r"\(60, 0, 12\)"),
        ({"x_train": PIXELS.reshape(60, 4, 6, 6)}, "channels last"),
        ({"x_train": PIXELS, "y_train": CLASSES[:5]}, r"\(5,\) for 60"),
        ({"x_train": PIXELS, "y_train": CLASSES / 2}, "float64"),
        ({"x_train": PIXELS, "y_train": np.array([None] * 60)}, "without pickle"),
        ({"x_train": PIXELS[:0]}, "None of the 0"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(tmp_path: Path, content: dict, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        _read(_save(tmp_path, **content))


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(PictureError, match="must be an npz"):
        _read(tmp_path / "a.npz")


def test_a_cut_or_changed_archive_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path, x_train=PIXELS)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PictureError, match="must be an npz"):
        _read(path)
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 255
    path.write_bytes(changed)
    with pytest.raises(PictureError, match="must be an npz"):
        _read(path)


def test_an_array_too_large_for_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "MAX_ARRAY_BYTES", 1000)
    with pytest.raises(PictureError, match="zip"):
        _read(_save(tmp_path, x_train=PIXELS))
