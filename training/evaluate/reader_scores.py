"""How well readings tell which picture was shown: each score beside chance, noise, shuffled pairings and an interval.

A `Measure` says of each reading what it would earn had each of the candidates been shown; the candidates are the
different pictures among the test trials of the same fold, each once, so that repeats of a picture are not held against
each other and nothing is compared with a picture that was trained on. The diagonal of that table gives the score, and
dealing the readings to the trials at random gives what the score is without any pairing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import rankdata

from bci_app.contract.errors import SettingsError
from bci_app.contract.identification import correlations
from bci_app.contract.manifest import Score
from training.evaluate.intervals import Interval, clustered, share
from training.evaluate.reader_reading import Floats, Indices, Reading, distinct, scaled

Doubles = NDArray[np.float64]

CONTROLS = ("real", "noise", "shuffled")
N_DEALS = 1000
SCALED = ", components divided by their training spread"
"""Added to the name of a score of `scaled` readings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A score with its permutation test.

    Attributes
    ----------
    score : Score
        `shuffled_pairing` is that of a reader trained on shuffled pairs.
    dealt_low, dealt_high : float
        95 % interval of the score when the readings are dealt to the test trials at random, within folds.
    p : float
        Share of deals that reach the score, counting it as one of them.
    """

    score: Score
    dealt_low: float
    dealt_high: float
    p: float

    @property
    def shows_reading(self) -> bool:
        """Whether the interval lies above chance, the noise input and the shuffled pairing, and the score above the deals."""
        score = self.score
        beside = [each for each in (score.chance, score.noise_input, score.shuffled_pairing) if each is not None]
        low = score.value if score.low is None else score.low
        return low > max(beside, default=0.0) and score.value > self.dealt_high


@dataclass(frozen=True, slots=True)
class Measure:
    """A score that is a mean over trials.

    Attributes
    ----------
    name : str
    earned : callable
        (readings (n, dim), candidates (m, dim), centre (dim,)) -> what each reading earns had each candidate been shown,
        float (n, m).
    chance : callable
        Number of candidates m -> expected score of a reading that knows nothing.
    """

    name: str
    earned: Callable[[Floats, Floats, Floats], Doubles]
    chance: Callable[[int], float]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """What the readings of one fold earn for each candidate, float32 (n, m); the candidate that was shown, and the rows."""

    earned: NDArray[np.float32]
    own: Indices
    rows: Indices
    chance: float


def n_way(ways: int) -> Measure:
    """Identification among `ways` pictures: the right one and distractors drawn from the other candidates.

    It is the expectation over all sets of distractors, which only depends on how many candidates fit less well (w) and
    how many as well (t) as the right one; with ties broken at random it is
    [C(w+t+1, N) - C(w, N)] / [(t+1) C(m-1, N-1)].
    """

    def earned(read: Floats, candidates: Floats, centre: Floats) -> Doubles:
        if ways > len(candidates):
            raise SettingsError(
                f"Identification among {ways} pictures needs as many different ones in each fold's test trials; one has "
                f"{len(candidates)}. Choose fewer ways or fewer folds."
            )
        worse, tied = _ranks(read, candidates, centre)
        sets = _log_choose(np.array(len(candidates) - 1.0), ways - 1)
        won = np.exp(_log_choose(worse + tied + 1, ways) - sets) - np.exp(_log_choose(worse, ways) - sets)
        return np.asarray(won / (tied + 1))

    name = "pairwise identification" if ways == 2 else f"{ways}-way identification"
    return Measure(name, earned, lambda m: 1 / ways)


PAIRWISE = n_way(2)
"""Share of the other pictures that fit a reading less well than the one shown, over all pairs; ties count half."""


def top(k: int) -> Measure:
    """Retrieval: whether the picture shown is among the `k` that fit best, of all candidates; ties are broken at random."""

    def earned(read: Floats, candidates: Floats, centre: Floats) -> Doubles:
        worse, tied = _ranks(read, candidates, centre)
        better = len(candidates) - 1 - worse - tied
        return np.asarray(np.clip(k - better, 0, tied + 1) / (tied + 1))

    return Measure(f"top-{k} retrieval", earned, lambda m: min(k / m, 1.0))


PROFILE = Measure("correlation across components, mean over trials", correlations, lambda m: 0.0)
"""Pearson correlation of what was read with what was shown, less the training mean."""


def tables(measure: Measure, reading: Reading, control: str = "real") -> list[Table]:
    """What the readings earn, fold by fold; `control` is one of `CONTROLS`."""
    found = []
    for number in np.unique(reading.fold):
        rows = np.flatnonzero(reading.fold == number)
        first, own = distinct(reading.target[rows])
        candidates = reading.target[rows[first]]
        if len(candidates) < 2:
            raise SettingsError(
                f"Identification needs at least two different pictures among the test trials of a fold; fold {number + 1} "
                f"has one. Make fewer folds."
            )
        earned = measure.earned(getattr(reading, control)[rows], candidates, reading.centre[rows[0]])
        found.append(Table(earned.astype(np.float32), own, rows, measure.chance(len(candidates))))
    return found


def per_trial(measure: Measure, reading: Reading, control: str = "real") -> Doubles:
    """What each reading (n,) earned."""
    return diagonal(tables(measure, reading, control))


def diagonal(parts: Sequence[Table]) -> Doubles:
    """What each reading (n,) earned for the candidate that was shown."""
    earned = np.empty(sum(len(part.rows) for part in parts))
    for part in parts:
        earned[part.rows] = part.earned[np.arange(len(part.own)), part.own]
    return earned


def chance(parts: Sequence[Table]) -> float:
    """Expected score of readings that know nothing."""
    return sum(part.chance * len(part.rows) for part in parts) / sum(len(part.rows) for part in parts)


def score(measure: Measure, reading: Reading, seed: int = 0, n_deals: int = N_DEALS) -> Finding:
    """The mean over trials with its controls, its interval over pictures, and its permutation test.

    Parameters
    ----------
    measure : Measure
    reading : Reading
    seed : int
        For interval and deals.
    n_deals : int
        How many permutations.

    Raises
    ------
    SettingsError
        If a fold has too few different pictures.
    """
    parts = tables(measure, reading)
    interval = mean_interval(diagonal(parts), clusters(reading), seed)
    dealt = deal(parts, np.random.default_rng(seed), n_deals)
    return finding(
        named(measure.name, reading),
        interval,
        dealt,
        reading,
        chance=chance(parts),
        noise_input=float(per_trial(measure, reading, "noise").mean()),
        shuffled_pairing=float(per_trial(measure, reading, "shuffled").mean()),
    )


def mean_interval(earned: Doubles, groups: Indices, seed: int = 0) -> Interval:
    """Mean of what trials earned (n,) with its 95 % interval over pictures, `groups` (n,).

    Hits and misses of pictures shown once have Wilson's interval: resampling no hit at all would give an interval of no
    width.
    """
    if len(np.unique(groups)) == len(earned) and np.isin(earned, (0.0, 1.0)).all():
        return share(earned == 1.0)
    return clustered(earned, groups, seed)


def deal(parts: Sequence[Table], rng: np.random.Generator, n_deals: int = N_DEALS) -> Doubles:
    """Mean scores (n_deals,) when the readings of each fold are dealt to its trials at random."""
    n = sum(len(part.rows) for part in parts)
    sums = [
        sum(float(part.earned[rng.permutation(len(part.own)), part.own].sum(dtype=np.float64)) for part in parts)
        for _ in range(n_deals)
    ]
    return np.array(sums) / n


def finding(
    name: str,
    interval: Interval,
    dealt: Doubles,
    reading: Reading,
    chance: float,
    noise_input: float,
    shuffled_pairing: float,
) -> Finding:
    """A finding about `reading` from its value with interval and the values of the deals."""
    value, low, high = interval
    score = Score(
        name=name,
        value=value,
        low=low,
        high=high,
        chance=chance,
        noise_input=noise_input,
        shuffled_pairing=shuffled_pairing,
        n=len(reading),
        held_out=reading.held_out,
    )
    ends = np.quantile(dealt, (0.025, 0.975))
    return Finding(score, float(ends[0]), float(ends[1]), float((1 + (dealt >= value).sum()) / (1 + len(dealt))))


def identification_scores(
    reading: Reading,
    ways: Sequence[int] = (2, 10, 50),
    tops: Sequence[int] = (1, 5),
    use_spread: bool = False,
    seed: int = 0,
) -> tuple[Finding, ...]:
    """Pairwise and n-way identification, retrieval, and the correlation across components.

    Parameters
    ----------
    reading : Reading
        Of single trials or averages.
    ways, tops : sequence of int
        Those for which a fold has too few different pictures are left out.
    use_spread : bool
        Divide both sides by the training spread of each component first; the names say so.
    seed : int
        For intervals and deals.
    """
    reading = scaled(reading) if use_spread else reading
    fewest = min(len(distinct(reading.target[reading.fold == fold])[0]) for fold in np.unique(reading.fold))
    measures = [n_way(n) for n in ways if n <= max(fewest, 2)] + [top(k) for k in tops if k < fewest] + [PROFILE]
    return tuple(score(measure, reading, seed) for measure in measures)


def named(name: str, reading: Reading) -> str:
    """The name with what was averaged and whether components were scaled."""
    trials = "single trials" if reading.n_repeats == 1 else f"mean of {reading.n_repeats} repeats"
    return f"{name}, {trials}{SCALED if reading.scaled else ''}"


def clusters(reading: Reading) -> Indices:
    """Number (n,) of each trial's picture, by which intervals resample; a trial of an unknown picture is its own."""
    names = [picture or f"trial {trial}" for picture, trial in zip(reading.pictures, reading.trial, strict=True)]
    return np.unique(names, return_inverse=True)[1].ravel()


def _ranks(read: Floats, candidates: Floats, centre: Floats) -> tuple[Doubles, Doubles]:
    """How many of the candidates fit each reading less well than each candidate, and how many others as well (n, m)."""
    fit = correlations(read, candidates, centre)
    lowest, highest = (rankdata(fit, method, axis=1) for method in ("min", "max"))
    return np.asarray(lowest - 1.0), np.asarray(highest - lowest, np.float64)


def _log_choose(n: Doubles, k: int) -> Doubles:
    """Logarithm of the number of sets of `k` out of `n`; minus infinity if there is none."""
    inside = np.maximum(n, k)
    found = gammaln(inside + 1) - gammaln(k + 1.0) - gammaln(inside - k + 1)
    return np.asarray(np.where(n >= k, found, -np.inf))
