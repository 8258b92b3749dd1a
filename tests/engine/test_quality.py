"""Each figure of quality on signals of which it is known, and the words that follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bci_app.engine.quality import (
    Figures,
    Limits,
    clipped_share,
    judge,
    line_share,
    look_at,
    nearest_electrodes,
    neighbour_correlation,
    repeated_share,
    slow_spread_uv,
)
from bci_app.engine.spectrum import welch

SFREQ = 250.0
N = 1250
TIMES = np.arange(N) / SFREQ


def noise(n_channels: int, seed: int = 0, scale: float = 10.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal((n_channels, N), dtype=np.float32)


def test_the_share_of_repeated_samples_is_counted() -> None:
    data = np.array([[1, 1, 2, 2, 2], [1, 2, 1, 2, 1], [3, 3, 3, 3, 3]], np.float32)
    np.testing.assert_allclose(repeated_share(data), [3 / 4, 0, 1])


@pytest.mark.parametrize("cut", [0.5, 0.9, 0.99])
def test_a_sine_of_amplitude_a_cut_at_c_is_clipped_for_its_share_of_the_time(cut: float) -> None:
    times = np.arange(100_000) / 1000
    data = np.clip(np.sin(2 * np.pi * 0.73 * times), -cut, cut).astype(np.float32)[np.newaxis]
    assert clipped_share(data)[0] == pytest.approx(1 - 2 / np.pi * np.arcsin(cut), abs=1e-3)


def test_a_free_signal_is_not_clipped_although_it_has_a_highest_sample() -> None:
    np.testing.assert_array_equal(clipped_share(noise(4)), 0)


@pytest.mark.parametrize("line_hz", [50.0, 60.0])
def test_the_share_of_a_line_in_white_noise_is_that_of_their_powers(line_hz: float) -> None:
    times = np.arange(60 * N) / SFREQ
    amplitude, sigma = 8.0, 5.0
    data = amplitude * np.sin(2 * np.pi * line_hz * times)
    data = data + sigma * np.random.default_rng(0).standard_normal(len(times))
    density = 2 * sigma**2 / SFREQ
    expected = (amplitude**2 / 2 + 2 * density) / (amplitude**2 / 2 + 79 * density)
    assert line_share(welch(data[np.newaxis].astype(np.float32), SFREQ), line_hz)[0] == pytest.approx(
        expected, rel=0.02
    )


def test_without_power_or_with_too_low_a_rate_no_line_is_told() -> None:
    assert np.isnan(line_share(welch(np.zeros((1, N), np.float32), SFREQ), 50.0))
    assert np.isnan(line_share(welch(noise(1), 100.0), 50.0))


def test_a_straight_drift_of_s_a_second_over_n_seconds_has_the_spread_of_its_n_means() -> None:
    data = np.array([20 * TIMES, 3 * np.sin(2 * np.pi * 10 * TIMES)], np.float32)
    np.testing.assert_allclose(slow_spread_uv(data, SFREQ), [20 * np.sqrt((5**2 - 1) / 12), 0], atol=1e-3)
    assert np.isnan(slow_spread_uv(data[:, : int(1.9 * SFREQ)], SFREQ)).all()


def test_neighbours_are_the_nearest_known_ones_and_missing_ones_are_told() -> None:
    angles = np.radians([0.0, 10.0, 30.0])
    places = dict(zip("abc", np.column_stack([np.sin(angles), np.zeros(3), np.cos(angles)]), strict=True))
    found = nearest_electrodes(("a", "?", "b", "c"), places, n=3)
    assert found.tolist() == [[2, 3, -1], [-1, -1, -1], [0, 3, -1], [2, 0, -1]]
    assert nearest_electrodes(("a", "?"), places, n=2).tolist() == [[-1, -1]] * 2
    assert nearest_electrodes(("a", "far"), places | {"far": -places["a"]}, n=1).tolist() == [[-1]] * 2


def test_likeness_is_the_median_over_the_neighbours_if_there_are_two() -> None:
    correlation = np.array([[1, 0.2, 0.8, np.nan], [0.2, 1, 0.6, np.nan], [0.8, 0.6, 1, np.nan], [np.nan] * 4])
    neighbours = np.array([[1, 2, 3], [0, -1, -1], [0, 1, -1], [0, 1, 2]])
    np.testing.assert_allclose(neighbour_correlation(correlation, neighbours), [0.5, np.nan, 0.7, np.nan])


FINE = Figures(*(np.array([value]) for value in (12.0, 0.0, 0.0, 0.05)), 50.0, np.array([5.0]), np.array([0.9]))


@pytest.mark.parametrize(
    ("change", "grade", "word"),
    [
        ({}, "good", ""),
        ({"spread_uv": 0.4}, "bad", "flat"),
        ({"repeated": 0.6}, "bad", "flat"),
        ({"clipped": 0.02}, "fair", "clipped 2 %"),
        ({"clipped": 0.05}, "bad", "clipped 5 %"),
        ({"line": 0.3}, "fair", "50 Hz is 30 %"),
        ({"line": 0.6}, "bad", "50 Hz is 60 %"),
        ({"drift_uv": 60.0}, "fair", "drifts by 60 µV"),
        ({"drift_uv": 300.0}, "bad", "drifts by 300 µV"),
        ({"alike": 0.3}, "fair", "unlike its neighbours"),
        ({"alike": -0.2}, "bad", "unlike its neighbours"),
        ({"line": np.nan, "alike": np.nan, "drift_uv": np.nan}, "good", ""),
    ],
)
def test_the_worst_figure_decides_and_is_told_in_words(change: dict[str, float], grade: str, word: str) -> None:
    figures = replace(FINE, **{name: np.array([value]) for name, value in change.items()})
    (verdict,) = judge(("Oz",), figures, Limits())
    assert (verdict.channel, verdict.grade) == ("Oz", grade)
    assert word in verdict.words
    assert bool(word) == bool(verdict.words)


def test_two_faults_are_both_told() -> None:
    (verdict,) = judge(("Oz",), replace(FINE, line=np.array([0.3]), drift_uv=np.array([300.0])))
    assert verdict.grade == "bad"
    assert verdict.words == "50 Hz is 30 % of it, drifts by 300 µV"


def test_a_loose_electrode_among_good_ones_is_found() -> None:
    angles = np.radians(np.arange(6) * 10.0)
    places = dict(zip("abcdef", np.column_stack([np.sin(angles), 0 * angles, np.cos(angles)]), strict=True))
    channels = tuple("abcdef")
    neighbours = nearest_electrodes(channels, places)
    common = noise(1, seed=1)
    data = common + noise(6, seed=2, scale=3.0)
    data[2] = noise(1, seed=3)[0]
    data[4] += 40 * np.sin(2 * np.pi * 60 * TIMES)
    data[5] = 7.0
    grades = {each.channel: (each.grade, each.words) for each in look_at(data, SFREQ, channels, neighbours)}
    assert grades["c"] == ("bad", "unlike its neighbours")
    assert grades["e"][0] == "bad"
    assert grades["e"][1].startswith("60 Hz is ")
    assert grades["f"] == ("bad", "flat: moves by 0 µV")
    assert [grades[name][0] for name in "abd"] == ["good"] * 3
    assert look_at(data[:, : int(SFREQ)], SFREQ, channels, neighbours) == ()
