"""Scores of categories against scikit-learn, counts, and readings of known worth."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, roc_auc_score

from bci_app.contract.errors import SettingsError
from tests.training.evaluate.reader_world import brain_trials, linear_fit, made_reading
from training.evaluate.reader_categories import category_scores, classes_of, confusion, correct, one_hot
from training.evaluate.reader_reading import Reading, cross_validated_reading
from training.evaluate.reader_scores import Finding, score


def _reading(n: int, k: int, strength: float, seed: int = 0) -> tuple[Reading, tuple[str, ...], list[str]]:
    rng = np.random.default_rng(seed)
    classes = tuple("abcdefgh"[:k])
    labels = [classes[each] for each in np.concatenate([np.arange(k), rng.integers(0, k, n - k)])]
    target = one_hot(labels, classes)
    return made_reading(target, strength * target + rng.normal(size=target.shape)), classes, labels


def _by_name(found: tuple[Finding, ...]) -> dict[str, Finding]:
    return {each.score.name: each for each in found}


def test_figures_are_those_of_scikit_learn() -> None:
    reading, classes, labels = _reading(90, 2, 1.0)
    found = _by_name(category_scores(reading, classes, n_deals=50))
    truth, decided = reading.target.argmax(axis=1), reading.real.argmax(axis=1)
    decision = reading.real[:, 1] - reading.real[:, 0]
    assert found["accuracy, 2-way"].score.value == pytest.approx((truth == decided).mean())
    assert found["balanced accuracy, 2-way"].score.value == pytest.approx(balanced_accuracy_score(truth, decided))
    assert found["AUC, all trials pooled"].score.value == pytest.approx(roc_auc_score(truth, decision))
    assert found["accuracy, 2-way"].score.chance == pytest.approx(max(labels.count(each) for each in "ab") / 90)
    assert all(each.shows_reading for each in found.values())


def test_confusions_are_counted_by_class_shown_and_class_read() -> None:
    reading, classes, _ = _reading(60, 4, 1.5)
    found = confusion(reading, classes)
    np.testing.assert_array_equal(
        found.counts, confusion_matrix(reading.target.argmax(axis=1), reading.real.argmax(axis=1))
    )
    accuracy = category_scores(reading, classes, n_deals=20)[0].score.value
    assert np.trace(found.counts) / 60 == pytest.approx(accuracy)


def test_within_groups_decision_values_need_not_be_comparable() -> None:
    reading, classes, _ = _reading(200, 2, 2.0)
    groups = ["first" if each % 2 else "second" for each in range(200)]
    shift = np.where(np.arange(200) % 2, 50.0, 0.0)
    object.__setattr__(reading, "real", reading.real + np.stack([0 * shift, shift], axis=1).astype(np.float32))
    found = _by_name(category_scores(reading, classes, groups, "runs", n_deals=50))
    assert found["AUC, mean within runs"].score.value > 0.85
    assert found["AUC, all trials pooled"].score.value < 0.8


def test_random_decisions_show_nothing_and_perfect_ones_everything() -> None:
    shown = []
    for seed in range(20):
        reading, classes, _ = _reading(80, 3, 0.0, seed)
        for each in category_scores(reading, classes, n_deals=200, seed=seed):
            assert each.dealt_low < 1 / 3 < each.dealt_high
            shown.append(each.shows_reading)
    assert np.mean(shown) < 0.1
    reading, classes, _ = _reading(60, 3, 100.0)
    for each in category_scores(reading, classes, n_deals=100):
        assert each.score.value == 1
        assert each.p == pytest.approx(1 / 101)


def test_naming_the_most_frequent_class_is_no_reading() -> None:
    classes, labels = ("a", "b"), ["a"] * 90 + ["b"] * 10
    target = one_hot(labels, classes)
    found = _by_name(category_scores(made_reading(target, np.tile([1.0, 0.0], (100, 1))), classes, n_deals=50))
    accuracy, balanced = found["accuracy, 2-way"], found["balanced accuracy, 2-way"]
    assert accuracy.score.value == accuracy.score.chance == pytest.approx(0.9)
    assert balanced.score.value == balanced.score.chance == 0.5
    assert found["AUC, all trials pooled"].score.value == 0.5
    assert not any(each.shows_reading for each in found.values())


def test_intervals_resample_the_units_that_are_given() -> None:
    classes = ("a", "b")
    labels = ["a", "b"] * 100
    units = [f"subject {each // 20}" for each in range(200)]
    good = np.arange(200) // 20 % 2  # half of the subjects are read perfectly, half always wrongly
    target = one_hot(labels, classes)
    reading = made_reading(target, np.where(good[:, np.newaxis], target, 1 - target))
    wide = category_scores(reading, classes, units=units, n_deals=20)
    narrow = category_scores(reading, classes, n_deals=20)
    for one, other in zip(wide, narrow, strict=True):
        assert one.score.value == other.score.value == 0.5
        assert one.score.high - one.score.low > 3 * (other.score.high - other.score.low)  # type: ignore[operator]


def test_a_subject_that_is_drawn_twice_counts_twice() -> None:
    classes, labels = ("a", "b"), ["a", "b"] * 120
    subjects = [f"subject {each // 20}" for each in range(240)]
    good = np.arange(240) // 20 % 2  # half of the twelve have an area of 1, half of 0
    target = one_hot(labels, classes)
    reading = made_reading(target, np.where(good[:, np.newaxis], target, 1 - target))
    found = _by_name(category_scores(reading, classes, subjects, "subjects", subjects, "subjects", n_deals=20))
    area = found["AUC, mean within subjects, interval over subjects"].score
    assert area.value == 0.5
    assert area.high - area.low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(12), rel=0.15)  # type: ignore[operator]


def test_folds_of_a_single_trial_are_dealt_together() -> None:
    classes, labels = ("a", "b"), ["a", "b"] * 30
    target = one_hot(labels, classes)
    found = category_scores(made_reading(target, target, np.arange(60)), classes, n_deals=100)
    assert all(each.p == pytest.approx(1 / 101) for each in found)


def test_deals_stay_within_groups() -> None:
    classes, labels = ("a", "b"), ["a"] * 50 + ["b"] * 50
    groups = ["x"] * 50 + ["y"] * 50  # the group tells the class: no deal within groups can change it
    target = one_hot(labels, classes)
    found = category_scores(made_reading(target, target), classes, groups, n_deals=20)
    assert {each.p for each in found} == {1.0}


def test_blocks_of_one_class_are_dealt_whole() -> None:
    classes = ("a", "b")
    blocks = np.repeat(np.arange(6), 10)  # six blocks of ten trials that say the same
    labels = [classes[each % 2] for each in blocks]
    target = one_hot(labels, classes)
    reading = made_reading(target, target)
    whole = category_scores(reading, classes, units=[f"block {each}" for each in blocks], unit_name="blocks")
    single = category_scores(reading, classes)
    # three blocks of six can be named in 20 ways, and one of them is right
    assert whole[0].p == pytest.approx(1 / 20, abs=0.02)
    assert single[0].p == pytest.approx(1 / 1001)
    assert whole[0].score.name == "accuracy, 2-way, interval over blocks"


def test_the_harness_reads_categories() -> None:
    rng = np.random.default_rng(0)
    labels = tuple(rng.permutation(["face", "house"] * 40))
    mixing = rng.normal(size=(2, 18))
    windows = one_hot(labels, ("face", "house")) @ mixing + 0.7 * rng.normal(size=(80, 18))
    trials = brain_trials(windows.reshape(80, 3, 6), ("",) * 80, labels)
    classes = classes_of(labels)
    folds = [(np.arange(40, 80), np.arange(40)), (np.arange(40), np.arange(40, 80))]
    reading = cross_validated_reading(linear_fit, trials, one_hot(labels, classes), folds)
    found = category_scores(reading, classes, [trials.runs[each] for each in reading.trial])
    assert [each.score.name for each in found][-1] == "AUC, mean within runs"
    assert found[0].shows_reading
    assert found[0].score.noise_input == pytest.approx(0.5, abs=0.2)
    as_measure = score(correct(labels), reading).score
    assert (as_measure.value, as_measure.chance) == (found[0].score.value, 0.5)


def test_what_is_no_category_is_refused() -> None:
    with pytest.raises(SettingsError, match="each have a label"):
        classes_of(["face", ""])
    with pytest.raises(SettingsError, match="one-hot over the 2 classes"):
        category_scores(made_reading(np.ones((5, 2)), np.ones((5, 2))), ("a", "b"))
    reading, classes, _ = _reading(20, 2, 1.0)
    with pytest.raises(SettingsError, match="one of groups for each of 20"):
        category_scores(reading, classes, ["x"])
