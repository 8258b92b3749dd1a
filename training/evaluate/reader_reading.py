"""What a reader makes of trials it was not trained on, beside what it makes of noise and of a shuffled training set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.ridge import OnProgress, fit_noise
from bci_app.contract.errors import SettingsError
from training.data.brain import BrainTrials

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
Fold = tuple[Indices, Indices]
"""Numbers of the trials to train on and of those to test on."""


class Read(Protocol):
    """What a fit gives: a linear reader, a network, a classifier's decision values."""

    @property
    def mean_target(self) -> Floats:
        """Mean of the targets it was trained on, (dim,)."""
        ...

    def read(self, windows: Floats) -> Floats:
        """Readings (n, dim) of windows (n, n_channels, n_times)."""
        ...


Fit = Callable[[Floats, Floats, tuple[str, ...], int], Read]
"""fit(windows (n, n_channels, n_times), targets (n, dim), picture id of each trial, seed) -> reader."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Readings of test trials, fold by fold.

    Parameters
    ----------
    target : float32 array (n, dim)
        What was to be read: the latent of the picture shown, or a one-hot category.
    real, noise, shuffled : float32 array (n, dim)
        Read from the trial; read by the same reader from noise matched to its training trials; read from the trial by a
        reader that was trained on targets dealt to the training trials at random.
    centre, spread : float32 array (n, dim)
        Mean and standard deviation of the training targets of the trial's fold.
    fold, trial : int array (n,)
        Which fold, and the number of the trial in the data; several numbers of an average are represented by the first.
    seen : bool array (n,)
        Whether the trial's picture was shown in a training trial of its fold too.
    pictures, labels : tuple of str
        As in `BrainTrials`.
    held_out : str
        What was kept out of training, in words.
    n_repeats : int
        How many trials of the same picture were averaged into one reading.
    scaled : bool
        Whether all of it was centred and divided by the training spread, see `scaled`.
    """

    target: Floats
    real: Floats
    noise: Floats
    shuffled: Floats
    centre: Floats
    spread: Floats
    fold: Indices
    trial: Indices
    seen: NDArray[np.bool_]
    pictures: tuple[str, ...]
    labels: tuple[str, ...]
    held_out: str
    n_repeats: int = 1
    scaled: bool = False

    def __len__(self) -> int:
        return len(self.target)

    def take(self, chosen: Indices) -> Reading:
        """The readings of the chosen numbers."""
        parts = {key: getattr(self, key)[chosen] for key in _ARRAYS}
        words = {key: tuple(getattr(self, key)[place] for place in chosen) for key in ("pictures", "labels")}
        return replace(self, **parts, **words)  # type: ignore[arg-type]


_READINGS = ("real", "noise", "shuffled")
_ARRAYS = ("target", *_READINGS, "centre", "spread", "fold", "trial", "seen")


def cross_validated_reading(
    fit: Fit,
    trials: BrainTrials,
    targets: Floats,
    folds: Sequence[Fold],
    seed: int = 0,
    on_progress: OnProgress | None = None,
    held_out: str = "",
) -> Reading:
    """Train twice per fold, on the pairs as they are and on shuffled ones, and read its test trials.

    Parameters
    ----------
    fit : callable
        See `Fit`. Whatever it chooses or scales, it does on what it is given.
    trials : BrainTrials
        All of them; a session of its own to test on is one fold.
    targets : float32 array (n_trials, dim)
        Target of each trial.
    folds : sequence of (train, test)
        Numbers of trials, none on both sides.
    seed : int
        For the fits, the noise and the shuffle.
    on_progress : callable, optional
        Called with (done, total, text) before each fit and at the end.
    held_out : str
        What the folds keep apart, in words; stands beside every score.

    Returns
    -------
    Reading
        All test trials, in the order of the folds.

    Raises
    ------
    SettingsError
        If targets and trials do not belong together, or a fold has an empty side or a trial on both.
    """
    _check(trials, targets, folds)
    tell, total = on_progress or (lambda done, total, text: None), 2 * len(folds)
    parts = []
    for number, (train, test) in enumerate(folds):
        tell(2 * number, total, f"fold {number + 1} of {len(folds)}")
        rng, groups = np.random.default_rng((seed, number)), np.array(trials.pictures, dtype=object)[train]
        windows, pairs = trials.windows[train], targets[train]
        reader = fit(windows, pairs, tuple(groups), seed)
        noise = fit_noise(windows).draw(rng, len(test))
        tell(2 * number + 1, total, f"fold {number + 1} of {len(folds)}, shuffled pairing")
        deal = rng.permutation(len(train))
        misled = fit(windows, pairs[deal], tuple(groups[deal]), seed)
        read = (reader.read(trials.windows[test]), reader.read(noise), misled.read(trials.windows[test]))
        known = set(groups) - {""}
        parts.append(
            dict(zip(_READINGS, read, strict=True))
            | _statistics(pairs, len(test))
            | {
                "target": targets[test],
                "fold": np.full(len(test), number),
                "trial": np.asarray(test),
                "seen": np.array([trials.pictures[each] in known for each in test]),
            }
        )
    tell(total, total, "all folds read")
    return _joined(parts, trials, held_out or f"{len(folds)} fold(s)")


def scaled(reading: Reading) -> Reading:
    """Both sides less the centre and divided by the training spread of each component; one without spread becomes 0.

    Components then count alike in a correlation across them, however much they vary over pictures; but one that has less
    than a millionth of the largest spread has none.
    """
    varies = reading.spread > 1e-6 * reading.spread.max(axis=1, keepdims=True)
    inverse = np.divide(1, reading.spread, out=np.zeros_like(reading.spread), where=varies)
    parts = {key: (getattr(reading, key) - reading.centre) * inverse for key in ("target", *_READINGS)}
    spread = varies.astype(np.float32)
    return replace(reading, **parts, centre=np.zeros_like(spread), spread=spread, scaled=True)


def averaged(reading: Reading, n_repeats: int | None = None, seed: int = 0) -> Reading:
    """Readings averaged over the repeats of a picture within its fold, one row per picture and fold.

    Parameters
    ----------
    reading : Reading
        Of single trials.
    n_repeats : int, optional
        Average so many repeats, drawn with `seed`; pictures with fewer are left out. By default all there are.

    Raises
    ------
    SettingsError
        If no picture has so many repeats.
    """
    rng, groups = np.random.default_rng(seed), repeats(reading)
    wanted = [
        group if n_repeats is None else np.sort(rng.permutation(group)[:n_repeats])
        for group in groups
        if len(group) >= (n_repeats or 1)
    ]
    if not wanted:
        raise SettingsError(
            f"An average over {n_repeats} repeats needs a picture shown as often in a fold's test trials; the most often "
            f"shown one has {max(map(len, groups))}. Average fewer."
        )
    means = {key: np.stack([getattr(reading, key)[group].mean(axis=0) for group in wanted]) for key in _READINGS}
    first = reading.take(np.array([group[0] for group in wanted]))
    return replace(first, **means, n_repeats=n_repeats or round(np.mean([len(group) for group in wanted])))  # type: ignore[arg-type]


def repeats(reading: Reading) -> list[Indices]:
    """Numbers of the readings of one picture in one fold, picture by picture; the same picture has the same target."""
    _, group = distinct(np.column_stack([reading.fold.astype(np.float32), reading.target]))
    order = np.argsort(group, kind="stable")
    found = np.split(order, np.cumsum(np.bincount(group))[:-1])
    return sorted(found, key=lambda each: int(each[0]))


def distinct(rows: Floats) -> tuple[Indices, Indices]:
    """Number of the first of each different row (m,), and which of them each row is (n,); wide rows cost little."""
    places: dict[bytes, int] = {}
    kind = np.array([places.setdefault(row.tobytes(), len(places)) for row in rows + np.float32(0)], np.intp)
    return np.unique(kind, return_index=True)[1].astype(np.intp), kind


def _statistics(pairs: Floats, n: int) -> dict[str, NDArray[np.float64]]:
    """Mean and spread of training targets, once for each of `n` test trials."""
    mean, spread = pairs.mean(axis=0, dtype=np.float64), pairs.std(axis=0, dtype=np.float64)
    return {"centre": np.tile(mean, (n, 1)), "spread": np.tile(spread, (n, 1))}


def _joined(parts: Sequence[dict[str, NDArray[np.generic]]], trials: BrainTrials, held_out: str) -> Reading:
    joined = {key: np.concatenate([part[key] for part in parts]) for key in _ARRAYS}
    floats = ("target", *_READINGS, "centre", "spread")
    typed = {key: value.astype(np.float32) if key in floats else value for key, value in joined.items()}
    words = {key: tuple(getattr(trials, key)[each] for each in typed["trial"]) for key in ("pictures", "labels")}
    return Reading(**typed, **words, held_out=held_out)  # type: ignore[arg-type]


def _check(trials: BrainTrials, targets: Floats, folds: Sequence[Fold]) -> None:
    if targets.ndim != 2 or len(targets) != len(trials):
        raise SettingsError(
            f"Each of the {len(trials)} trials of '{trials.name}' needs a target, (n_trials, dim); got {targets.shape}."
        )
    if not folds or any(not len(side) for fold in folds for side in fold):
        raise SettingsError(
            "A fold needs trials to train on and trials to test on; one side is empty. Make fewer folds."
        )
    for number, (train, test) in enumerate(folds):
        shared = np.intersect1d(train, test)
        if len(shared):
            raise SettingsError(
                f"No trial may be trained and tested on; fold {number + 1} has {len(shared)} on both sides, such as trial "
                f"{shared[0]}. Split again."
            )
