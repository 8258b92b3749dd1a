"""Which trials are learnt from and which are scored, so that nothing which tells the answer is on both sides.

A picture, a run, a session or a participant is a group, and groups are never divided. Runs count within their session
and sessions within their participant. Two more things tell the answer and are refused by `check_no_leak`: the same
picture under two names (ids are hashes, see `training.data.stimuli.picture_hash`), and the block a trial lies in: where
trials of one category follow one another, a reader of the slow drift scores highly on trials left out of the middle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from training.data.brain import BrainTrials

By = Literal["picture", "run", "session", "subject"]
Indices = NDArray[np.intp]
_PATHS = {"subject": ("subjects",), "session": ("subjects", "sessions"), "run": ("subjects", "sessions", "runs")}
_FEWEST_PAIRS = 20
"""Of trials that follow one another, to tell blocks from chance: among fewer, chance alone looks like blocks."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Numbers of the trials to learn from, to choose by (may be none), and to score; growing, read-only."""

    train: Indices
    validation: Indices
    test: Indices

    def __post_init__(self) -> None:
        for side in (self.train, self.validation, self.test):
            side.setflags(write=False)


class _Splitter(Protocol):
    """What sklearn's splitters have in common."""

    def split(self, X: object, y: object, groups: object) -> Iterator[tuple[Indices, Indices]]:
        """Train and test indices of each fold."""
        ...


def group_names(trials: BrainTrials, by: By) -> NDArray[np.str_]:
    """The group of each trial: its picture, or its participant, session and run as a path.

    Raises
    ------
    SettingsError
        If `by` is "picture" and it was not recorded which picture was shown.
    """
    if by != "picture":
        return np.array(["/".join(parts) for parts in zip(*(getattr(trials, key) for key in _PATHS[by]), strict=True)])
    n_without = sum(not each for each in trials.pictures)
    if n_without:
        raise SettingsError(
            f"A split by picture needs the picture of each trial; {n_without} of {len(trials)} trials of "
            f"'{trials.name}' have none. Split by run, session or subject, or give the picture list."
        )
    return np.array(trials.pictures)


def hold_out(trials: BrainTrials, by: By, *, test: float = 0.2, validation: float = 0.0, seed: int = 0) -> Split:
    """One split: a share `test` of all groups is scored, a share `validation` of the others is chosen by.

    Raises
    ------
    SettingsError
        If there are too few groups, or something tells the answer on both sides.
    """
    from sklearn.model_selection import GroupShuffleSplit

    groups = _enough_groups(trials, by, 2)
    _check_share(test, len(np.unique(groups)), by)
    return _splits(trials, by, groups, GroupShuffleSplit(1, test_size=test, random_state=seed), validation, seed)[0]


def k_folds(trials: BrainTrials, by: By, n_folds: int = 5, *, validation: float = 0.0, seed: int = 0) -> list[Split]:
    """Splits in which each trial is scored once, groups shuffled over `n_folds` folds of about equal size.

    Raises
    ------
    SettingsError
        If there are fewer groups than folds, or something tells the answer on both sides.
    """
    from sklearn.model_selection import GroupKFold

    if n_folds < 2:
        raise SettingsError(f"Trials are divided into at least 2 folds; got {n_folds}. Take more.")
    groups = _enough_groups(trials, by, n_folds)
    return _splits(trials, by, groups, GroupKFold(n_folds, shuffle=True, random_state=seed), validation, seed)


def leave_one_out(trials: BrainTrials, by: By, *, validation: float = 0.0, seed: int = 0) -> list[Split]:
    """One split for each group, in which it alone is scored, in the order of their names.

    Raises
    ------
    SettingsError
        If there is one group only, or something tells the answer on both sides.
    """
    from sklearn.model_selection import LeaveOneGroupOut

    return _splits(trials, by, _enough_groups(trials, by, 2), LeaveOneGroupOut(), validation, seed)


def check_no_leak(trials: BrainTrials, train: Indices, test: Indices, by: By | Sequence[By]) -> None:
    """Refuse sides of which one tells the answers of the other.

    Parameters
    ----------
    trials : BrainTrials
        Whose runs tell that they follow one another in time, if they do.
    train, test : array of int
        Numbers of the trials on the two sides.
    by : {"picture", "run", "session", "subject"}, or several of them
        What must not be on both sides. A score for new pictures of a new participant needs ("picture", "subject").

    Raises
    ------
    SettingsError
        If a trial, a group, or a block of trials of one category is on both sides; it names an example.
    """
    _refuse(np.intersect1d(train, test).astype(str), "trial", trials.name)
    for each in (by,) if isinstance(by, str) else by:
        groups = group_names(trials, each)
        _refuse(np.intersect1d(groups[train], groups[test]), each, trials.name)
    _refuse_shared_blocks(trials, train, test)


def _enough_groups(trials: BrainTrials, by: By, n_needed: int) -> NDArray[np.str_]:
    groups = group_names(trials, by)
    n_groups = len(np.unique(groups))
    if n_groups < n_needed:
        raise SettingsError(
            f"A split by {by} needs at least {n_needed} of them; the {len(trials)} trials of '{trials.name}' have "
            f"{n_groups}. Take fewer folds, split by something else, or record more."
        )
    return groups


def _check_share(share: float, n_groups: int, by: By) -> None:
    if not (0 < share < 1 and math.ceil(share * n_groups) < n_groups):
        raise SettingsError(
            f"A side is given a share between 0 and 1 that leaves a {by} to train on; got {share} of {n_groups}. Take less."
        )


def _splits(
    trials: BrainTrials, by: By, groups: NDArray[np.str_], splitter: _Splitter, validation: float, seed: int
) -> list[Split]:
    splits = []
    for rest, test in splitter.split(groups, None, groups):
        train, chosen_by = _set_aside(rest, groups[rest], validation, by, seed)
        split = Split(np.sort(train), np.sort(chosen_by), np.sort(test))
        check_no_leak(trials, rest, split.test, by)
        check_no_leak(trials, split.train, split.validation, by)
        splits.append(split)
    return splits


def _set_aside(rest: Indices, groups: NDArray[np.str_], share: float, by: By, seed: int) -> tuple[Indices, Indices]:
    """Training and validation trials, out of those that are not scored."""
    from sklearn.model_selection import GroupShuffleSplit

    if not share:
        return rest, rest[:0]
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise SettingsError(
            f"Validation is a {by} of its own; beside the test side only one is left, {groups[0]}. Set validation to 0 "
            f"or record another {by}."
        )
    _check_share(share, n_groups, by)
    ((train, chosen_by),) = GroupShuffleSplit(1, test_size=share, random_state=seed).split(rest, None, groups)
    return rest[train], rest[chosen_by]


def _refuse(shared: NDArray[np.str_], what: str, name: str) -> None:
    if len(shared):
        raise SettingsError(
            f"No {what} of '{name}' may be trained and tested on; {len(shared)} are on both sides, such as "
            f"{shared[0]}: the score would be that of memory. Split by {what} with training.data.splits."
        )


def _refuse_shared_blocks(trials: BrainTrials, train: Indices, test: Indices) -> None:
    first = np.flatnonzero(_same_block(trials))
    side = np.zeros(len(trials), int)
    side[train], side[test] = 1, 2
    torn = first[(side[first] + side[first + 1] == 3) & (side[first] != side[first + 1])]
    if len(torn):
        raise SettingsError(
            f"'{trials.name}' shows pictures in blocks of one category, and a block tells the category of all its trials; "
            f"{len(torn)} blocks are on both sides, such as '{trials.labels[torn[0]]}' with trials {torn[0]} and "
            f"{torn[0] + 1}. Split by run or session."
        )


def _same_block(trials: BrainTrials) -> NDArray[np.bool_]:
    """For each trial but the last, whether the next one lies in the same block; all False without blocks.

    In an order by chance a trial is followed by one of its category with the probability of the sum of squared shares.
    Blocks are seen where it is more than half-way from there to always.
    """
    runs, labels = group_names(trials, "run"), np.array(trials.labels)
    in_time = np.array([bool(run) for run in trials.runs])[:-1]
    follow = (runs[:-1] == runs[1:]) & (labels[:-1] != "") & in_time
    same = follow & (labels[:-1] == labels[1:])
    _, counts = np.unique(labels, return_counts=True)
    by_chance = float(((counts / max(len(labels), 1)) ** 2).sum())
    in_blocks = follow.sum() >= _FEWEST_PAIRS and same.sum() > 0.5 * (1 + by_chance) * follow.sum()
    return same if in_blocks else np.zeros_like(same)
