"""Distances between sets of features against closed forms and counts by hand."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from scipy.linalg import sqrtm

from bci_app.contract.errors import PictureError
from training.evaluate.distances import (
    coverage,
    frechet_distance,
    frechet_interval,
    neighbour_distances,
    precision_recall,
)


def _with_moments(rng: np.random.Generator, mean: np.ndarray, covariance: np.ndarray, n: int = 50) -> np.ndarray:
    """Rows whose mean and covariance are exactly these."""
    white = rng.standard_normal((n, len(mean)))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white.T))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def _covariance(rng: np.random.Generator, d: int) -> np.ndarray:
    root = rng.standard_normal((d, d))
    return root @ root.T + 0.1 * np.eye(d)


def test_frechet_distance_is_the_closed_form_of_two_gaussians() -> None:
    rng = np.random.default_rng(0)
    means, covariances = rng.standard_normal((2, 6)), (_covariance(rng, 6), _covariance(rng, 6))
    a, b = (_with_moments(rng, mean, covariance) for mean, covariance in zip(means, covariances, strict=True))
    root = np.real(sqrtm(covariances[0] @ covariances[1]))
    wanted = np.square(means[0] - means[1]).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(wanted, rel=1e-9)


def test_in_one_dimension_it_is_the_sum_of_two_squares() -> None:
    a, b = np.array([[1.0], [3.0]]), np.array([[2.0], [10.0]])
    wanted = (6 - 2) ** 2 + (np.std(b, ddof=1) - np.std(a, ddof=1)) ** 2
    assert frechet_distance(a, b) == pytest.approx(wanted)


def test_it_keeps_its_digits_far_from_zero_and_never_falls_below_it() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((40, 3)), rng.standard_normal((40, 3)) + 1
    assert frechet_distance(a + 1e6, b + 1e6) == pytest.approx(frechet_distance(a, b), rel=1e-6)
    assert 0 <= frechet_distance(a, a) < 1e-9


def test_fewer_pictures_make_the_distance_of_equal_distributions_larger() -> None:
    a, b = np.random.default_rng(2).standard_normal((2, 2000, 20))
    assert frechet_distance(a[:100], b[:100]) > 5 * frechet_distance(a, b)


@pytest.mark.parametrize("other", [np.zeros((5, 4)), np.zeros((1, 3)), np.zeros(3)])
def test_sets_that_cannot_be_compared_are_refused(other: np.ndarray) -> None:
    with pytest.raises(PictureError, match="two pictures in one feature space"):
        frechet_distance(np.zeros((5, 3)), other)


def test_the_interval_is_as_wide_as_repeated_draws_spread() -> None:
    rng = np.random.default_rng(3)
    pairs = [(rng.standard_normal((300, 4)), rng.standard_normal((300, 4)) + 0.5) for _ in range(40)]
    spread = np.std([frechet_distance(a, b) for a, b in pairs])
    widths = [np.diff(frechet_interval(a, b, rng, 15))[0] / (2 * 1.96) for a, b in pairs[:6]]
    assert np.mean(widths) == pytest.approx(spread, rel=0.4)


def _by_hand(queries: np.ndarray, centres: np.ndarray, k: int) -> np.ndarray:
    """Loops over all pairs: is the query within any centre's distance to its k-th nearest other centre?"""
    radii = [sorted(np.linalg.norm(centre - other) for other in centres)[k] for centre in centres]  # [0] is itself
    return np.array(
        [any(np.linalg.norm(q - c) <= r for c, r in zip(centres, radii, strict=True)) for q in queries]
    )  # fmt: skip


def test_precision_and_recall_are_those_counted_by_hand() -> None:
    rng = np.random.default_rng(4)
    real, made = rng.standard_normal((60, 3)), 0.7 * rng.standard_normal((45, 3)) + 0.8
    found = precision_recall(real, made, k=3)
    np.testing.assert_array_equal(found.precision, _by_hand(made, real, 3))
    np.testing.assert_array_equal(found.recall, _by_hand(real, made, 3))
    assert 0 < found.precision.mean() < 1
    assert 0 < found.recall.mean() < 1


def test_dropped_modes_cost_recall_and_strange_pictures_cost_precision() -> None:
    rng = np.random.default_rng(5)
    modes = np.array([[0.0, 0.0], [20.0, 0.0]])
    real = modes[rng.integers(0, 2, 400)] + rng.standard_normal((400, 2))
    dropped = modes[0] + rng.standard_normal((400, 2))
    strange = real + np.where(rng.random(400) < 0.3, 500.0, 0.0)[:, None] * [0, 1]
    assert precision_recall(real, dropped).precision.mean() > 0.9
    assert precision_recall(real, dropped).recall.mean() == pytest.approx(0.5, abs=0.1)
    assert precision_recall(real, strange).precision.mean() == pytest.approx(0.7, abs=0.1)


def test_coverage_of_the_same_distribution_is_what_counting_orders_gives() -> None:
    rng, n, k = np.random.default_rng(6), 1500, 5
    real, made = rng.standard_normal((2, n, 3))
    # the nearest k of 2 n - 1 others are all real with this probability, whatever the distribution
    missed = prod((n - 1 - i) / (2 * n - 1 - i) for i in range(k))
    assert coverage(real, made, k).mean() == pytest.approx(1 - missed, abs=0.015)
    assert not coverage(real, made + 100, k).any()


def test_neighbour_distances_leave_out_the_picture_itself() -> None:
    line = np.array([[0.0], [1.0], [3.0], [7.0]])
    np.testing.assert_allclose(neighbour_distances(line, 2), [3, 2, 3, 6])
    with pytest.raises(PictureError, match="need more than 4 pictures; got 4"):
        neighbour_distances(line, 4)
