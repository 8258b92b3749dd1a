"""Scores against formulas, against brute force over all sets of distractors, and against readings of known worth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.contract.identification import correlations, pairwise_identification, shuffled_identification
from tests.training.evaluate.reader_world import made_reading
from training.evaluate.reader_reading import averaged, scaled
from training.evaluate.reader_scores import (
    PAIRWISE,
    PROFILE,
    Measure,
    clusters,
    deal,
    identification_scores,
    n_way,
    per_trial,
    score,
    tables,
    top,
)


def _latents(n: int, dim: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


def test_perfect_opposite_and_silent_readings_have_known_scores() -> None:
    target = _latents(30)
    for measure, silent in ((PAIRWISE, 1 / 2), (n_way(10), 1 / 10), (top(1), 1 / 30), (top(5), 5 / 30), (PROFILE, 0.0)):
        assert per_trial(measure, made_reading(target, target)).mean() == pytest.approx(1, abs=1e-6)
        assert per_trial(measure, made_reading(target, 0 * target)).mean() == pytest.approx(silent, abs=1e-6)
    assert per_trial(PAIRWISE, made_reading(target, -target)).mean() == pytest.approx(0, abs=1e-6)
    assert per_trial(PROFILE, made_reading(target, -target)).mean() == pytest.approx(-1, abs=1e-6)


def test_half_right_readings_lie_half_way_to_chance() -> None:
    target = _latents(40)
    real = np.where(np.arange(40)[:, np.newaxis] % 2, target, 0)
    found = score(PAIRWISE, made_reading(target, real)).score
    assert found.value == pytest.approx(0.75, abs=1e-6)
    assert found.low is not None
    assert found.high is not None
    # half of the trials earn 1 and half 1/2: the mean of 40 has a standard error of 0.25 / sqrt(40)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.25 / np.sqrt(40), rel=0.15)


def test_pairwise_is_the_identification_of_the_contract() -> None:
    target, real = _latents(30), _latents(30) + 1.5 * _latents(30, seed=1)
    centre = np.tile(_latents(1, seed=2), (30, 1))
    expected = pairwise_identification(real, target, centre[0])
    reading = made_reading(target, real)
    object.__setattr__(reading, "centre", centre)
    np.testing.assert_allclose(per_trial(PAIRWISE, reading), expected, atol=1e-6)
    found = score(PAIRWISE, reading)
    mean, low, high = shuffled_identification(real, target, centre[0])
    assert mean == pytest.approx(0.5, abs=0.01)
    assert (found.dealt_low, found.dealt_high) == pytest.approx((low, high), abs=0.02)


def test_repeats_shown_equally_often_give_the_contracts_score_too() -> None:
    target = np.repeat(_latents(8), 3, axis=0)
    real = target + 2 * _latents(24, seed=1)
    expected = pairwise_identification(real, target, np.zeros(5))
    np.testing.assert_allclose(per_trial(PAIRWISE, made_reading(target, real)), expected, atol=1e-6)


@pytest.mark.parametrize("ways", [2, 3, 4, 7])
def test_n_way_is_the_mean_over_all_sets_of_distractors(ways: int) -> None:
    target = _latents(7, 3)
    real = _latents(7, 3, seed=1) + target
    real[2] = 0  # a reading that ties with everything
    fit = correlations(real, target, np.zeros(3))
    found = per_trial(n_way(ways), made_reading(target, real))
    for trial in range(7):
        others = [each for each in range(7) if each != trial]
        won = []
        for chosen in itertools.combinations(others, ways - 1):
            beside, own = fit[trial, list(chosen)], fit[trial, trial]
            won.append(0.0 if (beside > own).any() else 1 / (1 + (beside == own).sum()))
        assert found[trial] == pytest.approx(np.mean(won), abs=1e-6)


def test_n_way_is_exact_among_many_candidates() -> None:
    target = _latents(1000, 20)
    real = target + 3 * _latents(1000, 20, seed=1)
    rank = (
        correlations(real, target, np.zeros(20)) > np.diagonal(correlations(real, target, np.zeros(20)))[:, None]
    ).sum(1)
    np.testing.assert_allclose(per_trial(PAIRWISE, made_reading(target, real)), 1 - rank / 999, atol=1e-6)
    np.testing.assert_allclose(per_trial(n_way(1000), made_reading(target, real)), rank == 0, atol=1e-6)


def test_top_k_counts_ranks() -> None:
    target = np.eye(6, dtype=np.float32)
    real = np.tile(np.array([6, 5, 4, 3, 2, 1], np.float32), (6, 1))  # always the same order of candidates
    reading = made_reading(target, real)
    np.testing.assert_allclose(per_trial(top(1), reading), [1, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(per_trial(top(3), reading), [1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(per_trial(top(4), made_reading(target, 0 * real)), 4 / 6)  # all tie


def test_folds_are_judged_apart() -> None:
    target = _latents(20)
    fold = np.arange(20) // 10
    reading = made_reading(target, target + _latents(20, seed=1), fold)
    found = per_trial(PAIRWISE, reading)
    for each in (0, 1):
        rows = np.flatnonzero(fold == each)
        np.testing.assert_allclose(found[rows], per_trial(PAIRWISE, reading.take(rows)), atol=1e-6)
        assert tables(PAIRWISE, reading)[each].earned.shape == (10, 10)
    assert score(top(5), reading).score.chance == pytest.approx(0.5)


@pytest.mark.parametrize("measure", [PAIRWISE, n_way(5), top(1), top(5), PROFILE])
def test_intervals_and_deals_hold_chance_for_random_readings(measure: Measure) -> None:
    readings = [made_reading(_latents(60, seed=seed), _latents(60, seed=100 + seed)) for seed in range(40)]
    found = [score(measure, reading, seed, 200) for seed, reading in enumerate(readings)]
    chance = found[0].score.chance
    assert chance is not None
    inside = [each.score.low <= chance <= each.score.high for each in found]  # type: ignore[operator]
    assert np.mean(inside) > 0.8
    assert all(each.dealt_low <= chance <= each.dealt_high for each in found)
    assert np.mean([each.p < 0.05 for each in found]) < 0.15
    assert np.mean([each.shows_reading for each in found]) < 0.1


def test_a_true_reading_is_shown_and_its_p_is_the_smallest_there_is() -> None:
    target = _latents(60)
    found = score(PAIRWISE, made_reading(target, target + _latents(60, seed=1)), n_deals=500)
    assert found.shows_reading
    assert found.p == pytest.approx(1 / 501)
    assert found.score.name == "pairwise identification, single trials"


def test_a_control_that_reads_as_well_shows_nothing() -> None:
    target = _latents(60)
    reading = made_reading(target, target)
    for control in ("noise", "shuffled"):
        other = made_reading(target, target)
        object.__setattr__(other, control, target)
        assert not score(PAIRWISE, other, n_deals=50).shows_reading
    assert score(PAIRWISE, reading, n_deals=50).shows_reading


def test_the_interval_resamples_pictures_with_all_their_trials() -> None:
    target = np.repeat(_latents(12), 20, axis=0)
    real = np.repeat(_latents(12) + 2 * _latents(12, seed=1), 20, axis=0)  # the repeats of a picture say the same
    names = tuple(f"p{each // 20}" for each in range(240))
    wide = score(PAIRWISE, made_reading(target, real, pictures=names), n_deals=20).score
    narrow = score(PAIRWISE, made_reading(target, real), n_deals=20).score
    assert wide.value == narrow.value
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(np.sqrt(20), rel=0.2)  # type: ignore[operator]
    assert len(np.unique(clusters(made_reading(target, real, pictures=names)))) == 12


def test_averaging_repeats_reads_better_and_is_named() -> None:
    target = np.tile(_latents(20), (8, 1))
    reading = made_reading(target, target + 3 * _latents(160, seed=1))
    single, mean = score(PAIRWISE, reading, n_deals=20).score, score(PAIRWISE, averaged(reading), n_deals=20).score
    assert mean.value > single.value + 0.1
    assert (mean.n, mean.name) == (20, "pairwise identification, mean of 8 repeats")


def test_scaling_gives_quiet_components_the_same_say_and_is_named() -> None:
    loud, quiet = _latents(200, 1), _latents(200, 6, seed=1)
    target = np.column_stack([20 * loud, quiet])
    real = np.column_stack([20 * _latents(200, 1, seed=2), quiet])  # the loud component is not read
    reading = made_reading(target, real)
    object.__setattr__(reading, "spread", np.tile(np.array([20, 1, 1, 1, 1, 1, 1], np.float32), (200, 1)))
    plain, even = (score(PAIRWISE, each, n_deals=20).score for each in (reading, scaled(reading)))
    assert plain.value < 0.7
    assert even.value > 0.9
    assert even.name == "pairwise identification, single trials, components divided by their training spread"
    assert identification_scores(reading, (2,), (), use_spread=True)[0].score.value == even.value


def test_all_scores_come_in_one_call_and_impossible_ones_are_left_out() -> None:
    target = _latents(12)
    found = [each.score.name.split(",")[0] for each in identification_scores(made_reading(target, target))]
    assert found == [
        "pairwise identification",
        "10-way identification",
        "top-1 retrieval",
        "top-5 retrieval",
        "correlation across components",
    ]


def test_too_few_pictures_are_refused_in_words() -> None:
    with pytest.raises(SettingsError, match=r"among 20 pictures needs as many .* one has 6"):
        score(n_way(20), made_reading(_latents(6), _latents(6)))
    with pytest.raises(SettingsError, match="at least two different pictures"):
        tables(PAIRWISE, made_reading(np.ones((5, 3)), _latents(5, 3)))


def test_deals_keep_each_fold_to_itself() -> None:
    target = _latents(8)
    fold = np.arange(8) // 2
    reading = made_reading(target, target, fold)
    # in a fold of two a deal either keeps both (1) or exchanges them (0)
    values = deal(tables(PAIRWISE, reading), np.random.default_rng(0), 2000)
    assert set(np.round(values, 6)) <= {0, 0.25, 0.5, 0.75, 1}
    assert values.mean() == pytest.approx(0.5, abs=0.02)
