"""Ranks and missing scores."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.evolution.ranking import fill_missing, rank_weights


def test_missing_scores_become_the_median_of_those_that_came() -> None:
    np.testing.assert_array_equal(fill_missing(np.array([1.0, np.nan, 5.0, 2.0])), [1, 2, 5, 2])


def test_the_better_half_is_weighted_by_the_logarithm_of_its_rank() -> None:
    weights = rank_weights(np.array([0.0, 9.0, 4.0, 7.0, -3.0]))
    raw = np.array([np.log(2.5) - np.log(1), np.log(2.5) - np.log(2)])
    np.testing.assert_allclose(weights[[1, 3]], raw / raw.sum(), rtol=1e-12)
    assert (weights[[0, 2, 4]] == 0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_weights_add_up_to_1_and_fall_with_the_rank(n: int) -> None:
    weights = rank_weights(-np.arange(n, dtype=np.float64))
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    assert (np.diff(weights) <= 0).all()


def test_equal_scores_share_the_weights_of_their_ranks() -> None:
    apart = rank_weights(np.array([4.0, 3, 2, 1, 0, -1]))
    tied = rank_weights(np.array([4.0, 2, 2, 2, 0, -1]))
    np.testing.assert_allclose(tied, [apart[0], *[apart[1:4].mean()] * 3, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(rank_weights(np.full(5, 7.0)), 0.2, rtol=1e-12)
