"""Samples beside real pictures: a perfect generator reaches what real pictures reach, a copying one is found."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.evaluate.conftest import DIM, SIZE, World
from training.evaluate.sample_scores import (
    FeatureSets,
    Neighbours,
    class_shares,
    diversity_scores,
    memorisation,
    nearest,
    noise_features,
    noise_pictures,
    sample_features,
    set_scores,
)


def _sets(world: World, samples: np.ndarray) -> FeatureSets:
    rng = np.random.default_rng(1)
    noise = noise_features(world.space, 300, (SIZE, SIZE, 1), rng)
    real = world.space.features(world.split.train.images[:300])
    return FeatureSets(world.space.features(world.split.test.images), samples, real, noise)


def test_a_perfect_generator_scores_as_real_pictures_do(world: World) -> None:
    samples = sample_features(world.generate, world.space, 300, DIM, np.random.default_rng(2))
    assert samples.shape == (300, DIM)
    rows = set_scores(_sets(world, samples), world.space, np.random.default_rng(3), 8)
    distance, precision, recall, covered, classes = rows
    assert distance.name == world.space.distance_name
    assert distance.low is not None
    assert distance.high is not None
    assert distance.low <= distance.value <= distance.high
    for row in rows:
        assert row.real is not None
        assert row.noise is not None
        assert row.n == 300
    assert distance.value == pytest.approx(distance.real, abs=0.1)
    assert distance.noise > 5 * distance.value
    for row in (precision, recall, covered):
        assert row.value == pytest.approx(row.real, abs=0.1)
    assert classes.value < 0.1


def test_a_generator_that_dropped_a_class_is_found_out(world: World) -> None:
    rng = np.random.default_rng(4)

    def half(latents: np.ndarray) -> np.ndarray:
        latents = latents.copy()
        latents[:, 0] = np.abs(latents[:, 0])
        return world.generate(latents)

    samples = sample_features(half, world.space, 300, DIM, rng)
    rows = set_scores(_sets(world, samples), world.space, rng, 0)
    assert rows[0].low is None
    assert rows[0].value > 3 * rows[0].real
    assert rows[2].value < rows[2].real - 0.15
    assert rows[1].value > rows[1].real - 0.1
    assert rows[-1].value == pytest.approx(0.5, abs=0.1)  # half of all test pictures are in the class it never draws
    np.testing.assert_array_equal(class_shares(samples, world.space), [0, 1])


def test_diversity_of_one_picture_drawn_again_and_again_is_zero(world: World) -> None:
    test, train = world.split.test.images, world.split.train.images[:300]
    one = np.repeat(test[:1], 300, axis=0)
    for row in diversity_scores(one, test, train, world.space, np.random.default_rng(0)):
        assert (row.value, row.n) == (0, 150)
        assert row.real == pytest.approx(1, abs=0.1)
    pixels, _ = diversity_scores(train, test, train, world.space, np.random.default_rng(0))
    assert pixels.value == pixels.real
    assert pixels.noise > 1.5


def test_nearest_pictures_are_those_of_a_full_search(world: World) -> None:
    rng = np.random.default_rng(5)
    train = noise_pictures(4500, (4, 4, 1), rng)  # more than one part
    space = type(world.space)("pixels", "distance", lambda images: images.reshape(len(images), -1).astype(np.float64))
    queries = space.features(noise_pictures(7, (4, 4, 1), rng))
    found = nearest(queries, train, space, k=3)
    distances = np.linalg.norm(queries[:, None] - space.features(train)[None], axis=2)
    np.testing.assert_array_equal(found.places, np.argsort(distances, axis=1)[:, :3])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :3], rtol=1e-6)


def test_a_copying_generator_is_found_and_an_honest_one_is_not(world: World) -> None:
    train, test = world.split.train.images, world.space.features(world.split.test.images)
    fresh = sample_features(world.generate, world.space, 300, DIM, np.random.default_rng(6))
    copied = world.space.features(train[100:400])
    real, honest, copies = (nearest(each, train, world.space, 1) for each in (test, fresh, copied))
    row = memorisation(copies, real)
    assert (row.value, row.chance, row.n) == (1, 0.01, 300)
    assert memorisation(honest, real).value < 0.05
    assert memorisation(real, real).real < 0.05


def test_the_share_of_copies_is_counted_below_the_first_percentile() -> None:
    real = Neighbours(np.zeros((400, 1), np.int64), np.arange(1.0, 401.0)[:, None])  # limit: 2.99 ... of the odd ones
    limit = np.quantile(np.arange(1.0, 401.0)[::2], 0.01)
    own = Neighbours(np.zeros((4, 1), np.int64), limit + np.array([[-1.0], [-0.1], [0.1], [50.0]]))
    assert memorisation(own, real).value == 0.5
