"""Trials divided as a recipe wants it, with the words that stand beside every score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from training.data.brain import BrainTrials
from training.data.splits import check_no_leak, group_names, hold_out, k_folds, leave_one_out
from training.reader_recipe import FoldsSplit, HoldOutSplit, NamedSplit, SplitSettings

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Numbers of the trials to learn from and to score, fold by fold; `held_out` says in words what they keep apart."""

    folds: tuple[tuple[Indices, Indices], ...]
    held_out: str


def divide(trials: BrainTrials, split: SplitSettings, seed: int, subject: str | None = None) -> Division:
    """The folds of a recipe.

    Parameters
    ----------
    trials : BrainTrials
    split : SplitSettings
    seed : int
        Draws shares and folds.
    subject : str, optional
        Only trials of this participant are scored; what is learnt from stays the same.

    Raises
    ------
    SettingsError
        If a group that is named does not exist, there are too few groups, or something tells the answer on both sides.
    """
    if isinstance(split, NamedSplit):
        folds = [_named(trials, split)]
    elif isinstance(split, HoldOutSplit):
        one = hold_out(trials, split.by, test=split.test, seed=seed)
        folds = [(one.train, one.test)]
    else:
        several = (
            k_folds(trials, split.by, split.n_folds, seed=seed)
            if isinstance(split, FoldsSplit)
            else leave_one_out(trials, split.by)
        )
        folds = [(each.train, each.test) for each in several]
    if split.new_pictures and split.by != "picture":
        for train, test in folds:
            check_no_leak(trials, train, test, "picture")
    if subject is None:
        return Division(tuple(folds), _words(split))
    own = [
        (train, np.array([each for each in test if trials.subjects[each] == subject], np.intp)) for train, test in folds
    ]
    return Division(tuple(fold for fold in own if len(fold[1])), f"of {subject}: {_words(split)}")


def _named(trials: BrainTrials, split: NamedSplit) -> tuple[Indices, Indices]:
    groups = group_names(trials, split.by)
    found = {name: [group == name or group.endswith(f"/{name}") for group in groups] for name in split.test}
    missing = [name for name, rows in found.items() if not any(rows)]
    if missing:
        there = ", ".join(dict.fromkeys(map(str, groups[:10_000])))
        raise SettingsError(
            f"split.test names what is scored, by {split.by}; '{trials.name}' has no {', '.join(missing)}. It has {there}."
        )
    is_test = np.any(list(found.values()), axis=0)
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    if not len(train):
        raise SettingsError(
            f"Something must be left to learn from; split.test names every {split.by} of '{trials.name}'. Leave one out."
        )
    check_no_leak(trials, train, test, split.by)
    return train, test


def _words(split: SplitSettings) -> str:
    new = "; no picture of it was trained on" if split.new_pictures and split.by != "picture" else ""
    if isinstance(split, NamedSplit):
        return f"{split.by} {' and '.join(split.test)}, not trained on{new}"
    if isinstance(split, HoldOutSplit):
        return f"{split.test:.0%} of the {split.by}s, drawn at random, not trained on{new}"
    if isinstance(split, FoldsSplit):
        return f"{split.n_folds} folds by {split.by}: none on both sides{new}"
    return f"each {split.by} in turn, not trained on{new}"
