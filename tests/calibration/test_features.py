"""What a linear reader sees: whitened, binned, scaled; and folded back into a map of windows."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.calibration.features import averaging_matrix, features_of, space_covariance, whitening_matrix


def trials(n: int, n_channels: int, n_times: int) -> np.ndarray:
    rng = np.random.default_rng(n_channels)
    mixing = rng.normal(size=(n_channels, n_channels))
    return (7 + mixing @ rng.normal(size=(n, n_channels, n_times))).astype(np.float32)


def test_a_last_bin_may_be_shorter() -> None:
    bins = averaging_matrix(10, 4)
    np.testing.assert_allclose(bins.sum(axis=0), 1)
    np.testing.assert_array_equal((bins > 0).sum(axis=0), [4, 4, 2])


def test_whitened_channels_are_uncorrelated_and_of_unit_variance() -> None:
    windows = trials(200, 5, 8)
    whitening, covariance = whitening_matrix(windows), space_covariance(windows - windows.mean(axis=0))
    assert whitening is not None
    loaded = covariance + 1e-3 * np.trace(covariance) / 5 * np.eye(5)
    np.testing.assert_allclose(whitening @ loaded @ whitening, np.eye(5), atol=1e-3)
    np.testing.assert_allclose(whitening, whitening.T, atol=1e-6)


@pytest.mark.parametrize(("shape", "whitened"), [((40, 60, 1), False), ((40, 60, 2), True), ((600, 520, 1), False)])
def test_more_channels_than_samples_or_than_five_hundred_are_not_whitened(
    shape: tuple[int, int, int], whitened: bool
) -> None:
    windows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert (whitening_matrix(windows) is not None) is whitened


@pytest.mark.parametrize("shape", [(30, 4, 10), (20, 50, 1)])
def test_a_map_of_features_is_folded_into_one_of_windows(shape: tuple[int, int, int]) -> None:
    windows = trials(*shape)
    features = features_of(windows, 4)
    np.testing.assert_allclose(features.values.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(features.values.std(axis=0), 1, atol=1e-4)
    coefficients = np.random.default_rng(1).normal(size=(features.values.shape[1], 3))
    weights, intercept = features.fold(coefficients, np.array([1.0, 2.0, 3.0]))
    read = np.einsum("nct,ctd->nd", windows, weights) + intercept
    np.testing.assert_allclose(read, features.values @ coefficients + [1, 2, 3], atol=2e-3)
