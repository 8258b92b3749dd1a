"""Least squares from latents to the brain and back, against the formulas."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from bci_app.calibration.features import features_of
from bci_app.contract.errors import SettingsError
from training.readers.linear import fit_inverse, fit_least_squares, scaled_by_test_set

DIM, N_CHANNELS, N_TIMES = 4, 6, 10


def trials(
    n: int, noise: float, shape: tuple[int, int] = (N_CHANNELS, N_TIMES), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Trials (n, *shape) that are a pattern times each latent, plus a mean, plus correlated noise; and the latents."""
    world, rng = np.random.default_rng(7), np.random.default_rng(seed)
    pattern, mean = world.normal(size=(DIM, *shape)), 10 * world.normal(size=shape)
    targets = rng.normal(size=(n, DIM)) * [1, 2, 0.5, 1] + [0, 3, 0, 0]
    common = rng.normal(size=(n, 1, shape[1]))
    windows = mean + np.einsum("nd,dct->nct", targets, pattern, optimize=True)
    windows = windows + noise * (rng.normal(size=(n, *shape)) + 2 * common)
    return windows.astype(np.float32), targets.astype(np.float32)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape", [(N_CHANNELS, N_TIMES), (80, 1)])
def test_without_noise_latents_are_read_exactly_each_trial_alone(weighted: bool, shape: tuple[int, int]) -> None:
    windows, targets = trials(60, 1e-3, shape)
    new, wanted = trials(5, 1e-3, shape, seed=1)
    reader = fit_least_squares(windows, targets, bin_times=2, weighted=weighted)
    np.testing.assert_allclose(np.concatenate([reader.read(each[np.newaxis]) for each in new]), wanted, atol=0.05)
    np.testing.assert_allclose(reader.mean_target, targets.mean(axis=0), atol=1e-6)


def test_the_plain_inverse_is_the_pseudo_inverse_of_the_fitted_patterns() -> None:
    windows, targets = trials(60, 1.0)
    features = features_of(windows, 2).values.astype(np.float64)
    design = np.column_stack([targets, np.ones(60)]).astype(np.float64)
    patterns = np.linalg.lstsq(design, features, rcond=None)[0]
    by_hand = (features - patterns[-1]) @ patterns[:-1].T @ np.linalg.inv(patterns[:-1] @ patterns[:-1].T)
    np.testing.assert_allclose(
        fit_inverse(windows, targets, bin_times=2, weighted=False).read(windows), by_hand, atol=1e-3
    )


@pytest.mark.parametrize("shape", [(5, 3), (600, 1)])
def test_the_weighted_inverse_comes_near_the_mean_of_the_latent_given_the_trial(shape: tuple[int, int]) -> None:
    windows, targets = trials(1500, 2.0, shape)
    new, _ = trials(200, 2.0, shape, seed=1)
    world = np.random.default_rng(7)
    pattern, mean = world.normal(size=(DIM, *shape)).reshape(DIM, -1), 10 * world.normal(size=shape)
    noise = 4 * np.kron(np.eye(shape[0]) + 4, np.eye(shape[1]))
    prior = np.diag(np.square([1, 2, 0.5, 1]))
    gain = np.linalg.solve(pattern.T @ prior @ pattern + noise, pattern.T @ prior)
    offset = np.array([0, 3, 0, 0])
    best = (new - mean).reshape(200, -1) @ gain + offset - offset @ pattern @ gain
    read = fit_least_squares(windows, targets, bin_times=1)
    for column in range(DIM):
        assert np.corrcoef(read.read(new)[:, column], best[:, column])[0, 1] > 0.97


@pytest.mark.parametrize("shape", [(N_CHANNELS, N_TIMES), (90, 1)])
def test_all_principal_components_are_as_good_as_none(shape: tuple[int, int]) -> None:
    windows, targets = trials(150, 1.0, shape)
    rank = min(features_of(windows, 2).values.shape[1], 100)
    every, none = (
        fit_least_squares(windows, targets, bin_times=2, n_components=n, weighted=False) for n in (rank, None)
    )
    np.testing.assert_allclose(every.read(windows), none.read(windows), atol=2e-3)


def test_few_principal_components_span_less() -> None:
    windows, targets = trials(100, 0.1)
    raw = [
        np.linalg.matrix_rank(
            fit_inverse(windows, targets, bin_times=2, n_components=n, weighted=False).weights.reshape(-1, DIM)
        )
        for n in (DIM, 8)
    ]
    assert raw == [DIM, DIM]
    read = fit_least_squares(windows, targets, bin_times=2, n_components=8).read(windows)
    assert np.corrcoef(read[:, 1], targets[:, 1])[0, 1] > 0.9


def test_nothing_is_read_from_noise_and_the_spread_is_that_of_the_training_latents() -> None:
    windows, targets = trials(300, 3.0)
    reader = fit_least_squares(windows, targets, bin_times=2, weighted=False)
    new, wanted = trials(300, 3.0, seed=3)
    np.testing.assert_allclose(reader.read(new).std(axis=0) / targets.std(axis=0), 1.0, atol=0.2)
    rng = np.random.default_rng(0)
    blind = fit_least_squares(windows, targets[rng.permutation(300)], bin_times=2)
    assert abs(np.mean((blind.read(new) - blind.mean_target) * (wanted - wanted.mean(axis=0)))) < 0.1


def test_trials_of_one_picture_are_left_out_together() -> None:
    """Each picture has a signature that says nothing of its latent: readings of trials left out must not know it."""
    rng = np.random.default_rng(5)
    shown = np.repeat(np.arange(40), 4)
    targets = rng.normal(size=(40, DIM)).astype(np.float32)[shown]
    windows = (20 * rng.normal(size=(40, 30, 1))[shown] + rng.normal(size=(160, 30, 1))).astype(np.float32)
    reader = fit_least_squares(windows, targets, bin_times=1)
    new = (20 * rng.normal(size=(200, 30, 1)) + rng.normal(size=(200, 30, 1))).astype(np.float32)
    assert np.mean(reader.read(new).std(axis=0) / targets.std(axis=0)) < 1.0


def test_twenty_thousand_voxels_take_a_few_copies_of_the_trials() -> None:
    windows, targets = trials(60, 1.0, (20000, 1))
    tracemalloc.start()
    try:
        reader = fit_least_squares(windows, targets, bin_times=1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * windows.nbytes
    assert np.corrcoef(reader.read(windows)[:, 1], targets[:, 1])[0, 1] > 0.95


def test_a_transductive_reading_has_the_statistics_of_the_training_latents_by_those_of_the_test_set() -> None:
    readings = np.random.default_rng(0).normal(size=(50, DIM)).astype(np.float32)
    _, targets = trials(70, 1.0)
    scaled = scaled_by_test_set(readings, targets)
    np.testing.assert_allclose(scaled.mean(axis=0), targets.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), targets.std(axis=0), rtol=1e-5)


def test_too_few_pictures_and_impossible_components_are_refused_in_words() -> None:
    windows, targets = trials(40, 1.0)
    with pytest.raises(SettingsError, match=r"4 latents need trials of at least 9 different pictures; got 8 trials"):
        fit_least_squares(windows[:8], targets[:8], bin_times=1)
    with pytest.raises(SettingsError, match=r"got 40 trials and 39 latents"):
        fit_least_squares(windows, targets[:39], bin_times=1)
    with pytest.raises(SettingsError, match=r"of 1 pictures"):
        fit_least_squares(windows, np.repeat(targets[:1], 40, axis=0), bin_times=1)
    with pytest.raises(SettingsError, match=r"n_components must lie between the number of latents, 4"):
        fit_least_squares(windows, targets, bin_times=1, n_components=3)
