"""What a measurement on real recordings gives, and what the measurements share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.contract.manifest import Score
from training.data.brain import BrainTrials
from training.data.splits import By, group_names, leave_one_out
from training.evaluate.reader_reading import Fit, Floats, Fold, Read
from training.evaluate.reader_scores import Finding

N_FOLDS = 5
FIXED_IN_SIGHT = (
    "Filters, windows and bins were fixed after a look at scores on these recordings; everything else is chosen and fitted in "
    "training folds. What they are worth is told by recordings of others."
)
GroupFit = Callable[[Floats, Floats, NDArray[np.str_], int], Read]
"""fit(windows, targets, group of each trial, seed) -> reader: for readers that choose by leaving out groups."""


@dataclass(frozen=True, slots=True)
class RealResult:
    """A score on real recordings with everything that stands beside it.

    Attributes
    ----------
    name : str
        Of the data and of what is read from it.
    what : str
        The protocol in words.
    finding : tuple of Finding
        All scores; the headline is one of them.
    value, low, high : float
        The headline with its 95 % interval.
    chance, noise, shuffled : float
        Beside it: knowing nothing, reading noise matched to the training trials, having learnt shuffled pairs.
    baseline : float
        The same score of a plain reader, on the same trials and folds.
    at_least, aim : float
        What the headline must reach on the recordings at hand, and what it is hoped to reach.
    notes : tuple of str
        What must be known to read it.
    """

    name: str
    what: str
    finding: tuple[Finding, ...]
    value: float
    low: float
    high: float
    chance: float
    noise: float
    shuffled: float
    baseline: float
    at_least: float
    aim: float
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        headline: Finding,
        others: Sequence[Finding],
        *,
        name: str,
        what: str,
        baseline: float,
        at_least: float,
        aim: float,
        notes: Sequence[str] = (),
    ) -> Self:
        """A result whose headline is the first of its findings."""
        score = headline.score
        return cls(
            name,
            what,
            (headline, *others),
            score.value,
            _number(score.low),
            _number(score.high),
            _number(score.chance),
            _number(score.noise_input),
            _number(score.shuffled_pairing),
            baseline,
            at_least,
            aim,
            tuple(notes),
        )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


@dataclass(slots=True)
class Grouped:
    """A `Fit` that knows the group of each training trial, its run or participant, to choose settings by leaving out.

    `cross_validated_reading` fits twice for each fold, on the pairs as they are and on shuffled ones, and this counts
    with it.

    Attributes
    ----------
    fit : callable
        See `GroupFit`.
    groups : str array (n_trials,)
        Of all trials.
    folds : sequence of (train, test)
        Those that will be asked for.
    fitted : list of Read
        What was fitted so far.
    """

    fit: GroupFit
    groups: NDArray[np.str_]
    folds: Sequence[Fold]
    fitted: list[Read] = field(default_factory=list)

    def __call__(self, windows: Floats, targets: Floats, pictures: tuple[str, ...], seed: int) -> Read:
        """The reader of the next training trials."""
        train, _ = self.folds[len(self.fitted) // 2]
        self.fitted.append(self.fit(windows, targets, self.groups[train], seed))
        return self.fitted[-1]


def ungrouped(fit: Callable[[Floats, Floats], Read]) -> Fit:
    """A fit that needs neither pictures nor a seed."""
    return lambda windows, targets, pictures, seed: fit(windows, targets)


def mean_finding(findings: Sequence[Finding], name: str, independent: bool = True) -> Finding:
    """The mean of one score over several participants, or over several draws of the same trials.

    Parameters
    ----------
    findings : sequence of Finding
    name : str
        Of the mean.
    independent : bool
        Intervals of independent parts are joined as those of independent means, and their p-values by Fisher's method;
        of parts that are not, the ends are averaged and the largest p-value stands.
    """
    from scipy.stats import combine_pvalues

    scores = [finding.score for finding in findings]
    value = float(np.mean([score.value for score in scores]))
    spread = (np.array([_number(getattr(score, end)) - score.value for score in scores]) for end in ("low", "high"))
    low, high = (value + _joined(distances, independent) for distances in spread)
    middles = np.array([(each.dealt_low + each.dealt_high) / 2 for each in findings])
    halves = np.array([(each.dealt_high - each.dealt_low) / 2 for each in findings])
    middle, half = float(middles.mean()), _joined(halves, independent)
    means = {
        key: float(np.mean([_number(getattr(score, key)) for score in scores]))
        for key in ("chance", "noise_input", "shuffled_pairing")
    }
    n = sum(score.n for score in scores) if independent else scores[0].n
    score = Score(name=name, value=value, low=low, high=high, n=n, held_out=scores[0].held_out, **means)
    p_values = [finding.p for finding in findings]
    p = float(combine_pvalues(p_values).pvalue) if independent and len(p_values) > 1 else max(p_values)
    return Finding(score, middle - half, middle + half, p)


def _joined(distances: NDArray[np.float64], independent: bool) -> float:
    """How far the end of the mean's interval lies from the mean, from the distances of the parts' ends."""
    if not independent:
        return float(distances.mean())
    return float(np.sign(distances.sum()) * np.sqrt((distances**2).sum()) / len(distances))


def leave_out(trials: BrainTrials, by: By) -> tuple[list[Fold], str]:
    """The folds that leave out one group each, or five folds by trial where there is one group only, and that in words.

    Folds by trial have the same labels in each, drawn by seed 0.

    Raises
    ------
    SettingsError
        If there is one group only, and one trial only of some category.
    """
    from sklearn.model_selection import StratifiedKFold

    if len(np.unique(group_names(trials, by))) > 1:
        return [(each.train, each.test) for each in leave_one_out(trials, by)], f"each {by} in turn, not trained on"
    n_folds = min(N_FOLDS, *Counter(trials.labels).values())
    if n_folds < 2:
        raise SettingsError(
            f"Some trials of each category are learnt from and others scored; '{trials.name}' has one {by} and one trial only "
            f"of some category. Add a {by}."
        )
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=0).split(trials.labels, trials.labels)
    return list(folds), f"{n_folds} folds by trial, as there is one {by} only"


def find_files(folder: Path, pattern: str) -> list[Path]:
    """The files of a pattern in order of their names; RecordingError if there is none."""
    found = sorted(folder.glob(pattern))
    if not found:
        raise RecordingError(
            f"Real recordings are read from '{pattern}' in '{folder}'; there is no such file. Give the folder that holds them."
        )
    return found
