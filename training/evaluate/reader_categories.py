"""Which category was shown, from decision values: accuracy, balanced accuracy and AUC beside their controls.

The readings are decision values (n, n_classes) and the targets one-hot, so that everything else (folds, noise input,
shuffled pairing) is the harness of `reader_reading`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bci_app.contract.errors import SettingsError
from training.evaluate.reader_reading import Floats, Indices, Reading
from training.evaluate.reader_scores import Doubles, Finding, Measure, clusters, finding, mean_interval

N_DRAWS = 1000

_Statistic = Callable[[Floats, Indices, Indices], float]
"""(decision values (n, n_classes), class shown (n,), group (n,)) -> one figure."""


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How often each class shown (row) was read as each class (column); int (n_classes, n_classes)."""

    classes: tuple[str, ...]
    counts: Indices


def classes_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The different labels in alphabetical order; SettingsError unless there are two, and every trial has one."""
    found = tuple(sorted(set(labels)))
    if len(found) < 2 or "" in found:
        raise SettingsError(
            f"Categories are read from trials that each have a label, of at least two kinds; got {found}. "
            "Leave out the trials without a label."
        )
    return found


def one_hot(labels: Sequence[str], classes: Sequence[str]) -> Floats:
    """Targets float32 (n, n_classes): 1 for the class of the trial."""
    return np.asarray(np.array(labels)[:, np.newaxis] == np.array(classes), np.float32)


def correct(labels: Sequence[str]) -> Measure:
    """Accuracy as a measure for curves; its chance is the share of the most frequent of these labels."""

    def earned(read: Floats, candidates: Floats, centre: Floats) -> Doubles:
        return np.asarray(read.argmax(axis=1)[:, np.newaxis] == candidates.argmax(axis=1), np.float64)

    most_frequent = Counter(labels).most_common(1)[0][1] / len(labels)
    return Measure("accuracy", earned, lambda m: most_frequent)


def category_scores(
    reading: Reading,
    classes: Sequence[str],
    groups: Sequence[str] | None = None,
    group_name: str = "runs",
    units: Sequence[str] | None = None,
    unit_name: str = "units",
    seed: int = 0,
    n_deals: int = N_DRAWS,
) -> tuple[Finding, ...]:
    """Accuracy, balanced accuracy and, for two classes, the area under the ROC curve.

    Parameters
    ----------
    reading : Reading
        Decision values (n, n_classes); targets from `one_hot`.
    classes : sequence of str
        Names of the columns.
    groups : sequence of str, optional
        Run or subject of each reading: the AUC is given over all pooled, and as the mean within groups, for which the
        decision values of two groups need not be comparable. Deals stay within groups.
    group_name : str
        What the groups are, for the name of the score.
    units : sequence of str, optional
        What intervals resample, such as the subject of each reading, or its block where trials of a block resemble each
        other, as volumes of fMRI do; pictures, or trials of unknown pictures, by default. If each unit is of one class,
        deals keep it whole.
    unit_name : str
        What the units are, for the name of the score.
    seed : int
        For intervals and deals.
    n_deals : int
        Permutations of the labels, within groups and, unless each fold is of a single class, within folds.

    Returns
    -------
    tuple of Finding
        Chance of the accuracy is that of always naming the most frequent class of the test trials.

    Raises
    ------
    SettingsError
        If targets are not one-hot over `classes`, or groups or units do not have one entry per reading.
    """
    _check(reading, classes, groups, units)
    group = np.unique(["all"] * len(reading) if groups is None else groups, return_inverse=True)[1].ravel()
    unit = clusters(reading) if units is None else np.unique(units, return_inverse=True)[1].ravel()
    most_frequent = float(reading.target.mean(axis=0, dtype=np.float64).max())
    ways = f"{len(classes)}-way"
    over = "" if units is None else f", interval over {unit_name}"
    statistics: list[tuple[str, _Statistic, float]] = [
        (f"accuracy, {ways}", _accuracy, most_frequent),
        (f"balanced accuracy, {ways}", _balanced, 1 / len(classes)),
    ]
    if len(classes) == 2:
        statistics.append(("AUC, all trials pooled", _pooled_auc, 0.5))
        if group.max() > 0:
            statistics.append((f"AUC, mean within {group_name}", _mean_auc, 0.5))
    return tuple(
        _finding(f"{name}{over}", statistic, chance, reading, group, unit, seed, n_deals)
        for name, statistic, chance in statistics
    )


def confusion(reading: Reading, classes: Sequence[str]) -> Confusion:
    """How the classes were confused; a reading goes to the class with the largest decision value."""
    counts = np.zeros((len(classes), len(classes)), np.intp)
    np.add.at(counts, (reading.target.argmax(axis=1), reading.real.argmax(axis=1)), 1)
    return Confusion(tuple(classes), counts)


def _finding(
    name: str,
    statistic: _Statistic,
    chance: float,
    reading: Reading,
    group: Indices,
    unit: Indices,
    seed: int,
    n_deals: int,
) -> Finding:
    truth, rng = reading.target.argmax(axis=1), np.random.default_rng(seed)
    value, noise, shuffled = (
        statistic(getattr(reading, control), truth, group) for control in ("real", "noise", "shuffled")
    )
    if statistic is _accuracy:
        hits = (reading.real.argmax(axis=1) == truth).astype(np.float64)
        _, low, high = mean_interval(hits, unit, seed)
    else:
        low, high = _resampled(statistic, reading.real, truth, group, unit, rng)
    strata = _combined(_told_apart(reading.fold, truth), group)
    whole = _dealt_together(truth, strata, unit)
    dealt = np.array([statistic(reading.real, _dealt(truth, strata, whole, rng), group) for _ in range(n_deals)])
    return finding(name, (value, low, high), dealt, reading, chance, noise, shuffled)


def _accuracy(decisions: Floats, truth: Indices, group: Indices) -> float:
    return float((decisions.argmax(axis=1) == truth).mean())


def _balanced(decisions: Floats, truth: Indices, group: Indices) -> float:
    """Mean share of hits over the classes that were shown."""
    shown = np.bincount(truth, minlength=decisions.shape[1])
    hits = np.bincount(truth[decisions.argmax(axis=1) == truth], minlength=decisions.shape[1])
    return float((hits[shown > 0] / shown[shown > 0]).mean())


def _pooled_auc(decisions: Floats, truth: Indices, group: Indices) -> float:
    return _auc(decisions[:, 1] - decisions[:, 0], truth)


def _mean_auc(decisions: Floats, truth: Indices, group: Indices) -> float:
    """Mean over the groups in which both classes were shown."""
    within = [np.flatnonzero(group == each) for each in np.unique(group)]
    both = [rows for rows in within if 0 < truth[rows].sum() < len(rows)]
    areas = [_pooled_auc(decisions[rows], truth[rows], group[rows]) for rows in both]
    return float(np.mean(areas)) if areas else 0.5


def _auc(decision: NDArray[np.floating], truth: Indices) -> float:
    """Share of pairs of the two classes in the right order, ties count half (Mann and Whitney 1947); 0.5 without pairs."""
    n_second = int(truth.sum())
    pairs = n_second * (len(truth) - n_second)
    if not pairs:
        return 0.5
    return float((rankdata(decision)[truth == 1].sum() - n_second * (n_second + 1) / 2) / pairs)


def _resampled(
    statistic: _Statistic, decisions: Floats, truth: Indices, group: Indices, unit: Indices, rng: np.random.Generator
) -> tuple[float, float]:
    """The 95 % percentile interval of draws of whole units; groups that lie within units are drawn with them."""
    members = np.split(np.argsort(unit, kind="stable"), np.cumsum(np.bincount(unit))[:-1])
    n_groups = int(group.max()) + 1
    within = len(np.unique(_combined(group, unit))) == n_groups
    values = []
    for _ in range(N_DRAWS):
        drawn = [members[each] for each in rng.integers(0, len(members), len(members))]
        rows, place = np.concatenate(drawn), np.repeat(np.arange(len(drawn)), [len(each) for each in drawn])
        # a subject that is drawn twice counts as two
        groups = group[rows] + n_groups * place if within else group[rows]
        values.append(statistic(decisions[rows], truth[rows], groups))
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _combined(*parts: Indices) -> Indices:
    """One number (n,) for each different combination of the parts' numbers."""
    return np.unique(np.stack(parts, axis=1), axis=0, return_inverse=True)[1].ravel()


def _told_apart(fold: Indices, truth: Indices) -> Indices:
    """The folds, within which labels are dealt; as one if each is of a single class, such as a single trial."""
    same = len(np.unique(_combined(fold, truth))) == len(np.unique(fold))
    return np.zeros_like(fold) if same else fold


def _dealt_together(truth: Indices, strata: Indices, unit: Indices) -> Indices:
    """What is dealt as one (n,): units, each in its stratum, if all are of one class; else each trial by itself."""
    parts = _combined(unit, strata)
    one_class = len(np.unique(_combined(parts, truth))) == len(np.unique(parts))
    return parts if one_class else np.arange(len(unit))


def _dealt(truth: Indices, strata: Indices, whole: Indices, rng: np.random.Generator) -> Indices:
    """The labels dealt at random to what is dealt as one, each stratum within itself."""
    first = np.unique(whole, return_index=True)[1]
    label, stratum = truth[first], strata[first]
    dealt = np.empty_like(label)
    dealt[np.argsort(stratum, kind="stable")] = label[np.lexsort((rng.random(len(label)), stratum))]
    return dealt[np.searchsorted(whole[first], whole)]


def _check(reading: Reading, classes: Sequence[str], groups: Sequence[str] | None, units: Sequence[str] | None) -> None:
    target = reading.target
    if target.shape[1] != len(classes) or not (np.isin(target, (0, 1)).all() and (target.sum(axis=1) == 1).all()):
        raise SettingsError(
            f"Targets of a reading of categories must be one-hot over the {len(classes)} classes; got an array "
            f"{target.shape}. Make them with one_hot."
        )
    for name, given in (("groups", groups), ("units", units)):
        if given is not None and len(given) != len(reading):
            raise SettingsError(f"There must be one of {name} for each of {len(reading)} readings; got {len(given)}.")
