"""The steps of the genetic algorithm, against formulas, identities and counts."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.evolution.operators import choose_parents, clip_outliers, cross, mutate, parent_probabilities, temperature

SCORES = np.array([3.0, -1.0, 2.5, 7.0])


def drawn(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim), np.float32)


def test_scores_above_the_95th_percentile_count_as_that_percentile() -> None:
    steps = np.random.default_rng(0).permutation(21.0 * np.arange(21) / 21)
    np.testing.assert_array_equal(clip_outliers(steps, 95), np.minimum(steps, 19))
    np.testing.assert_array_equal(clip_outliers(steps, 100), steps)


def test_temperature_is_the_sd_by_the_selectivity_so_that_a_higher_one_is_colder() -> None:
    assert temperature(np.array([-1.0, 1.0]), 4) == 0.25
    assert temperature(SCORES, 0.5) == pytest.approx(4 * temperature(SCORES, 2), rel=1e-12)


def test_temperature_of_a_constant_response_has_a_floor() -> None:
    assert temperature(np.full(5, 3.0), 2) == 1e-8


def test_odds_of_two_parents_are_the_exponential_of_their_difference() -> None:
    probabilities = parent_probabilities(SCORES, 1.5)
    assert probabilities.sum() == pytest.approx(1, rel=1e-12)
    odds = probabilities[:, None] / probabilities
    np.testing.assert_allclose(odds, np.exp((SCORES[:, None] - SCORES) / 1.5), rtol=1e-12)


def test_equal_scores_are_equally_probable_at_the_coldest_temperature() -> None:
    np.testing.assert_allclose(parent_probabilities(np.full(4, 1e9), 1e-8), 0.25, rtol=1e-12)


def test_parents_are_drawn_as_probable_as_they_are_and_independently_of_each_other() -> None:
    probabilities, n = np.array([0.5, 0.3, 0.2, 0.0]), 20_000
    chosen = choose_parents(probabilities, n, np.random.default_rng(1))
    pairs = np.zeros((4, 4))
    np.add.at(pairs, (chosen[:, 0], chosen[:, 1]), 1)
    expected = np.outer(probabilities, probabilities)
    assert (np.abs(pairs - n * expected) <= 5 * np.sqrt(n * expected)).all()


def test_every_gene_of_a_child_is_that_of_one_parent_in_the_share_asked_for() -> None:
    first, second = drawn(10, 2000), drawn(10, 2000, 1)
    child = cross(first, second, 0.75, np.random.default_rng(2))
    of_first = child == first
    assert (of_first | (child == second)).all()
    assert of_first.mean() == pytest.approx(0.75, abs=5 * np.sqrt(0.75 * 0.25 / first.size))
    np.testing.assert_array_equal(cross(first, second, 1, np.random.default_rng(2)), first)


def test_mutation_changes_the_share_of_genes_asked_for_by_the_size_asked_for() -> None:
    codes = drawn(10, 4000)
    before = codes.copy()
    change = mutate(codes, 0.25, 0.75, np.random.default_rng(3)) - codes
    n_changed = np.count_nonzero(change)
    assert n_changed / codes.size == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / codes.size))
    assert np.sqrt((change**2).sum() / n_changed) == pytest.approx(0.75, rel=5 / np.sqrt(2 * n_changed))
    assert change.mean() == pytest.approx(0, abs=5 * change.std() / np.sqrt(codes.size))
    np.testing.assert_array_equal(codes, before)


def test_mutation_at_rate_0_changes_nothing_and_stays_in_single_precision() -> None:
    mutated = mutate(drawn(3, 5), 0, 0.5, np.random.default_rng(0))
    np.testing.assert_array_equal(mutated, drawn(3, 5))
    assert mutated.dtype == np.float32
