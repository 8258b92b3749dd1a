"""Spectra of signals whose power is known."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.engine.spectrum import band_correlation, welch

SFREQ, N = 200.0, 2000
TIMES = np.arange(N) / SFREQ


def test_a_sine_of_amplitude_a_has_the_power_a_squared_over_two_and_all_of_it_at_its_frequency() -> None:
    data = np.array([6.0 * np.sin(2 * np.pi * 10 * TIMES), 2.0 * np.sin(2 * np.pi * 60 * TIMES)], np.float32)
    spectrum = welch(data, SFREQ)
    assert spectrum.step_hz == 0.5
    np.testing.assert_allclose(spectrum.power(0, 100), [18.0, 2.0], rtol=1e-3)
    np.testing.assert_allclose(spectrum.power(9, 11), [18.0, 0.0], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(spectrum.power(59, 61), [0.0, 2.0], rtol=1e-3, atol=1e-6)


def test_white_noise_of_variance_v_has_the_density_two_v_by_rate() -> None:
    data = 5 * np.random.default_rng(0).standard_normal((20, 20 * N), dtype=np.float32)
    inner = welch(data, SFREQ).density[:, 2:-2]
    assert inner.mean() == pytest.approx(2 * 25 / SFREQ, rel=0.02)


def test_less_than_a_segment_gives_a_coarser_spectrum() -> None:
    assert welch(np.ones((1, 100), np.float32), SFREQ).step_hz == 2.0


def test_correlation_is_that_of_the_band_alone() -> None:
    slow, quick = np.sin(2 * np.pi * 0.5 * TIMES), np.sin(2 * np.pi * 90 * TIMES)
    a, b = np.sin(2 * np.pi * 10 * TIMES), np.cos(2 * np.pi * 10 * TIMES)
    data = np.array([a + 100 * slow, -3 * a + 50 * quick, b, a + b, np.zeros(N)], np.float32)
    found = band_correlation(data, SFREQ, (5.0, 20.0))
    half = np.sqrt(0.5)
    expected = [[1, -1, 0, half], [-1, 1, 0, -half], [0, 0, 1, half], [half, -half, half, 1]]
    np.testing.assert_allclose(found[:4, :4], expected, atol=0.01)
    assert np.isnan(found[4]).all()
    assert np.isnan(found[:, 4]).all()
