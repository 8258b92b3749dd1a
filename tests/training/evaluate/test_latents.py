"""Latents follow the distribution they are said to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from bci_app.contract.errors import SettingsError
from training.evaluate.latents import normal, slerp, truncated_normal


@pytest.mark.parametrize("threshold", [0.05, 0.5, 1.0, 2.0, math.inf])
def test_truncated_components_follow_the_truncated_normal_distribution(threshold: float) -> None:
    drawn = truncated_normal(np.random.default_rng(0), 4000, 5, threshold)
    assert (drawn.shape, drawn.dtype) == ((4000, 5), np.float32)
    assert np.abs(drawn).max() <= threshold
    assert kstest(drawn.ravel(), truncnorm(-threshold, threshold).cdf).pvalue > 0.01


def test_truncation_is_what_drawing_again_gives() -> None:
    rng = np.random.default_rng(1)
    again = rng.standard_normal(20000)
    while (beyond := np.abs(again) > 0.8).any():
        again[beyond] = rng.standard_normal(beyond.sum())
    drawn = truncated_normal(np.random.default_rng(2), 20000, 1, 0.8)
    quantiles = np.linspace(0.01, 0.99, 25)
    np.testing.assert_allclose(np.quantile(drawn, quantiles), np.quantile(again, quantiles), atol=0.03)


def test_the_same_random_numbers_give_the_same_latents_drawn_together() -> None:
    wide, narrow = (truncated_normal(np.random.default_rng(3), 50, 8, threshold) for threshold in (2.0, 0.5))
    assert (np.sign(wide) == np.sign(narrow)).all()
    assert (np.abs(narrow) < np.abs(wide)).all()
    assert (np.argsort(wide, axis=None) == np.argsort(narrow, axis=None)).all()


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan")])
def test_a_threshold_that_leaves_nothing_is_refused(threshold: float) -> None:
    with pytest.raises(SettingsError, match="above 0"):
        truncated_normal(np.random.default_rng(0), 2, 2, threshold)


def test_the_great_arc_keeps_the_length_and_turns_evenly() -> None:
    rng = np.random.default_rng(4)
    start, stop = (5 * x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.standard_normal((2, 6, 30)))
    path = slerp(start, stop, 7)
    np.testing.assert_allclose(np.linalg.norm(path, axis=2), 5.0, rtol=1e-5)
    np.testing.assert_allclose(path[:, 0], start, atol=1e-5)
    np.testing.assert_allclose(path[:, -1], stop, atol=1e-5)
    turns = np.arccos((path[:, 1:] * path[:, :-1]).sum(axis=2) / 25)
    whole = np.arccos((start * stop).sum(axis=1) / 25)
    np.testing.assert_allclose(turns, np.repeat(whole[:, None] / 6, 6, axis=1), rtol=1e-3)


def test_ends_on_one_line_are_joined_by_a_straight_line() -> None:
    ends = normal(np.random.default_rng(5), 3, 4)
    np.testing.assert_allclose(slerp(ends, 2 * ends, 3)[:, 1], 1.5 * ends, rtol=1e-5)
    np.testing.assert_allclose(slerp(np.zeros_like(ends), ends, 3)[:, 1], 0.5 * ends, rtol=1e-5)
