"""The probe finds what is there, finds nothing in nothing, and never looks at test labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bci_app.contract.errors import PictureError
from tests.training.evaluate.conftest import World
from training.data.images import ImageSplit, Pictures
from training.evaluate.probe import MAX_PIXELS, Sides, chance, fit_probe, linear_probes


def _overlapping(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(0, 3, n)
    return (np.eye(3)[labels] * 2 + rng.standard_normal((n, 3))).astype(np.float32), labels


def test_accuracy_is_that_of_the_best_classifier_there_is() -> None:
    rng = np.random.default_rng(0)
    train, validation, test = (_overlapping(n, rng) for n in (6000, 1000, 4000))
    row = fit_probe("codes", Sides(train, validation, test))
    best = np.mean(test[0].argmax(axis=1) == test[1])  # equal priors and spherical noise: the nearest centre is right
    assert row.accuracy == pytest.approx(best, abs=0.01)
    assert row.low < row.accuracy < row.high
    assert (row.name, row.n_train, row.n_test) == ("codes", 6000, 4000)


def test_scales_of_the_components_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    sides = [_overlapping(n, rng) for n in (1000, 300, 300)]
    scaled = [(codes * np.array([0.1, 1, 10], np.float32) + 5, labels) for codes, labels in sides]
    scores = [fit_probe("", Sides(*each)).accuracy for each in (sides, scaled)]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


def test_the_penalty_is_chosen_on_validation_pictures_alone() -> None:
    rng = np.random.default_rng(2)
    train, validation, test = (_overlapping(n, rng) for n in (300, 300, 300))
    row = fit_probe("", Sides(train, validation, test))
    other = fit_probe("", Sides(train, validation, (test[0], rng.permutation(test[1]))))
    assert row.penalty == other.penalty
    assert other.accuracy < row.accuracy


def test_an_encoder_beats_its_controls_which_are_at_chance(world: World) -> None:
    rng = np.random.default_rng(0)
    blind = np.random.default_rng(5).standard_normal((256, 6)).astype(np.float32) * 1e-3

    def untrained(images: np.ndarray) -> np.ndarray:
        return np.cos(images.reshape(len(images), -1).astype(np.float32) @ blind * 100)

    rows = linear_probes({"E(x)": world.encode, "random weights": untrained}, world.split, rng)
    names = [row.name for row in rows]
    assert names[:3] == ["E(x)", "random weights", "raw pixels (16 x 16)"]
    own, random, _, noise, shuffled = (row.accuracy for row in rows)
    assert own > 0.95
    for control in (random, noise, shuffled):
        assert control == pytest.approx(chance(world.split), abs=0.12)
    assert rows[-1].low <= shuffled <= rows[-1].high


def test_chance_names_the_most_frequent_training_class(world: World) -> None:
    labels = np.array([0, 0, 0, 1])
    sides = [Pictures(world.split.test.images[:4], labels), Pictures(world.split.test.images[:4], 1 - labels)]
    assert chance(ImageSplit(sides[0], sides[0], sides[1], ("a", "b"))) == 0.25


def test_large_pictures_are_averaged_for_the_pixel_probe() -> None:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    images[30:] //= 2
    side = Pictures(images, np.repeat([0, 1], 30))
    split = ImageSplit(side, side, side, ("bright", "dark"))
    rows = linear_probes({"E": lambda each: each[:, :2, 0, 0].astype(np.float32)}, split, rng)
    assert rows[1].name == "raw pixels (16 x 16 averages)"
    assert 16 * 16 * 3 <= MAX_PIXELS < 32 * 32 * 3
    assert rows[1].accuracy == 1


def test_without_labels_there_is_no_probe(world: World) -> None:
    split = replace(world.split, validation=Pictures(world.split.validation.images))
    with pytest.raises(PictureError, match="Leave the probe out"):
        linear_probes({"E(x)": world.encode}, split, np.random.default_rng(0))
