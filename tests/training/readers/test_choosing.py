"""What is chosen inside training trials is chosen by groups that were left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.training.readers.categories import category_trials
from training.readers.choosing import area, choose, without_group_means


@dataclass
class Sign:
    """Reads the sign that it was told to give to the first sample."""

    sign: float
    mean_target: np.ndarray

    def read(self, windows: np.ndarray) -> np.ndarray:
        value = self.sign * windows[:, 0, 0]
        return np.stack([-value, value], axis=1)


def _first_sample_tells(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    targets = np.eye(2, dtype=np.float32)[np.arange(n) % 2]
    windows = np.random.default_rng(0).normal(size=(n, 1, 1)).astype(np.float32) + 3 * targets[:, 1, None, None]
    return windows, targets, np.array([f"run {each // 10}" for each in range(n)])


def test_the_candidate_that_reads_left_out_groups_is_taken_and_fitted_on_all() -> None:
    windows, targets, groups = _first_sample_tells()
    fits: list[tuple[float, set[str], int]] = []

    def candidate(sign: float):
        def fit(windows: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> Sign:
            fits.append((sign, set(groups), len(windows)))
            return Sign(sign, targets.mean(axis=0))

        return fit

    reader, left_out = choose([candidate(-1.0), candidate(1.0)], windows, targets, groups)
    assert reader.sign == 1.0
    assert fits[-1][2] == 40
    assert all(len(seen) == 3 and n == 30 for _, seen, n in fits[:-1]), "one group of four is left out each time"
    assert len(fits) == 2 * 4 + 1
    np.testing.assert_array_equal(left_out, reader.read(windows))


def test_trials_of_one_group_are_dealt_over_folds() -> None:
    windows, targets, _ = _first_sample_tells()
    n_seen: list[int] = []

    def fit(windows: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> Sign:
        n_seen.append(len(windows))
        return Sign(1.0, targets.mean(axis=0))

    choose([fit], windows, targets, np.array(["one"] * 40))
    assert n_seen == [32] * 5 + [40]


@pytest.mark.parametrize(
    ("labels", "groups", "n_seen"),
    [
        ([0, 1, 0, 1], ["a", "a", "b", "b"], [2, 2, 4]),  # each group has both classes
        ([0, 0, 1, 1], ["a", "a", "b", "b"], [2, 2, 4]),  # a group alone has one class: trials are dealt
        ([0, 1, 0, 0], ["a", "b", "b", "b"], [4]),  # one trial of a class: nothing to leave out, the first is taken
    ],
)
def test_what_is_left_out_leaves_each_class_a_trial(labels: list[int], groups: list[str], n_seen: list[int]) -> None:
    targets, seen = np.eye(2, dtype=np.float32)[labels], []

    def fit(windows: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> Sign:
        assert targets.any(axis=0).all()
        seen.append(len(windows))
        return Sign(1.0, targets.mean(axis=0))

    windows = np.arange(4, dtype=np.float32).reshape(4, 1, 1)
    reader, left_out = choose([fit], windows, targets, np.array(groups))
    assert seen == n_seen
    np.testing.assert_array_equal(left_out, reader.read(windows))


def test_the_area_of_two_classes_is_that_of_their_difference() -> None:
    targets = np.eye(2, dtype=np.float32)[np.arange(50) % 2]
    decisions = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    assert area(decisions, targets) == pytest.approx(roc_auc_score(targets[:, 1], decisions[:, 1] - decisions[:, 0]))
    assert area(np.eye(3, dtype=np.float32)[np.arange(9) % 3], np.eye(3, dtype=np.float32)[np.arange(9) % 3]) == 1.0


def test_groups_keep_their_difference_of_classes_and_lose_what_they_have_in_common() -> None:
    trials, targets = category_trials(40)
    groups = np.array(["a"] * 21 + ["b"] * 19)  # classes are not even in a group: the mean of class means is taken out
    offset = np.where(groups == "a", 50.0, -10.0)[:, None, None].astype(np.float32)
    cleaned, moved = (without_group_means(each, targets, groups) for each in (trials.windows, trials.windows + offset))
    np.testing.assert_allclose(moved - moved.mean(axis=0), cleaned - cleaned.mean(axis=0), atol=1e-3)
    means = [
        np.mean([cleaned[(groups == name) & (targets[:, k] > 0)].mean(axis=0) for k in range(2)], axis=0)
        for name in "ab"
    ]
    np.testing.assert_allclose(means[0], means[1], atol=1e-3)


def test_a_group_without_a_class_is_levelled_by_those_it_has() -> None:
    trials, targets = category_trials(40)
    cleaned = without_group_means(trials.windows, targets, np.array(["a"] + ["b"] * 39))
    assert np.isfinite(cleaned).all()
