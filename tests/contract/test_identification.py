"""Identification: right on hand-made cases, at chance on noise, intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SignalError
from bci_app.contract.identification import bootstrap_interval, n_way_accuracy, pairwise_identification


def test_perfect_readings_score_one_and_opposite_ones_zero() -> None:
    target = np.random.default_rng(0).normal(size=(20, 30))
    centre = np.zeros(30)
    assert (pairwise_identification(target, target, centre) == 1).all()
    assert pairwise_identification(-target, target, centre).max() < 0.1
    assert n_way_accuracy(target, target, centre) == 1.0


def test_the_score_is_the_counted_share_of_pairs() -> None:
    rng = np.random.default_rng(1)
    predicted, target, centre = rng.normal(size=(12, 8)), rng.normal(size=(12, 8)), rng.normal(size=8)
    counted = []
    for i in range(12):
        fit = [np.corrcoef(predicted[i] - centre, target[j] - centre)[0, 1] for j in range(12)]
        counted.append(np.mean([fit[j] < fit[i] for j in range(12) if j != i]))
    np.testing.assert_allclose(pairwise_identification(predicted, target, centre), counted)


def test_readings_without_information_score_one_half_on_average() -> None:
    rng = np.random.default_rng(2)
    means = [
        pairwise_identification(rng.normal(size=(40, 16)), rng.normal(size=(40, 16)), np.zeros(16)).mean()
        for _ in range(200)
    ]
    assert np.mean(means) == pytest.approx(0.5, abs=0.01)


def test_the_same_reading_every_time_scores_exactly_one_half() -> None:
    target = np.random.default_rng(3).normal(size=(25, 10))
    constant = np.repeat(np.random.default_rng(4).normal(size=(1, 10)), 25, axis=0)
    assert pairwise_identification(constant, target, np.zeros(10)).mean() == pytest.approx(0.5)
    assert (pairwise_identification(np.zeros((25, 10)), target, np.zeros(10)) == 0.5).all()


def test_a_picture_shown_twice_is_not_held_against_itself() -> None:
    rng = np.random.default_rng(5)
    target = np.repeat(rng.normal(size=(5, 12)), 2, axis=0)
    assert (pairwise_identification(target, target, np.zeros(12)) == 1).all()


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for seed in range(200):
        _, low, high = bootstrap_interval(rng.beta(3, 1, size=80), seed=seed, n_draws=400)
        covered += low <= 0.75 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_one_trial_cannot_be_identified() -> None:
    with pytest.raises(SignalError, match="at least two"):
        pairwise_identification(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(3))
