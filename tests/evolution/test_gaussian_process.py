"""The Gaussian process over directions and radii."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.evolution.gaussian_process import RADIUS_WIDTH, Archive, Surface, unit_sum

WIDTH, NOISE = 0.8, 0.3


def unit(rows: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((rows, 12)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def archive(*sizes: int, most: int = 100) -> Archive:
    kept, rng = Archive.of({}), np.random.default_rng(5)
    for number, size in enumerate(sizes):
        kept = kept.with_generation(
            f"directions_{number}", unit(size, number), rng.normal(0, 0.4, size), rng.standard_normal(size), most
        )
    return kept


def kernel(directions: np.ndarray, log_radii: np.ndarray, other: np.ndarray, other_radii: np.ndarray) -> np.ndarray:
    apart = log_radii[:, None] - other_radii
    return np.exp((directions @ other.T - 1) / WIDTH) * np.exp(-(apart**2) / (2 * RADIUS_WIDTH**2))


def test_the_products_kept_are_those_of_all_directions_after_the_oldest_have_left() -> None:
    kept = archive(5, 4, 6, most=12)
    everyone = np.concatenate([unit(4, 1), unit(6, 2)])
    assert list(kept.directions) == ["directions_1", "directions_2"]
    np.testing.assert_allclose(kept.gram, everyone @ everyone.T, atol=1e-6)
    assert len(kept.scores) == len(kept.log_radii) == 10


def test_what_goes_into_a_state_comes_back() -> None:
    kept = archive(3, 4)
    again = Archive.of(kept.arrays())
    np.testing.assert_array_equal(again.gram, kept.gram)
    np.testing.assert_array_equal(again.scores, kept.scores)
    assert list(again.directions) == list(kept.directions)


def test_the_mean_is_that_of_a_gaussian_process() -> None:
    kept = archive(6, 5)
    surface = Surface.fit(kept, WIDTH, NOISE)
    directions = np.concatenate(list(kept.directions.values())).astype(float)
    among = kernel(directions, kept.log_radii, directions, kept.log_radii)
    targets = (kept.scores - kept.scores.mean()) / kept.scores.std()
    alpha = np.linalg.solve(among + NOISE * np.eye(11), targets)  # equation 2.25
    np.testing.assert_allclose(surface.heights, among @ alpha, atol=1e-4)
    elsewhere = unit(1, 9)[0]
    there = kernel(elsewhere[None].astype(float), np.array([0.3]), directions, kept.log_radii)[0] @ alpha
    assert surface.at((directions @ elsewhere).astype(np.float32), 0.3).sum() == pytest.approx(there, abs=1e-4)


def test_scores_that_are_all_equal_make_a_flat_surface() -> None:
    kept = archive(6)
    flat = Surface.fit(Archive(kept.directions, kept.log_radii, np.full(6, 2.5), kept.gram), WIDTH, NOISE)
    np.testing.assert_array_equal(flat.heights, np.zeros(6))


def test_a_sum_of_directions_has_length_one() -> None:
    kept = archive(4, 3)
    weights = unit_sum(np.arange(7, dtype=np.float32) - 2, kept.gram)
    everyone = np.concatenate(list(kept.directions.values()))
    assert np.linalg.norm(weights @ everyone) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kept.combine(weights), weights @ everyone, atol=1e-5)
