"""Rates by the square root: a known rate is predicted, none is negative, and only what pictures predict is valid."""

from __future__ import annotations

import numpy as np
import pytest

from training.readers.picture_features import PictureFeatures
from training.readers.rates import RateModel, explained, find_valid, fit_rates


def maps(n: int, seed: int) -> PictureFeatures:
    return PictureFeatures((np.random.default_rng(seed).standard_normal((n, 2, 4)).astype(np.float32),))


def rates(features: PictureFeatures, seed: int) -> np.ndarray:
    """Counts of two neurons that the maps drive, and of six that they do not."""
    rng, first = np.random.default_rng(seed), features.blocks[0]
    driven = np.stack([np.exp(1 + 0.5 * first[:, 0, 0]), (2 + 0.7 * first[:, 1, 2]) ** 2], axis=1)
    return np.concatenate([rng.poisson(driven), rng.poisson(3.0, (len(first), 6))], axis=1).astype(float)


@pytest.fixture(scope="module")
def fitted() -> tuple[RateModel, PictureFeatures, np.ndarray]:
    features = maps(300, 0)
    counts = rates(features, 1)
    return fit_rates(features, counts), features, counts


def test_only_neurons_that_pictures_drive_are_valid(fitted: tuple[RateModel, PictureFeatures, np.ndarray]) -> None:
    model, features, counts = fitted
    new = maps(300, 2)
    validity = find_valid(model, (features, counts), (new, rates(new, 3)), seed=0)
    assert validity.valid[:2].all()
    assert validity.valid[2:].sum() <= 1  # one in forty of those that nothing drives
    assert (validity.explained[:2] > 0.2).all()
    assert validity.threshold < 0.1


def test_left_out_rates_have_the_mean_of_the_recorded_and_the_slope_of_one(
    fitted: tuple[RateModel, PictureFeatures, np.ndarray],
) -> None:
    model, _, counts = fitted
    np.testing.assert_allclose(model.left_out.mean(axis=0), counts.mean(axis=0), rtol=1e-3)
    for neuron in range(2):
        assert np.polyfit(model.left_out[:, neuron], counts[:, neuron], 1)[0] == pytest.approx(1, abs=0.02)


def test_no_rate_is_negative_and_far_from_all_pictures_it_is_the_same_whatever_the_picture(
    fitted: tuple[RateModel, PictureFeatures, np.ndarray],
) -> None:
    model, _, _ = fitted
    far = PictureFeatures((50 * maps(20, 4).blocks[0],))
    predicted = model.predict(far)
    assert (predicted >= 0).all()
    np.testing.assert_allclose(predicted, np.broadcast_to(predicted[0], predicted.shape), atol=1e-6)


def test_distance_is_none_to_a_picture_of_the_fit_and_grows_away_from_it(
    fitted: tuple[RateModel, PictureFeatures, np.ndarray],
) -> None:
    model, features, _ = fitted
    np.testing.assert_allclose(model.distance(features.take(np.arange(5))), 0, atol=2e-2)
    block = features.blocks[0]
    scale = np.sqrt(((block / (block.std(axis=0) + 1e-6)) ** 2).sum(axis=(1, 2)) / block[0].size)
    origin = PictureFeatures((block.mean(axis=0, keepdims=True),))
    assert model.distance(origin)[0] < scale.max()
    assert (model.distance(PictureFeatures((10 * block[:5],))) > 3).all()


def test_explained_is_one_for_the_truth_none_for_the_mean_and_less_for_worse() -> None:
    truth = np.arange(12.0).reshape(6, 2)
    np.testing.assert_allclose(explained(truth, truth), 1)
    np.testing.assert_allclose(explained(np.broadcast_to(truth.mean(axis=0), truth.shape), truth), 0, atol=1e-12)
    assert (explained(-truth, truth) < 0).all()
