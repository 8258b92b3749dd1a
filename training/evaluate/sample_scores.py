"""How good samples are: as a set beside real pictures, and one by one beside the training pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances

from training.evaluate.batches import Floats, Generate, Images, spans
from training.evaluate.codes import diversity
from training.evaluate.distances import coverage, frechet_distance, frechet_interval, precision_recall
from training.evaluate.feature_space import FeatureSpace
from training.evaluate.intervals import NORMAL_975, share
from training.evaluate.latents import Draw, normal

MAX_RESAMPLED_DIM = 512
"""With more features than this a bootstrap of the Fréchet distance would take minutes; it is left out."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure with its 95 % interval, beside all that it must be compared with; None where that makes no sense."""

    name: str
    value: float
    low: float | None
    high: float | None
    better: Literal["higher", "lower", "like real"]
    n: int
    real: float | None = None
    """The same figure with real training pictures in place of what was generated."""
    noise: float | None = None
    """The same figure with noise: noise pictures for samples, noise latents for reconstructions."""
    shuffled: float | None = None
    chance: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSets:
    """Features (n, d) of as many pictures of each kind."""

    test: Floats
    samples: Floats
    train: Floats
    noise: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Nearest training pictures of some pictures, nearest first: indices and distances (n, k)."""

    places: NDArray[np.int64]
    distances: NDArray[np.float64]


def sample_features(
    generate: Generate,
    space: FeatureSpace,
    n: int,
    latent_dim: int,
    rng: np.random.Generator,
    draw: Draw = normal,
) -> Floats:
    """Features (n, d) of samples that are drawn in parts and not kept."""
    parts = [space.extract(generate(draw(rng, stop - start, latent_dim))) for start, stop in spans(n)]
    return np.concatenate(parts)


def cut_scores(
    features: Floats, sets: FeatureSets, rows: Sequence[Comparison], words: str
) -> tuple[Comparison, Comparison, Comparison]:
    """Fréchet distance, precision and recall of samples whose latents were cut, beside the controls of those uncut.

    Parameters
    ----------
    features : array (n, d)
        Of the samples, as many as `sets` has.
    sets : FeatureSets
        What they are compared with.
    rows : sequence of Comparison
        From `set_scores`.
    words : str
        How the latents were cut, for the names.
    """
    hits = precision_recall(sets.test, features)
    values = ((frechet_distance(sets.test, features), None, None), share(hits.precision), share(hits.recall))
    made = []
    for row, (value, low, high) in zip(rows[:3], values, strict=True):
        head, colon, rest = row.name.partition(":")
        made.append(replace(row, name=f"{head}, {words}{colon}{rest}", value=value, low=low, high=high))
    return made[0], made[1], made[2]


def noise_features(space: FeatureSpace, n: int, shape: Sequence[int], rng: np.random.Generator) -> Floats:
    """Features (n, d) of pictures of `shape` whose every byte is drawn evenly."""
    parts = [space.extract(noise_pictures(stop - start, shape, rng)) for start, stop in spans(n)]
    return np.concatenate(parts)


def noise_pictures(n: int, shape: Sequence[int], rng: np.random.Generator) -> Images:
    """Pictures uint8 (n, *shape) whose every byte is drawn evenly."""
    return rng.integers(0, 256, (n, *shape), dtype=np.uint8)


def set_scores(
    sets: FeatureSets, space: FeatureSpace, rng: np.random.Generator, n_resamples: int
) -> tuple[Comparison, ...]:
    """Fréchet distance, precision, recall, coverage, and the balance of classes if the space knows any."""
    rows = [_frechet(sets, space, rng, n_resamples), *_neighbourhoods(sets)]
    if space.classify is not None:
        rows.append(_class_balance(sets, space, rng))
    return tuple(rows)


def _frechet(sets: FeatureSets, space: FeatureSpace, rng: np.random.Generator, n_resamples: int) -> Comparison:
    cheap = n_resamples > 1 and sets.test.shape[1] <= MAX_RESAMPLED_DIM
    low, high = frechet_interval(sets.test, sets.samples, rng, n_resamples) if cheap else (None, None)
    return Comparison(
        name=space.distance_name,
        value=frechet_distance(sets.test, sets.samples),
        low=low,
        high=high,
        better="lower",
        n=len(sets.samples),
        real=frechet_distance(sets.test, sets.train),
        noise=frechet_distance(sets.test, sets.noise),
    )


def _neighbourhoods(sets: FeatureSets) -> list[Comparison]:
    samples, train, noise = (precision_recall(sets.test, each) for each in (sets.samples, sets.train, sets.noise))
    covered = [coverage(sets.test, each) for each in (sets.samples, sets.train, sets.noise)]
    hits = {
        "precision: samples that lie among real pictures": (samples.precision, train.precision, noise.precision),
        "recall: real pictures that lie among samples": (samples.recall, train.recall, noise.recall),
        "coverage: real pictures with a sample nearby": tuple(covered),
    }
    return [
        Comparison(name, *share(own), "higher", len(own), real=float(real.mean()), noise=float(nothing.mean()))
        for name, (own, real, nothing) in hits.items()
    ]


def class_shares(features: Floats, space: FeatureSpace) -> NDArray[np.float64]:
    """Share (n_classes,) of pictures that the classifier of the space puts into each class."""
    assert space.classify is not None
    return np.bincount(space.classify(features), minlength=len(space.classes)) / len(features)


def _class_balance(sets: FeatureSets, space: FeatureSpace, rng: np.random.Generator) -> Comparison:
    n = len(sets.samples)
    test, samples, train, noise = (
        class_shares(each, space) for each in (sets.test, sets.samples, sets.train, sets.noise)
    )

    def apart(shares: NDArray[np.float64]) -> float:
        return float(0.5 * np.abs(shares - test).sum())

    draws = rng.multinomial(n, samples, 500) / n - rng.multinomial(len(sets.test), test, 500) / len(sets.test)
    error = NORMAL_975 * float(np.std(0.5 * np.abs(draws).sum(axis=1)))
    value = apart(samples)
    return Comparison(
        name="class balance: share of samples that are in a class too often",
        value=value,
        low=max(value - error, 0.0),
        high=value + error,
        better="lower",
        n=n,
        real=apart(train),
        noise=apart(noise),
    )


def diversity_scores(
    samples: Images, test: Images, train: Images, space: FeatureSpace, rng: np.random.Generator
) -> tuple[Comparison, ...]:
    """Mean distance between two samples over that between two test pictures, in pixels and in features.

    All sets hold as many pictures (n, h, w, c), in random order.
    """
    sets = [samples, test, train, noise_pictures(len(samples), samples.shape[1:], rng)]
    features = [space.features(each) for each in sets]
    rows = []
    for kind, (made, real, other, noise) in (("pixels", sets), ("features", features)):
        value, low, high = diversity(made, real)
        beside = {"real": diversity(other, real)[0], "noise": diversity(noise, real)[0]}
        name = f"diversity in {kind}: distance between samples over that between real pictures"
        rows.append(Comparison(name, value, low, high, "like real", len(made) // 2, **beside))
    return tuple(rows)


def nearest(queries: Floats, train: Images, space: FeatureSpace, k: int) -> Neighbours:
    """The k training pictures nearest to each query (n, d) in feature space; any number of them, part by part."""
    places: NDArray[np.int64] = np.zeros((len(queries), 0), np.int64)
    distances: NDArray[np.float64] = np.zeros((len(queries), 0))
    for start, stop in spans(len(train), 2048):
        found = euclidean_distances(queries, space.features(train[start:stop]))
        places = np.hstack([places, np.broadcast_to(np.arange(start, stop), found.shape)])
        distances = np.hstack([distances, found])
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        places = np.take_along_axis(places, order, axis=1)
        distances = np.take_along_axis(distances, order, axis=1)
    return Neighbours(places, distances)


def memorisation(samples: Neighbours, test: Neighbours) -> Comparison:
    """Share of samples that lie nearer to a training picture than 99 of 100 real pictures do.

    The limit is the first percentile over half of the test pictures; the other half is the comparison. A generator
    that copies training pictures gives nearly 1.
    """
    own, real = samples.distances[:, 0], test.distances[:, 0]
    limit = np.quantile(real[::2], 0.01)
    value, low, high = share(own < limit)
    return Comparison(
        name="copies: samples nearer to a training picture than 99 % of test pictures are",
        value=value,
        low=low,
        high=high,
        better="like real",
        n=len(own),
        real=float(np.mean(real[1::2] < limit)),
        chance=0.01,
    )
