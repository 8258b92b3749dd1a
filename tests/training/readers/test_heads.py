"""The last layer: solved on training trials, chosen and stretched by validation trials."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from training.readers.heads import PENALTIES, ridge_head, stretch

DIM, N_FEATURES = 3, 8


def _problem(n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(9)
    weight = fixed.normal(size=(N_FEATURES, DIM))
    features = 5 + rng.normal(size=(n, N_FEATURES)) * np.linspace(0.3, 10, N_FEATURES)
    standard = (features - 5) / np.linspace(0.3, 10, N_FEATURES)
    return features, standard @ weight + noise * rng.normal(size=(n, DIM))


def test_without_noise_the_head_finds_the_weights() -> None:
    (known, target), (new, wanted) = _problem(200, 0.0, 0), _problem(50, 0.0, 1)
    weight, bias = ridge_head(known, target, new, wanted)
    np.testing.assert_allclose(new @ weight.T + bias, wanted, atol=1e-2)


def test_each_component_takes_the_penalty_with_the_smallest_error_on_new_trials() -> None:
    (known, target), (new, wanted) = _problem(30, 3.0, 0), _problem(200, 3.0, 1)
    weight, bias = ridge_head(known, target, new, wanted)
    errors = ((new @ weight.T + bias - wanted) ** 2).mean(axis=0)
    mean, spread = known.mean(axis=0), known.std(axis=0)
    tried = [
        ((Ridge(each).fit((known - mean) / spread, target).predict((new - mean) / spread) - wanted) ** 2).mean(axis=0)
        for each in PENALTIES
    ]
    np.testing.assert_allclose(errors, np.min(tried, axis=0), rtol=1e-6)


def test_predictions_are_stretched_two_thirds_of_the_way_and_never_more_than_tenfold() -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(size=(500, 3))
    predicted = target * np.array([0.5, 1.0, 1e-9])
    factor = stretch(predicted, target)
    assert factor[0] == pytest.approx(2 ** (2 / 3), rel=0.01)
    assert factor[1] == pytest.approx(1.0, rel=0.01)
    assert factor[2] == pytest.approx(10 ** (2 / 3))


def test_a_feature_that_hardly_varies_is_not_blown_up() -> None:
    rng = np.random.default_rng(0)
    known, target = rng.normal(size=(100, 2)), rng.normal(size=(100, 1))
    known[:, 1] = 3 + 1e-9 * target[:, 0]
    weight, _ = ridge_head(known, target, known, target)
    assert abs(weight[0, 1]) < 1e3
