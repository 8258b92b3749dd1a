"""Standardisation: unit covariance or unit spread, from training trials."""

from __future__ import annotations

import numpy as np

from training.readers.standard import fit_standard

N, N_CHANNELS, N_TIMES = 200, 4, 15


def _windows() -> np.ndarray:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(N_CHANNELS, N_CHANNELS))
    return (mixing @ rng.normal(size=(N, N_CHANNELS, N_TIMES)) + rng.normal(size=(N_CHANNELS, N_TIMES))).astype(
        np.float32
    )


def test_whitened_trials_have_no_mean_and_unit_covariance_over_channels() -> None:
    windows = _windows()
    white = fit_standard(windows, whiten=True).apply(windows)
    np.testing.assert_allclose(white.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(np.cov(white.transpose(1, 0, 2).reshape(N_CHANNELS, -1)), np.eye(N_CHANNELS), atol=0.05)


def test_whitening_turns_channels_no_farther_than_it_must() -> None:
    standard = fit_standard(_windows(), whiten=True)
    np.testing.assert_allclose(standard.matrix, standard.matrix.T, atol=1e-5)
    assert (np.linalg.eigvalsh(standard.matrix) > 0).all()


def test_without_whitening_each_channel_has_unit_spread_and_stays_itself() -> None:
    windows = _windows()
    standard = fit_standard(windows, whiten=False)
    assert (standard.matrix == np.diag(np.diag(standard.matrix))).all()
    np.testing.assert_allclose(standard.apply(windows).std(axis=(0, 2)), 1.0, atol=0.01)


def test_an_average_reference_whose_channels_sum_to_zero_is_no_trouble() -> None:
    windows = _windows()
    standard = fit_standard(windows - windows.mean(axis=1, keepdims=True), whiten=True)
    assert np.isfinite(standard.matrix).all()
    assert np.abs(standard.matrix).max() < 100
