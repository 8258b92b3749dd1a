"""How reading depends on the amount of training, on the repeats that are averaged, and on time in the trial."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bci_app.calibration.ridge import OnProgress
from bci_app.contract.errors import SettingsError
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials
from training.evaluate.reader_reading import (
    Fit,
    Floats,
    Fold,
    Indices,
    Reading,
    averaged,
    cross_validated_reading,
    repeats,
    scaled,
)
from training.evaluate.reader_scores import (
    CONTROLS,
    PAIRWISE,
    SCALED,
    Doubles,
    Measure,
    Table,
    chance,
    clusters,
    mean_interval,
    per_trial,
    tables,
)

N_DEALS = 1000
_LEAST_TRIALS = 20
"""Of a learning curve's first point."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A score along something, beside its controls.

    Attributes
    ----------
    name, x_name : str
        What is scored, and along what.
    x : float64 array (n_points,)
    value, low, high, noise, shuffled : float64 array (n_points,)
        The score, its pointwise 95 % interval over pictures, and the controls.
    seeds : float64 array (n_seeds, n_points)
        The score of each seed; NaN where time ran out.
    chance : float
    n : int
        Readings scored at each point.
    held_out : str
    threshold : float, optional
        What the largest of all points reaches in 5 % of random deals of the readings.
    note : str
        What was left out for want of time.
    """

    name: str
    x_name: str
    x: Doubles
    value: Doubles
    low: Doubles
    high: Doubles
    noise: Doubles
    shuffled: Doubles
    seeds: Doubles
    chance: float
    n: int
    held_out: str
    threshold: float | None = None
    note: str = ""

    @property
    def onset(self) -> float | None:
        """The first point whose score lies above the threshold; None if there is none."""
        above = self.x[self.value > self.threshold] if self.threshold is not None else self.x[:0]
        return float(above[0]) if len(above) else None


def learning_curve(
    fit: Fit,
    trials: BrainTrials,
    targets: Floats,
    folds: Sequence[Fold],
    measure: Measure = PAIRWISE,
    counts: Sequence[int] = (),
    n_seeds: int = 3,
    seed: int = 0,
    use_spread: bool = False,
    limit_s: float = 600.0,
    on_progress: OnProgress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Curve:
    """The score by number of training trials, the test trials of each fold staying the same.

    Parameters
    ----------
    fit, trials, targets, folds
        See `cross_validated_reading`.
    measure : Measure
        What is scored.
    counts : sequence of int
        Numbers of training trials; by default those of the smallest fold, halved and halved again.
    n_seeds : int
        Each draws its own training trials, a smaller number being part of a larger, labels in equal parts.
    seed : int
        The first seed.
    use_spread : bool
        Divide both sides by the training spread of each component; the name says so.
    limit_s : float
        No fit is begun after so many seconds; what is complete by then is given, and the note says so.
    on_progress : callable, optional
        Called with (done, total, text).
    clock : callable
        Seconds.

    Raises
    ------
    SettingsError
        If a count exceeds the training trials of a fold, or time ran out before anything was complete.
    """
    most = min(len(train) for train, _ in folds)
    counts = sorted(set(counts)) or _halved(most)
    if counts[-1] > most or counts[0] < 1:
        raise SettingsError(f"Counts of training trials must lie between 1 and {most}; got {counts}. Give others.")
    tell, end = on_progress or (lambda done, total, text: None), clock() + limit_s
    steps = [(each, count) for each in range(n_seeds) for count in counts]
    found: dict[tuple[int, int], Reading] = {}
    for number, (each, count) in enumerate(steps):
        tell(number, len(steps), f"learning curve: {count} trials, seed {each + 1} of {n_seeds}")
        if clock() >= end:
            break
        some = [(_drawn(trials, train, count, (seed, each, fold)), test) for fold, (train, test) in enumerate(folds)]
        read = cross_validated_reading(fit, trials, targets, some, seed + each)
        found[each, count] = scaled(read) if use_spread else read
    tell(len(steps), len(steps), "learning curve done")
    note = _stopped(len(found), len(steps), limit_s)
    points = [[found[each, count] for each in range(n_seeds) if (each, count) in found] for count in counts]
    return _curve(measure, "training trials", counts, points, n_seeds, note)


def repeats_curve(
    reading: Reading, measure: Measure = PAIRWISE, counts: Sequence[int] = (), n_seeds: int = 10, seed: int = 0
) -> Curve:
    """The score by number of test trials of a picture that are averaged, over the same pictures at each point.

    Parameters
    ----------
    reading : Reading
        Of single trials; `scaled` or not.
    measure : Measure
        What is scored.
    counts : sequence of int
        Numbers of repeats; by default 1, 2, 4 and so on, as many as half of the pictures have.
    n_seeds : int
        How often the repeats are drawn.
    seed : int
        The first seed.

    Raises
    ------
    SettingsError
        If fewer than two pictures of a fold have so many repeats.
    """
    groups = repeats(reading)
    counts = sorted(set(counts)) or _doubled(int(np.median([len(group) for group in groups])))
    enough = [group for group in groups if len(group) >= counts[-1]]
    if len(enough) < 2:
        raise SettingsError(
            f"Averaging over {counts[-1]} repeats needs at least two pictures shown as often among a fold's test trials; "
            f"{len(enough)} are. Average fewer."
        )
    kept = reading.take(np.sort(np.concatenate(enough)))
    points = [[averaged(kept, count, seed + each) for each in range(n_seeds)] for count in counts]
    return _curve(measure, "test trials averaged", counts, points, n_seeds)


def time_resolved(
    fit: Fit,
    trials: BrainTrials,
    targets: Floats,
    folds: Sequence[Fold],
    measure: Measure = PAIRWISE,
    width_s: float = 0.05,
    step_s: float | None = None,
    seed: int = 0,
    use_spread: bool = False,
    limit_s: float = 600.0,
    on_progress: OnProgress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Curve:
    """The score by time in the trial: a window slides across it, and each place is fitted and scored in the same folds.

    Parameters
    ----------
    fit, trials, targets, folds, measure
        As in `learning_curve`; `fit` gets windows of `width_s`.
    width_s, step_s : float
        Width of the window, and from one to the next; the width by default.
    seed : int
        For fits, controls and deals.
    use_spread, limit_s, on_progress, clock
        As in `learning_curve`; every fourth place comes first, so that a curve cut short still spans the trial.

    Returns
    -------
    Curve
        `x` is the middle of each window in seconds after the onset that the trials were cut by, their latency taken out
        and the delay of the filters not. `threshold` is that of the largest place under the same deals at all places, so
        it holds for the curve as a whole (Nichols & Holmes 2002).

    Raises
    ------
    SettingsError
        If trials have a single sample or no onset, or time ran out before anything was complete.
    """
    starts, width, times = _places(trials, width_s, step_s)
    tell, end = on_progress or (lambda done, total, text: None), clock() + limit_s
    found: dict[int, Reading] = {}
    for number, place in enumerate(sorted(range(len(starts)), key=lambda each: (each % 4 != 0, each % 2 != 0))):
        tell(number, len(starts), f"time-resolved: {1000 * times[place]:.0f} ms")
        if clock() >= end:
            break
        part = replace(trials, windows=trials.windows[:, :, starts[place] : starts[place] + width])
        read = cross_validated_reading(fit, part, targets, folds, seed)
        found[place] = scaled(read) if use_spread else read
    tell(len(starts), len(starts), "time-resolved done")
    note, places = _stopped(len(found), len(starts), limit_s), sorted(found)
    curve = _curve(measure, "seconds after onset", times[places], [[found[place]] for place in places], 1, note)
    judged = [tables(measure, found[place]) for place in places]
    return replace(curve, threshold=_threshold(judged, np.random.default_rng(seed)))


def _curve(
    measure: Measure,
    x_name: str,
    x: Sequence[float] | Doubles,
    points: Sequence[Sequence[Reading]],
    n_seeds: int,
    note: str = "",
) -> Curve:
    """Scores at each point, whose readings are those of the seeds and of the same test trials."""
    done = [place for place, readings in enumerate(points) if readings]
    if not done:
        raise SettingsError(f"No point of the curve over {x_name} was complete. {note} Allow more time.")
    seeds, intervals, controls = np.full((n_seeds, len(done)), np.nan), [], []
    for column, readings in enumerate(points[place] for place in done):
        real, noise, shuffled = (np.stack([per_trial(measure, each, key) for each in readings]) for key in CONTROLS)
        seeds[: len(readings), column] = real.mean(axis=1)
        intervals.append(mean_interval(real.mean(axis=0), clusters(readings[0])))
        controls.append((noise.mean(), shuffled.mean()))
    first = points[done[0]][0]
    return Curve(
        name=measure.name + (SCALED if first.scaled else ""),
        x_name=x_name,
        x=np.asarray(x, np.float64)[done],
        **dict(zip(("value", "low", "high"), np.array(intervals).T, strict=True)),
        **dict(zip(("noise", "shuffled"), np.array(controls).T, strict=True)),
        seeds=seeds,
        chance=chance(tables(measure, first)),
        n=len(first),
        held_out=first.held_out,
        note=note,
    )


def _threshold(judged: Sequence[Sequence[Table]], rng: np.random.Generator) -> float:
    """The 95th percentile of the largest score over places, each deal being the same at all places."""
    n = sum(len(part.rows) for part in judged[0])
    folds = [(np.stack([part.earned for part in fold]), fold[0].own) for fold in zip(*judged, strict=True)]
    largest = []
    for _ in range(N_DEALS):
        sums = [earned[:, rng.permutation(len(own)), own].sum(axis=1, dtype=np.float64) for earned, own in folds]
        largest.append(np.sum(sums, axis=0).max() / n)
    return float(np.quantile(largest, 0.95))


def _places(trials: BrainTrials, width_s: float, step_s: float | None) -> tuple[Indices, int, Doubles]:
    """First sample of each window, their width in samples, and their middles in seconds after onset."""
    n_times, sfreq = trials.windows.shape[2], trials.preprocessing.output_sfreq
    if n_times < 2 or not isinstance(trials.cut, TrialSpec):
        raise SettingsError(
            f"A time course needs trials cut round an onset, with several samples each; '{trials.name}' has "
            f"{n_times} per trial, cut as {type(trials.cut).__name__}. Leave it out."
        )
    width = min(max(round(width_s * sfreq), 1), n_times)
    step = width if step_s is None else max(round(step_s * sfreq), 1)
    starts = np.arange(0, n_times - width + 1, step)
    times = trials.cut.start_s + (starts + (width - 1) / 2) / sfreq
    return starts, width, np.asarray(times, np.float64)


def _drawn(trials: BrainTrials, train: Indices, count: int, seed: tuple[int, ...]) -> Indices:
    """The first `count` training trials in an order drawn by `seed`, in which the labels take turns."""
    order = np.random.default_rng(seed).permutation(train)
    turns: dict[str, int] = {}
    place = []
    for each in order:
        turns[trials.labels[each]] = turns.get(trials.labels[each], -1) + 1
        place.append(turns[trials.labels[each]])
    return np.asarray(order[np.argsort(place, kind="stable")][:count])


def _halved(most: int) -> list[int]:
    counts = [most // 2**power for power in range(5)]
    return sorted({count for count in counts if count >= min(_LEAST_TRIALS, most)})


def _doubled(most: int) -> list[int]:
    return [2**power for power in range(max(most, 1).bit_length())]


def _stopped(n_done: int, n_steps: int, limit_s: float) -> str:
    return "" if n_done == n_steps else f"Stopped after {limit_s:g} s with {n_done} of {n_steps} steps done."
