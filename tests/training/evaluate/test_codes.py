"""Statistics of codes against closed forms, and collapses that must be seen."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate.codes import code_statistics, diversity, pair_distances, participation_ratio


def _codes(n: int, scales: list[float]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, len(scales))) * scales


def test_draws_from_the_prior_look_like_the_prior() -> None:
    found = code_statistics(_codes(4000, [1.0] * 8), None)
    np.testing.assert_allclose(found.variances, 1.0, atol=0.1)
    assert found.effective_dim == pytest.approx(8, abs=0.1)
    assert found.mean_offset < 0.05
    assert found.mean_variance == pytest.approx(1, abs=0.03)
    assert 0 <= found.divergence < 0.002
    assert (found.identified, found.n) == (1.0, 4000)


def test_effective_dimension_is_the_closed_form_of_the_variances() -> None:
    scales = np.array([3.0, 1.0, 0.5, 0.1])
    wanted = np.square(scales).sum() ** 2 / np.power(scales, 4).sum()
    assert participation_ratio(_codes(50000, list(scales))) == pytest.approx(wanted, rel=0.02)
    assert participation_ratio(np.outer(np.arange(9.0), [1, -2, 3])) == pytest.approx(1)
    assert participation_ratio(np.ones((9, 3))) == 0


def test_divergence_is_that_of_gaussians_with_these_moments() -> None:
    n, mean, std, noise = 200_000, 0.7, 0.6, 0.3
    means = mean + std * np.random.default_rng(1).standard_normal((n, 1))
    found = code_statistics(means[:2000], np.full((2000, 1), noise), np.random.default_rng(2))
    variance = means[:2000].var() + noise**2
    wanted = 0.5 * (means[:2000].mean() ** 2 + variance - 1 - np.log(variance))
    assert found.divergence == pytest.approx(wanted, rel=1e-9)
    np.testing.assert_allclose(found.noise_variances, noise**2)


def test_codes_that_fell_into_one_are_seen() -> None:
    collapsed = np.repeat(_codes(1, [1.0] * 5), 300, axis=0)
    found = code_statistics(collapsed, None)
    assert found.identified == 0
    assert found.effective_dim == 0
    assert found.variances.max() < 1e-20


def test_codes_doubled_in_pairs_are_identified_by_none_and_one_component_is_one_dimension() -> None:
    pairs = np.repeat(_codes(100, [1.0, 1.0]), 2, axis=0)
    assert code_statistics(pairs, None).identified == 0
    assert code_statistics(_codes(500, [1.0, 1e-4, 1e-4]), None).effective_dim == pytest.approx(1, abs=1e-3)


def test_noise_of_the_encoder_hides_codes_that_lie_closer_together() -> None:
    means = 0.01 * _codes(400, [1.0] * 4)
    found = code_statistics(means, np.ones((400, 4)), np.random.default_rng(1))
    assert found.identified < 0.02
    assert found.mean_variance == pytest.approx(1, abs=0.01)
    assert code_statistics(100 * means, np.full((400, 4), 0.01), np.random.default_rng(1)).identified > 0.95


def test_pair_distances_use_each_row_once() -> None:
    rows = np.array([[0, 0], [3, 4], [1, 1], [1, 2], [9, 9]], np.uint8)
    np.testing.assert_allclose(pair_distances(rows), [5, 1])


def test_diversity_is_one_for_equal_sets_and_falls_with_the_spread() -> None:
    a, b = np.random.default_rng(3).standard_normal((2, 4000, 10))
    value, low, high = diversity(a, b)
    assert low < 1 < high
    assert value == pytest.approx(1, abs=0.03)
    assert diversity(0.4 * a, b)[0] == pytest.approx(0.4 * value)
    assert diversity(np.ones_like(a), b) == (0, 0, 0)
