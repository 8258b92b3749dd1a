"""The latency of a marker, from responses that come at a known time."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.calibration.latency import latency_behind, latency_of_peak
from bci_app.contract.errors import SettingsError
from bci_app.contract.windowing import TrialSpec

SFREQ, N_TIMES = 200.0, 180
CUT = TrialSpec(start_s=-0.1, stop_s=0.8)


def _windows(peak_s: float, n: int = 60, noise: float = 3.0, seed: int = 0) -> np.ndarray:
    """A response of two channels with opposite signs that is largest `peak_s` after the marker, in noise."""
    seconds = CUT.start_s + np.arange(N_TIMES) / SFREQ
    response = 5 * np.exp(-0.5 * ((seconds - peak_s) / 0.03) ** 2) * np.array([[1.0], [-0.7]])
    rng = np.random.default_rng(seed)
    return (response + noise * rng.normal(size=(n, 2, N_TIMES))).astype(np.float32)


@pytest.mark.parametrize("peak_s", [0.17, 0.21, 0.425])
def test_a_component_that_comes_later_tells_the_latency(peak_s: float) -> None:
    found = latency_of_peak(_windows(peak_s), CUT, SFREQ)
    assert found.latency_s == pytest.approx(peak_s - 0.17, abs=0.011)
    assert found.low_s <= peak_s - 0.17 + 0.006
    assert found.high_s >= peak_s - 0.17 - 0.006
    assert found.high_s - found.low_s < 0.05


def test_with_classes_it_is_their_difference_that_is_sought() -> None:
    common, own = _windows(0.15, n=80), _windows(0.4, n=80, noise=0.0)
    targets = np.eye(2, dtype=np.float32)[np.arange(80) % 2]
    windows = 2 * common + own * targets[:, 1, None, None]
    assert latency_of_peak(windows, CUT, SFREQ).latency_s == pytest.approx(0.15 - 0.17, abs=0.011)
    assert latency_of_peak(windows, CUT, SFREQ, targets=targets).latency_s == pytest.approx(0.4 - 0.17, abs=0.011)


def test_the_latency_of_a_cut_is_part_of_what_is_found() -> None:
    moved = CUT.model_copy(update={"latency_s": 0.1})
    plain = latency_of_peak(_windows(0.2), CUT, SFREQ)
    later = latency_of_peak(_windows(0.2), moved, SFREQ, search_s=(0.15, 0.7))
    assert later.latency_s == pytest.approx(plain.latency_s + 0.1)


def test_the_interval_is_wider_for_fewer_trials() -> None:
    few, many = (latency_of_peak(_windows(0.3, n, noise=8), CUT, SFREQ) for n in (20, 600))
    assert few.high_s - few.low_s > many.high_s - many.low_s


@pytest.mark.parametrize("shift_s", [-0.05, 0.0, 0.2])
def test_a_response_is_found_behind_the_template_of_others(shift_s: float) -> None:
    template = _windows(0.25, n=200, seed=5).mean(axis=0)
    found = latency_behind(_windows(0.25 + shift_s, n=200, noise=1.0), template, SFREQ)
    assert found.latency_s == pytest.approx(shift_s, abs=0.006)
    assert found.low_s <= found.latency_s <= found.high_s


def test_what_cannot_be_estimated_is_refused() -> None:
    windows = _windows(0.2)
    with pytest.raises(SettingsError, match="at least 10 trials"):
        latency_of_peak(windows[:9], CUT, SFREQ)
    with pytest.raises(SettingsError, match=r"from 0\.05 to 1\.2 s"):
        latency_of_peak(windows, CUT, SFREQ, search_s=(0.05, 1.2))
    with pytest.raises(SettingsError, match=r"\(2, 90\)"):
        latency_behind(windows, windows[0, :, :90], SFREQ)
    with pytest.raises(SettingsError, match="at most half"):
        latency_behind(windows, windows[0], SFREQ, largest_s=0.6)
