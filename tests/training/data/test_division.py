"""Trials divided as a recipe wants it."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials
from training.data.division import divide
from training.reader_recipe import FoldsSplit, HoldOutSplit, LeaveOneOutSplit, NamedSplit

N = 60


def _trials(n_pictures: int = N) -> BrainTrials:
    """Two participants, each with sessions one, two and test; a picture in every trial."""
    return BrainTrials(
        np.random.default_rng(0).normal(size=(N, 2, 5)).astype(np.float32),
        PreprocessingSpec.design(("Oz", "O1"), 100.0, (1.0, 20.0)),
        TrialSpec(start_s=0.0, stop_s=0.05),
        pictures=tuple(f"p{number % n_pictures}" for number in range(N)),
        labels=("",) * N,
        runs=("",) * N,
        sessions=tuple(("one", "two", "test")[number // 10 % 3] for number in range(N)),
        subjects=tuple(("Ada", "Ben")[number // 30] for number in range(N)),
    )


def test_groups_are_named_with_or_without_what_they_lie_in() -> None:
    trials = _trials()
    ((train, test),) = divide(trials, NamedSplit(test=("test",)), 0).folds
    assert {trials.sessions[number] for number in test} == {"test"}
    assert len(test) == 20
    ((train, test),) = divide(trials, NamedSplit(test=("Ada/test",)), 0).folds
    assert {(trials.subjects[number], trials.sessions[number]) for number in test} == {("Ada", "test")}
    assert len(train) + len(test) == N


def test_a_name_that_is_not_there_and_a_split_that_leaves_nothing_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"has no monday\. It has Ada/one, Ada/two"):
        divide(_trials(), NamedSplit(test=("monday",)), 0)
    with pytest.raises(SettingsError, match="names every subject"):
        divide(_trials(), NamedSplit(by="subject", test=("Ada", "Ben")), 0)


def test_a_picture_on_both_sides_is_refused_unless_the_recipe_wants_known_pictures() -> None:
    with pytest.raises(SettingsError, match="may be trained and tested on"):
        divide(_trials(n_pictures=15), NamedSplit(), 0)
    division = divide(_trials(n_pictures=15), NamedSplit(new_pictures=False), 0)
    assert division.held_out == "session test, not trained on"
    assert (
        divide(_trials(), NamedSplit(), 0).held_out == "session test, not trained on; no picture of it was trained on"
    )


def test_shares_folds_and_single_groups_score_what_they_say() -> None:
    trials = _trials(n_pictures=30)
    ((train, test),) = divide(trials, HoldOutSplit(test=0.2), 0).folds
    assert {trials.pictures[n] for n in train}.isdisjoint({trials.pictures[n] for n in test})
    folds = divide(trials, FoldsSplit(n_folds=4), 0).folds
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(N))
    singles = divide(_trials(), LeaveOneOutSplit(by="session"), 0)
    assert [len(test) for _, test in singles.folds] == [10] * 6
    assert singles.held_out == "each session in turn, not trained on; no picture of it was trained on"
