"""What a reader of categories chooses inside its training trials: by leaving out runs or participants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from training.evaluate.reader_reading import Floats, Indices, Read

Names = NDArray[np.str_]
Reader = TypeVar("Reader", bound=Read)
CategoryFit = Callable[[Floats, Floats, Names], Reader]
"""fit(windows, one-hot targets, group of each trial) -> reader of decision values."""
N_INNER_FOLDS = 5


def choose(
    candidates: Sequence[CategoryFit[Reader]], windows: Floats, targets: Floats, groups: Names, seed: int = 0
) -> tuple[Reader, Floats]:
    """The candidate that reads trials of left-out groups best, fitted on all.

    Parameters
    ----------
    candidates : sequence of callable
        See `CategoryFit`. The first of equals is taken, and where there are too few trials of a class to leave some out.
    windows, targets : arrays
        Training trials, see `fit_shrinkage_lda`.
    groups : str array (n_trials,)
        Runs or participants, dealt over at most five folds; trials are dealt instead if all are of one group.
    seed : int
        For the deal.

    Returns
    -------
    reader : Read
    left_out : float32 array (n_trials, n_classes)
        Decision values of each trial by the chosen candidate fitted without its fold; without folds, by the reader itself.
    """
    folds, left_out = _inner_folds(targets, groups, seed), []
    if not folds:
        reader = candidates[0](windows, targets, groups)
        return reader, reader.read(windows)
    for fit in candidates:
        decisions = np.zeros_like(targets)
        for train, test in folds:
            decisions[test] = fit(windows[train], targets[train], groups[train]).read(windows[test])
        left_out.append(decisions)
    best = int(np.argmax([area(decisions, targets) for decisions in left_out]))
    return candidates[best](windows, targets, groups), left_out[best]


def area(decisions: Floats, targets: Floats) -> float:
    """Area under the ROC curve of each class against the others (n, n_classes), mean over the classes."""
    from sklearn.metrics import roc_auc_score

    others = (decisions.sum(axis=1, keepdims=True) - decisions) / (decisions.shape[1] - 1)
    return float(np.mean([roc_auc_score(*each) for each in zip(targets.T, (decisions - others).T, strict=True)]))


def without_group_means(windows: Floats, targets: Floats, groups: Names) -> Floats:
    """Windows less what their group has in common, the mean of its class means, plus the mean of that over groups.

    What tells participants from one another is so left out of what a reader learns, while the trials of a new one can be
    read as they are.
    """
    names = np.unique(groups)
    common = np.stack([_class_means(windows[groups == name], targets[groups == name]).mean(axis=0) for name in names])
    own = common[np.searchsorted(names, groups)]
    return np.asarray(windows - own + common.mean(axis=0), np.float32)


def _class_means(windows: Floats, targets: Floats) -> Floats:
    """Mean trial of each class that is there (n_present, n_channels, n_times)."""
    present = targets[:, targets.any(axis=0)]
    return np.asarray(np.einsum("nk,nct->kct", present / present.sum(axis=0), windows, optimize=True), np.float32)


def _inner_folds(targets: Floats, groups: Names, seed: int) -> list[tuple[Indices, Indices]]:
    """Folds by group, or by trial where groups leave a class without a trial to learn from; none if trials do too."""
    from sklearn.model_selection import GroupKFold, StratifiedKFold

    n_groups, labels = len(np.unique(groups)), targets.argmax(axis=1)
    if n_groups > 1:
        folds = list(GroupKFold(min(N_INNER_FOLDS, n_groups)).split(labels, groups=groups))
        if all(targets[train].any(axis=0).all() for train, _ in folds):
            return folds
    n_folds = min(N_INNER_FOLDS, int(targets.sum(axis=0).min()))
    if n_folds < 2:
        return []
    return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(labels, labels))
