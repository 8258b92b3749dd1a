"""What tells the answer is never on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from tests.training.data.trials import numbered_trials
from training.data.brain import BrainTrials
from training.data.splits import Split, check_no_leak, group_names, hold_out, k_folds, leave_one_out


def _trials() -> BrainTrials:
    """24 pictures, each shown twice in each of 2 sessions of 2 runs of 2 participants, in an order by chance."""
    rng = np.random.default_rng(0)
    place = [(s, e, r) for s in "xy" for e in "12" for r in "12" for _ in range(24)]
    pictures = np.concatenate([rng.permutation([f"p{number}" for number in range(24)]) for _ in range(8)])
    return numbered_trials(
        pictures=pictures.tolist(),
        labels=["animal" if int(each[1:]) % 2 else "tool" for each in pictures],
        subjects=[each[0] for each in place],
        sessions=[each[1] for each in place],
        runs=[each[2] for each in place],
    )


def _sides(split: Split, groups: np.ndarray) -> list[set[str]]:
    return [set(groups[side]) for side in (split.train, split.validation, split.test)]


@pytest.mark.parametrize("by", ["picture", "run", "session", "subject"])
def test_no_group_is_on_two_sides_and_every_trial_is_on_one(by: str) -> None:
    trials = _trials()
    groups = group_names(trials, by)
    splits = [hold_out(trials, by, seed=1), *k_folds(trials, by, 2), *leave_one_out(trials, by)]
    if by != "subject":
        splits += [hold_out(trials, by, validation=0.2), *k_folds(trials, by, 3, validation=0.2)]
    for split in splits:
        train, validation, test = _sides(split, groups)
        assert not train & (validation | test)
        assert not validation & test
        every = np.concatenate([split.train, split.validation, split.test])
        np.testing.assert_array_equal(np.sort(every), np.arange(len(trials)))
        assert all((np.diff(side) > 0).all() for side in (split.train, split.validation, split.test))


@pytest.mark.parametrize(("by", "n_groups"), [("picture", 24), ("run", 8), ("session", 4), ("subject", 2)])
def test_each_group_is_left_out_once(by: str, n_groups: int) -> None:
    trials = _trials()
    splits = leave_one_out(trials, by)
    assert len(splits) == n_groups
    assert all(len(set(group_names(trials, by)[split.test])) == 1 for split in splits)
    scored = np.concatenate([split.test for split in splits])
    np.testing.assert_array_equal(np.sort(scored), np.arange(len(trials)))


def test_folds_score_each_trial_once_and_differ_by_seed_alone() -> None:
    trials = _trials()
    folds = [k_folds(trials, "picture", 4, validation=0.25, seed=seed) for seed in (0, 0, 1)]
    for same, other in zip(folds[0], folds[1], strict=True):
        for side in ("train", "validation", "test"):
            np.testing.assert_array_equal(getattr(same, side), getattr(other, side))
    assert any(not np.array_equal(a.test, b.test) for a, b in zip(folds[0], folds[2], strict=True))
    np.testing.assert_array_equal(np.sort(np.concatenate([each.test for each in folds[0]])), np.arange(len(trials)))


def test_shares_are_of_groups() -> None:
    split = hold_out(_trials(), "picture", test=0.25, validation=0.5)
    # 24 pictures: 6 scored, half of the other 18 chosen by; each is shown 8 times
    assert (len(split.train), len(split.validation), len(split.test)) == (9 * 8, 9 * 8, 6 * 8)


def test_a_split_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        hold_out(_trials(), "picture").test[0] = 3


def test_too_few_groups_are_refused() -> None:
    trials = _trials()
    with pytest.raises(SettingsError, match=r"subject needs at least 5 of them; the 192 trials .* have 2"):
        k_folds(trials, "subject", 5)
    with pytest.raises(SettingsError, match="beside the test side only one is left"):
        leave_one_out(trials, "subject", validation=0.2)
    with pytest.raises(SettingsError, match="at least 2"):
        leave_one_out(trials.take(np.arange(24)), "run")


@pytest.mark.parametrize(("test", "n_groups"), [(0.0, 24), (1.0, 24), (0.97, 24), (-0.2, 24)])
def test_a_share_that_leaves_nothing_on_a_side_is_refused(test: float, n_groups: int) -> None:
    with pytest.raises(SettingsError, match=f"got {test} of {n_groups}. Take less"):
        hold_out(_trials(), "picture", test=test)
    with pytest.raises(SettingsError, match=r"got 1.0 of 18"):
        hold_out(_trials(), "picture", test=0.25, validation=1.0)
    with pytest.raises(SettingsError, match="at least 2 folds; got 1"):
        k_folds(_trials(), "picture", 1)


def test_pictures_that_were_not_recorded_are_not_split_by() -> None:
    with pytest.raises(SettingsError, match="2 of 3 trials of 'numbers' have none"):
        hold_out(numbered_trials(pictures=["a", "", ""]), "picture")


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("picture", r"No picture of 'numbers' .* 24 are on both sides, such as p0"),
        ("subject", r"No subject of 'numbers' .* 2 are on both sides, such as x"),
        ("session", "such as x/1"),
        ("run", "such as x/1/1"),
        (("run", "picture"), "such as x/1/1"),
    ],
)
def test_a_leak_is_refused_with_an_example(by: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        check_no_leak(_trials(), np.arange(0, 192, 2), np.arange(1, 192, 2), by)


def test_both_are_asked_of_a_new_picture_in_a_new_participant() -> None:
    trials = _trials()
    train, test = np.arange(96), np.arange(96, 192)
    check_no_leak(trials, train, test, "subject")
    with pytest.raises(SettingsError, match="No picture"):
        check_no_leak(trials, train, test, ("subject", "picture"))


def test_a_trial_on_both_sides_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"No trial .* 1 are on both sides, such as 3"):
        check_no_leak(_trials(), np.arange(4), np.arange(3, 6), "subject")


def _blocks() -> BrainTrials:
    """2 runs of 6 blocks of 5 pictures of one category; no picture twice."""
    labels = [label for _ in range(2) for label in "abcabc" for _ in range(5)]
    return numbered_trials(pictures=[f"p{number}" for number in range(60)], labels=labels, runs=["1"] * 30 + ["2"] * 30)


def test_blocks_of_one_category_may_not_be_torn_apart() -> None:
    with pytest.raises(SettingsError, match=r"blocks of one category.* such as 'a' with trials \d+ and \d+.*run"):
        k_folds(_blocks(), "picture", 5)
    assert len(leave_one_out(_blocks(), "run")) == 2


def test_an_order_by_chance_is_no_block_design() -> None:
    rng = np.random.default_rng(3)
    for share in (0.5, 0.8):  # an oddball's standards follow one another too
        labels = ["rare" if each else "often" for each in rng.random(400) > share]
        trials = numbered_trials(pictures=[f"p{number}" for number in range(400)], labels=labels, runs=["1"] * 400)
        assert len(k_folds(trials, "picture", 5)) == 5


def test_trials_that_do_not_follow_one_another_in_time_form_no_blocks() -> None:
    assert len(k_folds(replace(_blocks(), runs=("",) * 60), "picture", 5)) == 5


def test_blocks_end_with_the_run() -> None:
    trials = numbered_trials(
        pictures=[f"p{number}" for number in range(40)],
        labels=["a"] * 10 + ["b"] * 20 + ["a"] * 10,
        runs=["1"] * 20 + ["2"] * 20,
    )
    check_no_leak(trials, np.arange(20), np.arange(20, 40), "picture")  # trials 19 and 20 are both "b"
