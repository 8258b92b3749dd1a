"""The picture sets that lie beside the checkout are read as they are."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.images import read_split
from training.settings import PictureSettings


def _file(shared_data: Path, name: str) -> Path:
    path = shared_data / "images" / name
    if not path.is_file():
        pytest.skip(f"needs the pictures in {path}")
    return path


def test_mnist_keeps_its_test_part_and_its_classes(shared_data: Path) -> None:
    path = _file(shared_data, "mnist.npz")
    wanted = PictureSettings(source=str(path), n=3000, size=32, channels=1, resize="pad")
    split = read_split(wanted, 0)
    assert split.classes == tuple("0123456789")
    assert len(split.test) == pytest.approx(3000 / 7, rel=0.2)
    with np.load(path) as archive:
        known = dict(zip((image.tobytes() for image in archive["x_test"]), archive["y_test"], strict=True))
    found = [known[image[2:-2, 2:-2, 0].tobytes()] for image in split.test.images]
    np.testing.assert_array_equal(split.test.labels, found)


def test_cifar_pictures_keep_their_class(shared_data: Path) -> None:
    path = _file(shared_data, "cifar10_jpeg.zip")
    split = read_split(PictureSettings(source=str(path), n=600, size=32), 0)
    assert len(split.classes) == 10
    assert len(split.train) + len(split.validation) + len(split.test) == 600
    with zipfile.ZipFile(path) as archive:
        cats = {
            np.asarray(Image.open(io.BytesIO(archive.read(f"test/cat/{number:04d}.jpg")))).tobytes()
            for number in range(1000)
        }
    is_cat = [image.tobytes() in cats for image in split.test.images]
    assert split.test.labels is not None
    np.testing.assert_array_equal(split.test.labels == split.classes.index("cat"), is_cat)
    assert 0 < sum(is_cat) < 40


def test_natural_pictures_have_no_class(shared_data: Path) -> None:
    path = _file(shared_data, "natural64_jpeg.zip")
    split = read_split(PictureSettings(source=str(path), n=300), 0)
    assert (split.classes, split.skipped, split.train.labels) == ((), (), None)
    assert split.train.images.shape[1:] == (64, 64, 3)
    assert (split.train.images.std(axis=(1, 2, 3)) > 1).mean() > 0.99
