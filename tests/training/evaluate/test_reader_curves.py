"""Curves: nested subsets, the same test trials at each point, known onsets, and an end in time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.contract.windowing import WindowSpec
from tests.training.evaluate.reader_world import DIM, brain_trials, linear_fit, linear_world, made_reading
from training.evaluate.reader_categories import correct, one_hot
from training.evaluate.reader_curves import learning_curve, repeats_curve, time_resolved
from training.evaluate.reader_reading import cross_validated_reading, scaled
from training.evaluate.reader_scores import PAIRWISE, per_trial


def _halves(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    first, second = np.arange(n // 2), np.arange(n // 2, n)
    return [(first, second), (second, first)]


def test_more_training_trials_read_better_and_the_last_point_is_the_whole() -> None:
    trials, targets = linear_world(160, noise=3.0)
    curve = learning_curve(linear_fit, trials, targets, _halves(160), counts=(20, 80), n_seeds=3)
    assert curve.value[1] > curve.value[0] + 0.03
    whole = cross_validated_reading(linear_fit, trials, targets, _halves(160))
    assert curve.value[1] == pytest.approx(per_trial(PAIRWISE, whole).mean(), abs=1e-4)
    np.testing.assert_allclose(curve.value, curve.seeds.mean(axis=0), atol=1e-6)
    assert (curve.low < curve.value).all()
    assert (curve.value < curve.high).all()
    assert (np.abs(curve.noise - 0.5) < 0.1).all()
    assert (np.abs(curve.shuffled - 0.5) < 0.1).all()
    assert (curve.chance, curve.n, curve.note) == (0.5, 160, "")


def test_smaller_training_sets_are_part_of_larger_ones_and_labels_take_turns() -> None:
    rng = np.random.default_rng(0)
    labels = ("rare",) * 20 + ("often",) * 40
    windows = np.arange(60)[:, np.newaxis, np.newaxis] + np.zeros((60, 3, 2))  # a trial's windows hold its number
    trials = brain_trials(windows, tuple(f"p{each}" for each in range(60)), labels)
    seen: dict[int, list[set[int]]] = {}

    def fit(windows: np.ndarray, targets: np.ndarray, groups: tuple[str, ...], seed: int) -> object:
        numbers = windows[:, 0, 0].astype(int)
        seen.setdefault(seed, []).append(set(numbers))
        return linear_fit(windows + rng.normal(size=windows.shape), targets, groups, seed)

    train = rng.permutation(60)[:50]
    test = np.setdiff1d(np.arange(60), train)
    learning_curve(
        fit, trials, rng.normal(size=(60, DIM)).astype(np.float32), [(train, test)], counts=(10, 20, 40), n_seeds=2
    )
    assert set(seen) == {0, 1}
    for sets in seen.values():
        small, medium, large = sets[0], sets[2], sets[4]  # each is fitted twice, paired and shuffled
        assert small < medium < large <= set(train)
        assert [len(each) for each in (small, medium, large)] == [10, 20, 40]
        assert len([each for each in small if each < 20]) == 5
    assert seen[0][0] != seen[1][0]


def test_counts_are_halved_by_default() -> None:
    trials, targets = linear_world(200)
    curve = learning_curve(linear_fit, trials, targets, [(np.arange(160), np.arange(160, 200))], n_seeds=1)
    np.testing.assert_array_equal(curve.x, [20, 40, 80, 160])


def test_no_fit_begins_after_the_limit_and_the_note_says_so() -> None:
    trials, targets = linear_world(100)
    clock, told = itertools.count(0.0, 1.0), []
    folds = [(np.arange(80), np.arange(80, 100))]
    curve = learning_curve(
        linear_fit, trials, targets, folds, counts=(20, 40, 80), n_seeds=3, limit_s=4.5,
        on_progress=lambda *each: told.append(each), clock=lambda: next(clock),
    )  # fmt: skip
    # the clock is asked once at the start and before each step: steps at 1, 2, 3 and 4 s are begun
    assert curve.note == "Stopped after 4.5 s with 4 of 9 steps done."
    np.testing.assert_array_equal(np.isfinite(curve.seeds).sum(axis=0), [2, 1, 1])
    assert told[-1] == (9, 9, "learning curve done")
    with pytest.raises(SettingsError, match="was complete"):
        learning_curve(linear_fit, trials, targets, folds, limit_s=0.0)


def test_components_may_be_divided_by_their_training_spread() -> None:
    trials, targets = linear_world(100)
    targets = targets * np.array([100, 1, 1, 1], np.float32)
    folds = [(np.arange(80), np.arange(80, 100))]
    reading = scaled(cross_validated_reading(linear_fit, trials, targets, folds))
    curve = learning_curve(linear_fit, trials, targets, folds, counts=(80,), n_seeds=1, use_spread=True)
    assert curve.value[0] == pytest.approx(per_trial(PAIRWISE, reading).mean(), abs=1e-3)
    course = time_resolved(linear_fit, trials, targets, folds, width_s=0.06, use_spread=True)
    name = "pairwise identification, components divided by their training spread"
    assert curve.name == course.name == repeats_curve(reading, counts=(1,), n_seeds=1).name == name


def test_counts_beyond_the_training_trials_are_refused() -> None:
    trials, targets = linear_world(60)
    with pytest.raises(SettingsError, match="between 1 and 30"):
        learning_curve(linear_fit, trials, targets, _halves(60), counts=(31,))


def test_averaging_more_repeats_reads_better_on_the_same_pictures() -> None:
    rng = np.random.default_rng(0)
    target = np.tile(rng.normal(size=(30, 6)), (9, 1)).astype(np.float32)[:-5]  # five pictures were shown once less
    curve = repeats_curve(made_reading(target, target + 4 * rng.normal(size=target.shape)))
    np.testing.assert_array_equal(curve.x, [1, 2, 4, 8])
    assert (np.diff(curve.value) > 0.03).all()
    assert curve.n == 30
    assert repeats_curve(made_reading(target, target), counts=(9,), n_seeds=2).n == 25
    with pytest.raises(SettingsError, match="Averaging over 10 repeats"):
        repeats_curve(made_reading(target, target), counts=(10,))


def _late_world(n: int = 160, n_times: int = 20, onset: int = 10) -> tuple:
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(n, DIM)).astype(np.float32)
    windows = rng.normal(size=(n, 8, n_times))
    windows[:, :, onset:] += (latents @ rng.normal(size=(DIM, 8)))[:, :, np.newaxis]
    return brain_trials(windows, tuple(f"p{each}" for each in range(n))), latents


def test_the_time_course_shows_when_reading_begins() -> None:
    trials, targets = _late_world()  # at 100 Hz the picture shows in the signal from 0.1 s on
    curve = time_resolved(linear_fit, trials, targets, _halves(160), width_s=0.02)
    np.testing.assert_allclose(curve.x, np.arange(10) * 0.02 + 0.005)
    early, late = curve.x < 0.1, curve.x > 0.1
    assert curve.threshold is not None
    assert (curve.value[early] < curve.threshold).all()
    assert (curve.value[late] > curve.threshold).all()
    assert curve.onset == pytest.approx(0.105)
    assert 0.5 < curve.threshold < 0.65


def test_windows_may_overlap_and_a_curve_cut_short_spans_the_trial() -> None:
    trials, targets = _late_world(60)
    clock = itertools.count(0.0, 1.0)
    curve = time_resolved(
        linear_fit, trials, targets, _halves(60), width_s=0.04, step_s=0.02, limit_s=3.5, clock=lambda: next(clock)
    )
    np.testing.assert_allclose(curve.x, np.array([0, 8, 16]) * 0.01 + 0.015)
    assert curve.note == "Stopped after 3.5 s with 3 of 9 steps done."


def test_the_threshold_is_seldom_crossed_by_nothing() -> None:
    rng = np.random.default_rng(1)
    crossed = []
    for _ in range(12):
        trials = brain_trials(rng.normal(size=(60, 3, 12)), tuple(f"p{each}" for each in range(60)))
        targets = rng.normal(size=(60, 3)).astype(np.float32)
        crossed.append(time_resolved(linear_fit, trials, targets, _halves(60), width_s=0.02).onset is not None)
    assert sum(crossed) <= 3  # of 12 at 5 %, more than three come once in five hundred


def test_categories_have_a_time_course_too() -> None:
    trials, targets = _late_world()
    labels = tuple("ab"[int(each)] for each in targets[:, 0] > 0)
    curve = time_resolved(linear_fit, trials, one_hot(labels, ("a", "b")), _halves(160), correct(labels), 0.05)
    assert curve.name == "accuracy"
    assert curve.value[-1] > 0.7
    assert curve.value[0] < 0.65


def test_trials_without_time_or_onset_are_refused() -> None:
    trials, targets = linear_world(40)
    single = brain_trials(trials.windows[:, :, :1], trials.pictures)
    with pytest.raises(SettingsError, match="several samples each; 'tiny' has 1 per trial"):
        time_resolved(linear_fit, single, targets, _halves(40))
    object.__setattr__(trials, "cut", WindowSpec(window_s=0.06, hop_s=0.06))
    with pytest.raises(SettingsError, match="WindowSpec"):
        time_resolved(linear_fit, trials, targets, _halves(40))
