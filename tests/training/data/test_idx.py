"""The idx files of MNIST, written here byte by byte as its page describes them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import PictureError
from training.data import idx
from training.data.images import ImageSplit, read_split
from training.settings import PictureSettings

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 14, 14), dtype=np.uint8)
PIXELS[:, 0, 0] = np.arange(60)
CLASSES = (np.arange(60) % 4).astype(np.uint8)


def _images(pixels: np.ndarray) -> bytes:
    return struct.pack(">IIII", 0x803, *pixels.shape) + pixels.tobytes()


def _labels(classes: np.ndarray) -> bytes:
    return struct.pack(">II", 0x801, len(classes)) + classes.tobytes()


def _write(folder: Path, name: str, content: bytes, packed: bool = False) -> None:
    file = folder / (name + ".gz" if packed else name)
    file.write_bytes(gzip.compress(content) if packed else content)


def _write_set(folder: Path, packed: bool = False, name: str = "", first: int = 0) -> None:
    train, test = slice(first, 40), slice(40, 60)
    _write(folder, f"{name}train-images-idx3-ubyte", _images(PIXELS[train]), packed)
    _write(folder, f"{name}train-labels-idx1-ubyte", _labels(CLASSES[train]), packed)
    _write(folder, f"{name}t10k-images-idx3-ubyte", _images(PIXELS[test]), packed)
    _write(folder, f"{name}t10k-labels-idx1-ubyte", _labels(CLASSES[test]), packed)


def _read(path: Path) -> ImageSplit:
    settings = PictureSettings(source=str(path), size=16, channels=1, resize="pad", validation=0.3)
    return read_split(settings, 0)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("named", ["", "t10k-labels-idx1-ubyte"])
def test_a_folder_or_a_file_of_it_is_read_whole(tmp_path: Path, packed: bool, named: str) -> None:
    _write_set(tmp_path, packed)
    split = _read(tmp_path / (named + ".gz" if named and packed else named))
    assert split.classes == ("0", "1", "2", "3")
    assert sorted(split.test.images[:, 1, 1, 0]) == list(range(40, 60))
    for side in (split.train, split.validation, split.test):
        numbers = side.images[:, 1, 1, 0]
        np.testing.assert_array_equal(side.images[:, 1:-1, 1:-1, 0], PIXELS[numbers])
        np.testing.assert_array_equal(side.labels, numbers % 4)


def test_one_of_several_sets_is_chosen_by_its_file(tmp_path: Path) -> None:
    _write_set(tmp_path, packed=True, name="letters-")
    _write_set(tmp_path, packed=True, name="digits-", first=20)
    with pytest.raises(PictureError, match=r"2 sets of idx files \(digits-, letters-\)"):
        _read(tmp_path)
    split = _read(tmp_path / "digits-train-images-idx3-ubyte.gz")
    assert split.name == "digits"
    assert len(split.train) + len(split.validation) == 20


def test_images_alone_have_no_class_and_are_split_by_hash(tmp_path: Path) -> None:
    _write(tmp_path, "train-images.idx3-ubyte", _images(PIXELS))
    split = _read(tmp_path)
    assert split.train.labels is None
    assert len(split.train) + len(split.validation) + len(split.test) == 60


def test_a_set_without_training_images_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "t10k-images-idx3-ubyte", _images(PIXELS))
    with pytest.raises(PictureError, match="has no train-images"):
        _read(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (_images(PIXELS)[:10], "begins with 00 00 08 03"),
        (_labels(CLASSES), "begins with 00 00 08 01"),
        (b"\0\0\x0d" + _images(PIXELS)[3:], "begins with 00 00 0d 03"),
        (_images(PIXELS)[:-1], "must hold 11,760 bytes after its header; it has 11,759"),
        (_images(PIXELS) + b"\0", "it has more"),
        (struct.pack(">IIII", 0x803, *[2**32 - 1] * 3), "GiB"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, content: bytes, message: str, packed: bool) -> None:
    _write(tmp_path, "train-images-idx3-ubyte", content, packed)
    with pytest.raises(PictureError, match=message):
        _read(tmp_path)


def test_a_cut_packed_file_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "train-images-idx3-ubyte.gz", gzip.compress(_images(PIXELS))[:-20])
    with pytest.raises(PictureError, match="not a readable idx file"):
        _read(tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "MAX_ARRAY_BYTES", 1000)
    _write_set(tmp_path, packed=True)
    with pytest.raises(PictureError, match="says that it holds"):
        _read(tmp_path)
