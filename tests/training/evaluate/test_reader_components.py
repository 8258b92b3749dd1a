"""Component-wise correlation and variance explained against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.evaluate.reader_world import made_reading
from training.evaluate.reader_components import component_correlations, component_scores


def _normal(n: int, dim: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


def test_in_one_fold_it_is_pearsons_correlation() -> None:
    target = _normal(80, 3, 0)
    real = target * [1, 0, -1] + _normal(80, 3, 1)
    reading = made_reading(target, real)
    found = component_correlations(reading)
    for control, values in (("real", found.real), ("noise", found.noise), ("shuffled", found.shuffled)):
        expected = [np.corrcoef(getattr(reading, control)[:, each], target[:, each])[0, 1] for each in range(3)]
        np.testing.assert_allclose(values, expected, atol=1e-6)
    assert (found.low < found.real).all()
    assert (found.real < found.high).all()
    z = np.arctanh([found.low, found.high])  # Fisher: the interval's half width is 1.96 / sqrt(n - 3)
    np.testing.assert_allclose((z[1] - z[0]) / 2, 1.96 / np.sqrt(77), rtol=0.25)


def test_what_differs_between_folds_alone_is_no_reading() -> None:
    fold = np.arange(100) // 50
    target = _normal(100, 2, 0) + 5 * fold[:, np.newaxis]
    real = _normal(100, 2, 1) + 5 * fold[:, np.newaxis]
    found = component_correlations(made_reading(target, real, fold))
    assert (np.abs(found.real) < 0.25).all()


def test_a_component_that_never_varies_correlates_zero() -> None:
    target = _normal(30, 2, 0)
    real = np.column_stack([target[:, 0], np.full(30, 3.3)])
    np.testing.assert_allclose(component_correlations(made_reading(target, real)).real, [1, 0], atol=1e-6)


def test_explained_variance_is_one_minus_errors_over_spread() -> None:
    target = _normal(60, 3, 0)
    real = 0.5 * target
    correlation, explained = component_scores(made_reading(target, real))
    assert correlation.score.value == pytest.approx(1)
    assert explained.score.value == pytest.approx(1 - 0.25)
    assert (explained.score.low, explained.score.high) == pytest.approx((0.75, 0.75))
    silent = component_scores(made_reading(target, 0 * target))[1].score
    assert (silent.value, silent.chance) == pytest.approx((0, 0))


def test_variance_explained_with_components_scaled_is_their_mean() -> None:
    target = _normal(60, 2, 0)
    reading = made_reading(target, target * [1, 0])
    spread = np.sqrt((target**2).mean(axis=0))
    object.__setattr__(reading, "spread", np.tile(spread, (60, 1)).astype(np.float32))
    found = component_scores(reading, use_spread=True)[1].score
    assert found.value == pytest.approx(0.5, abs=1e-5)
    assert "divided by their training spread" in found.name


def test_random_readings_show_nothing() -> None:
    for seed in range(5):
        for each in component_scores(made_reading(_normal(80, 4, seed), _normal(80, 4, 50 + seed)), seed=seed):
            assert each.score.low is not None
            assert not each.shows_reading
            assert each.p > 0.01
