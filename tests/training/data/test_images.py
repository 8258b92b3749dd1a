"""Pictures fall on the side their hash says, and never on two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.pictures.source import builtin, picture_hash
from training.data.images import (
    ImageSplit,
    Pictures,
    batch_indices,
    flip_some,
    read_split,
    refuse_leak,
    to_images,
    to_tensor,
)
from training.settings import PictureSettings

WANTED = PictureSettings(n=200, size=16, validation=0.2, test=0.3)


def _split(seed: int, wanted: PictureSettings = WANTED) -> ImageSplit:
    return read_split(wanted, seed)


def _hashes(images: np.ndarray) -> set[str]:
    return {picture_hash(image) for image in images}


def test_sides_share_no_picture_and_keep_every_one() -> None:
    split = _split(0)
    sides = [_hashes(side.images) for side in (split.train, split.validation, split.test)]
    drawn = {picture_hash(picture.image) for picture in builtin().sample(np.random.default_rng(0), 200, 16)}
    assert set.union(*sides) == drawn
    assert sum(len(side) for side in sides) == len(drawn)
    assert [len(side) / len(drawn) for side in sides] == pytest.approx([0.5, 0.2, 0.3], abs=0.1)


def test_a_picture_falls_on_the_same_side_in_every_draw() -> None:
    small, large = _split(0), _split(0, WANTED.model_copy(update={"n": 400}))
    assert _hashes(small.test.images) <= _hashes(large.test.images)
    assert _hashes(small.train.images) <= _hashes(large.train.images)


def test_a_split_that_leaks_is_refused() -> None:
    split = _split(0)
    refuse_leak(split)
    leaky = np.concatenate([split.test.images, split.train.images[:1]])
    with pytest.raises(SettingsError, match="1 stand on two"):
        refuse_leak(replace(split, test=Pictures(leaky)))


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(SettingsError, match="leave none for"):
        _split(0, PictureSettings(n=1, size=16))


def test_the_same_seed_draws_the_pictures_of_the_source_in_its_order() -> None:
    split = _split(3)
    drawn = [picture_hash(picture.image) for picture in builtin().sample(np.random.default_rng(3), 200, 16)]
    places = [drawn.index(picture_hash(image)) for image in split.train.images]
    assert places == sorted(places)


def test_drawings_are_labelled_by_what_they_show() -> None:
    split = _split(0)
    kinds = {
        picture_hash(picture.image): picture.label.split("-", 1)[1]
        for picture in builtin().sample(np.random.default_rng(0), 200, 16)
    }
    assert split.train.labels is not None
    for image, label in zip(split.train.images, split.train.labels, strict=True):
        assert split.classes[label] == kinds[picture_hash(image)]


def test_a_family_alone_has_its_own_classes() -> None:
    assert _split(0, WANTED.model_copy(update={"families": ("digits",)})).classes == tuple("0123456789")


def test_the_arrays_of_a_split_cannot_be_changed_by_mistake() -> None:
    side = _split(0).train
    assert not side.images.flags.writeable
    assert side.labels is not None
    assert not side.labels.flags.writeable


@pytest.mark.parametrize("channels", [1, 3])
def test_tensors_go_back_to_the_same_bytes(channels: int) -> None:
    images = _split(0, WANTED.model_copy(update={"channels": channels})).test.images
    tensor = to_tensor(images)
    assert tensor.shape == (len(images), channels, 16, 16)
    assert float(tensor.min()) >= -1.0
    assert float(tensor.max()) <= 1.0
    np.testing.assert_array_equal(to_images(tensor), images)


def test_half_of_the_pictures_are_mirrored_and_none_is_otherwise_changed() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1000, 4, 4, 1), dtype=np.uint8)
    flipped = flip_some(images, np.random.default_rng((0, 1)))
    kept, mirrored = ((flipped == each).all(axis=(1, 2, 3)) for each in (images, images[:, :, ::-1]))
    assert (kept | mirrored).all()
    assert mirrored.mean() == pytest.approx(0.5, abs=0.06)  # four standard deviations
    np.testing.assert_array_equal(flipped, flip_some(images, np.random.default_rng((0, 1))))
    assert (flipped != flip_some(images, np.random.default_rng((0, 2)))).any()


def test_an_epoch_shows_each_picture_once_in_another_order() -> None:
    first = np.concatenate([batch_indices(12, 4, step, seed=0) for step in range(3)])
    second = np.concatenate([batch_indices(12, 4, step, seed=0) for step in range(3, 6)])
    assert sorted(first) == sorted(second) == list(range(12))
    assert list(first) != list(second)
