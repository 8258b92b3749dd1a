"""What measurements on real recordings share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.contract.manifest import Score
from tests.training.data.trials import numbered_trials
from training.evaluate.reader_reading import cross_validated_reading
from training.evaluate.reader_scores import Finding
from training.evaluate.real.result import Grouped, RealResult, find_files, leave_out, mean_finding


def _finding(value: float, half: float, p: float = 0.01, n: int = 10) -> Finding:
    score = Score(
        name="AUC", value=value, low=value - half, high=value + half, chance=0.5, noise_input=value - 0.2,
        shuffled_pairing=0.5, n=n, held_out="each run",
    )  # fmt: skip
    return Finding(score, 0.5 - half, 0.5 + half, p)


def test_the_headline_stands_first_with_everything_beside_it() -> None:
    headline, other = _finding(0.7, 0.1), _finding(0.8, 0.1)
    found = RealResult.of(headline, [other], name="a", what="b", baseline=0.65, at_least=0.66, aim=0.9, notes=["c"])
    assert found.finding == (headline, other)
    assert (found.value, found.low, found.high) == pytest.approx((0.7, 0.6, 0.8))
    assert (found.chance, found.noise, found.shuffled) == pytest.approx((0.5, 0.5, 0.5))
    assert (found.baseline, found.at_least, found.aim, found.notes) == (0.65, 0.66, 0.9, ("c",))


def test_independent_participants_make_a_narrower_mean() -> None:
    found = mean_finding([_finding(0.6, 0.06), _finding(0.8, 0.08)], "mean")
    assert found.score.value == pytest.approx(0.7)
    assert found.score.high - found.score.value == pytest.approx(0.05)  # root of 6^2 + 8^2, halved
    assert found.score.value - found.score.low == pytest.approx(0.05)
    assert (found.dealt_low, found.dealt_high) == pytest.approx((0.45, 0.55))
    assert (found.score.n, found.score.noise_input) == (20, pytest.approx(0.5))
    # Fisher: chi square of 4 degrees of freedom beyond x has probability (1 + x / 2) exp(-x / 2)
    half = -np.log(0.01) * 2
    assert found.p == pytest.approx((1 + half) * np.exp(-half))


def test_draws_of_the_same_trials_make_no_narrower_mean() -> None:
    found = mean_finding([_finding(0.6, 0.06, p=0.02), _finding(0.8, 0.08)], "mean", independent=False)
    assert (found.score.low, found.score.high) == pytest.approx((0.63, 0.77))
    assert (found.score.n, found.p) == (10, 0.02)


def test_one_participant_stays_what_it_is() -> None:
    one = _finding(0.7, 0.1)
    found = mean_finding([one], "AUC")
    assert (found.score.value, found.score.low, found.score.high) == pytest.approx((0.7, 0.6, 0.8))
    assert (found.p, found.dealt_high) == pytest.approx((0.01, 0.6))


@dataclass
class Constant:
    """Reads nothing."""

    mean_target: np.ndarray

    def read(self, windows: np.ndarray) -> np.ndarray:
        return np.zeros((len(windows), 2), np.float32)


def test_each_fit_is_told_the_groups_of_its_own_training_trials() -> None:
    trials = numbered_trials(labels=["a", "b"] * 6, runs=["1"] * 4 + ["2"] * 4 + ["3"] * 4)
    folds, held_out = leave_out(trials, "run")
    told = []

    def fit(windows: np.ndarray, targets: np.ndarray, groups: np.ndarray, seed: int) -> Constant:
        told.append((windows[:, 0, 0].tolist(), groups.tolist()))
        return Constant(targets.mean(axis=0))

    targets = np.eye(2, dtype=np.float32)[np.arange(12) % 2]
    cross_validated_reading(Grouped(fit, np.array(trials.runs), folds), trials, targets, folds)
    assert held_out == "each run in turn, not trained on"
    assert len(told) == 6
    for numbers, groups in told:
        assert groups == [trials.runs[int(number)] for number in numbers]


def test_trials_of_one_run_are_dealt_over_five_folds_of_both_classes() -> None:
    trials = numbered_trials(labels=["a", "b"] * 10, runs=["1"] * 20)
    folds, held_out = leave_out(trials, "run")
    assert (len(folds), held_out) == (5, "5 folds by trial, as there is one run only")
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(20))
    assert all(set(np.array(trials.labels)[test]) == {"a", "b"} for _, test in folds)


def test_one_trial_of_a_category_in_one_run_cannot_be_left_out() -> None:
    with pytest.raises(SettingsError, match=r"one run and one trial only of some category. Add a run"):
        leave_out(numbered_trials(labels=["a", "a", "b"], runs=["1"] * 3), "run")


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    for name in ("b.npz", "a.npz", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_files(tmp_path, "*.npz")] == ["a.npz", "b.npz"]
    with pytest.raises(RecordingError, match="no such file"):
        find_files(tmp_path, "*.fif")
