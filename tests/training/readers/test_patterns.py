"""Noise that is stationary, patterns that are filtered, a shrunk covariance that is never made."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage

from training.readers.patterns import filtered_patterns, shrinkage, stationary, weigh_by_trials

N_CHANNELS, N_TIMES, DIM = 3, 5, 4


def test_stationary_covariance_depends_on_the_lag_alone_and_is_never_negative() -> None:
    residuals = np.random.default_rng(0).normal(size=(2, N_CHANNELS, N_TIMES)).astype(np.float32)
    covariance = stationary(residuals).reshape(N_CHANNELS, N_TIMES, N_CHANNELS, N_TIMES)
    for lag in range(N_TIMES):
        blocks = [covariance[:, time + lag, :, time] for time in range(N_TIMES - lag)]
        by_hand = sum(trial[:, lag:] @ trial[:, : N_TIMES - lag].T for trial in residuals) / (2 * N_TIMES)
        for block in blocks:
            np.testing.assert_allclose(block - np.diag(np.diag(block)), by_hand - np.diag(np.diag(by_hand)), atol=1e-6)
    matrix = covariance.reshape(N_CHANNELS * N_TIMES, -1)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-7)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_stationary_covariance_of_white_noise_is_the_channels_covariance_at_lag_zero() -> None:
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(N_CHANNELS, N_CHANNELS))
    residuals = (mixing @ rng.normal(size=(20000, N_CHANNELS, N_TIMES))).astype(np.float32)
    np.testing.assert_allclose(stationary(residuals), np.kron(mixing @ mixing.T, np.eye(N_TIMES)), atol=0.1)


def pattern_problem(n_trials: int, size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True patterns, smooth in space and time; what least squares would find of them; the noise's covariance."""
    rng = np.random.default_rng(2)
    space, time = np.ones((8, 2)) + rng.normal(size=(8, 2)), rng.normal(size=(N_TIMES, 2))
    true = size * np.einsum("ca,dab,tb->dct", space, rng.normal(size=(40, 2, 2)), time).reshape(40, -1)
    root = rng.normal(size=(8 * N_TIMES, 8 * N_TIMES))
    noise = root @ root.T
    return true, true + rng.normal(size=true.shape) @ root.T / np.sqrt(n_trials), noise


@pytest.mark.parametrize("n_trials", [20, 200])
def test_filtered_patterns_are_nearer_to_the_truth_than_least_squares(n_trials: int) -> None:
    true, found, noise = pattern_problem(n_trials, 1.0)
    filtered = filtered_patterns(found, noise, np.eye(40), n_trials, N_TIMES)
    assert ((filtered - true) ** 2).sum() < 0.5 * ((found - true) ** 2).sum()


def test_filtering_leaves_patterns_without_error_and_drops_patterns_of_nothing() -> None:
    true, _, noise = pattern_problem(1, 1.0)
    np.testing.assert_allclose(filtered_patterns(true, 1e-9 * noise, np.eye(40), 1, N_TIMES), true, atol=1e-4)
    _, nothing, noise = pattern_problem(50, 0.0)
    kept = filtered_patterns(nothing, noise, np.eye(40), 50, N_TIMES)
    assert (kept**2).sum() < 0.1 * (nothing**2).sum()
    assert not filtered_patterns(0 * nothing, noise, np.eye(40), 50, N_TIMES).any()


def test_filtering_does_not_depend_on_the_coordinates_of_the_latents() -> None:
    _, found, noise = pattern_problem(50, 1.0)
    turn = np.random.default_rng(3).normal(size=(40, 40)) + 5 * np.eye(40)
    covariance = np.linalg.inv(turn.T) @ np.linalg.inv(turn.T).T  # of latents whose patterns are turn.T-fold
    straight = filtered_patterns(found, noise, np.eye(40), 50, N_TIMES)
    np.testing.assert_allclose(
        filtered_patterns(turn @ found, noise, covariance, 50, N_TIMES), turn @ straight, atol=1e-2
    )


@pytest.mark.parametrize("n_features", [7, 60])
def test_shrinkage_is_that_of_scikit_learn(n_features: int) -> None:
    rng = np.random.default_rng(4)
    trials = rng.normal(size=(30, n_features)) @ rng.normal(size=(n_features, n_features))
    wanted = ledoit_wolf_shrinkage(trials, assume_centered=True)
    assert shrinkage(trials @ trials.T / 30, n_features) == pytest.approx(wanted)


@pytest.mark.parametrize("n_features", [7, 60])
def test_weighing_through_the_trials_is_weighing_by_the_inverse_of_the_shrunk_covariance(n_features: int) -> None:
    rng = np.random.default_rng(5)
    residuals = (rng.normal(size=(30, n_features)) @ rng.normal(size=(n_features, n_features))).astype(np.float32)
    patterns = rng.normal(size=(DIM, n_features)).astype(np.float32)
    spread = np.sqrt((residuals**2).mean(axis=0))
    share = ledoit_wolf_shrinkage((residuals / spread).astype(np.float64), assume_centered=True)
    covariance = (1 - share) * residuals.T @ residuals / 30 + share * np.diag(spread**2)
    np.testing.assert_allclose(
        weigh_by_trials(residuals, patterns), np.linalg.solve(covariance, patterns.T), rtol=2e-2, atol=1e-3
    )
