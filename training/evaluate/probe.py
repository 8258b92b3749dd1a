"""What a linear classifier reads from codes: multinomial logistic regression, beside raw pixels and controls."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bci_app.contract.errors import PictureError
from training.data.images import ImageSplit, Pictures
from training.evaluate.batches import Encode, Floats, Images, batched
from training.evaluate.intervals import share
from training.evaluate.metrics import flat

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths that are tried; the validation side chooses."""
MAX_PIXELS = 1024
"""Pixels, times channels, that the probe on raw pixels gets at most."""

N_SHUFFLES = 5

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """Accuracy on test pictures of a probe on one kind of code, with Wilson's 95 % interval."""

    name: str
    accuracy: float
    low: float
    high: float
    penalty: float
    """Inverse strength that did best on the validation side."""
    n_train: int
    n_test: int


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Codes float (n, d) of the three sides, with labels int64 (n,)."""

    train: tuple[Floats, Labels]
    validation: tuple[Floats, Labels]
    test: tuple[Floats, Labels]


def linear_probes(
    encoders: Mapping[str, Encode], split: ImageSplit, rng: np.random.Generator, n_train: int | None = None
) -> tuple[ProbeRow, ...]:
    """Probes on each encoder, on raw pixels, and the first encoder's controls.

    Parameters
    ----------
    encoders : mapping
        Name to encoder; the one in question first, one with random weights after it.
    split : ImageSplit
        All sides with labels. Probes are fitted on the training side, their penalty is chosen on the validation side.
    rng : Generator
        Draws the noise and shuffles the labels.
    n_train : int, optional
        Fit on so many of the training pictures; on all by default.

    Returns
    -------
    tuple of ProbeRow
        One per encoder; raw pixels; noise with the mean and covariance of the first encoder's codes in their place;
        its codes with labels shuffled on the training and the validation side, the mean of `N_SHUFFLES` with the
        smallest and the largest: a probe takes whole classes for one, so shuffles differ by more than Wilson's
        interval. The last two are what a probe gets from nothing.

    Raises
    ------
    PictureError
        If a side has no labels.
    """
    rows, first = [], None
    for name, encode in {**encoders, _pixels_name(split.test.images): _pixels}.items():
        sides = _codes(batched(encode), split, n_train)
        first = first or sides
        rows.append(fit_probe(name, sides))
    assert first is not None
    rows.append(fit_probe("noise of the same mean and covariance", _noise(first, rng)))
    rows.append(_shuffled(first, rng))
    return tuple(rows)


def fit_probe(name: str, sides: Sides) -> ProbeRow:
    """Fit with every penalty, keep the one that does best on the validation side, and score it on the test side."""
    mean, scale = _scaling(sides.train[0])
    (x, y), (x_validation, y_validation), (x_test, y_test) = (
        ((codes - mean) / scale, labels) for codes, labels in (sides.train, sides.validation, sides.test)
    )
    model = LogisticRegression(warm_start=True, max_iter=100, tol=1e-3)
    best: tuple[float, float, NDArray[np.bool_]] | None = None
    for penalty in PENALTIES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred steps from a solution nearby are enough
            model.set_params(C=penalty).fit(x, y)
        validation = float(np.mean(model.predict(x_validation) == y_validation))
        if best is None or validation > best[0]:
            best = validation, penalty, np.asarray(model.predict(x_test) == y_test)
    assert best is not None
    return ProbeRow(name, *share(best[2]), penalty=best[1], n_train=len(x), n_test=len(x_test))


def chance(split: ImageSplit) -> float:
    """Accuracy on test pictures of naming the class most frequent in training."""
    train, test = _labels(split.train), _labels(split.test)
    return float(np.mean(test == np.bincount(train).argmax()))


def _scaling(codes: Floats) -> tuple[Floats, Floats]:
    """Mean and scale per component; one that hardly varies is not blown up."""
    scale = codes.std(axis=0)
    return codes.mean(axis=0), np.maximum(scale, 1e-3 * max(float(scale.max()), 1e-12))


def _codes(encode: Encode, split: ImageSplit, n_train: int | None) -> Sides:
    train = Pictures(split.train.images[:n_train], _labels(split.train)[:n_train])
    train_codes, validation, test = (
        (np.asarray(encode(side.images), np.float32), _labels(side)) for side in (train, split.validation, split.test)
    )
    return Sides(train_codes, validation, test)


def _labels(side: Pictures) -> Labels:
    if side.labels is None:
        raise PictureError("A linear probe needs pictures with classes; these have none. Leave the probe out.")
    return side.labels


def _pixels(images: Images) -> Floats:
    return flat(images, _side(images)).astype(np.float32)


def _side(images: Images) -> int:
    side, n_channels = int(images.shape[1]), int(images.shape[3])
    while side * side * n_channels > MAX_PIXELS:
        side //= 2
    return side


def _pixels_name(images: Images) -> str:
    side = _side(images)
    return f"raw pixels ({side} x {side}{' averages' if side < images.shape[1] else ''})"


def _noise(sides: Sides, rng: np.random.Generator) -> Sides:
    codes = sides.train[0]
    mean, covariance = codes.mean(axis=0, dtype=np.float64), np.atleast_2d(np.cov(codes.T))
    variances, directions = np.linalg.eigh(covariance)
    root = directions * np.sqrt(np.maximum(variances, 0.0))

    def draw(n: int) -> Floats:
        return np.asarray(mean + rng.standard_normal((n, len(mean))) @ root.T, np.float32)

    return Sides(*((draw(len(x)), y) for x, y in (sides.train, sides.validation, sides.test)))


def _shuffled(sides: Sides, rng: np.random.Generator) -> ProbeRow:
    (x, y), (x_validation, y_validation) = sides.train, sides.validation
    rows = [
        fit_probe("", Sides((x, rng.permutation(y)), (x_validation, rng.permutation(y_validation)), sides.test))
        for _ in range(N_SHUFFLES)
    ]
    found = [row.accuracy for row in rows]
    return replace(
        rows[0],
        name=f"shuffled labels (mean, smallest and largest of {N_SHUFFLES})",
        accuracy=float(np.mean(found)),
        low=min(found),
        high=max(found),
    )
