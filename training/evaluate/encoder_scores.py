"""What the encoder knows: reconstructions G(E(x)), and latents read back from samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.identification import bootstrap_interval, n_way_accuracy, pairwise_identification
from bci_app.contract.manifest import Score
from training.data.images import ImageSplit
from training.evaluate.batches import Encode, Floats, Generate, batched
from training.evaluate.feature_space import FeatureSpace
from training.evaluate.intervals import Interval, share, wilson
from training.evaluate.latents import normal
from training.evaluate.metrics import reconstruction_scores
from training.evaluate.sample_scores import Comparison, noise_pictures

MEAN_OF = 2_000
"""Training pictures whose mean is taken out before anything is correlated."""


def encoder_scores(
    generate: Generate,
    encode: Encode,
    split: ImageSplit,
    space: FeatureSpace,
    rng: np.random.Generator,
    n: int,
) -> tuple[Comparison, ...]:
    """All scores of an encoder with its generator on the first `n` test pictures.

    Returns
    -------
    tuple of Comparison
        Those of `reconstruction_scores`; identification in the space of features; whether the class is kept, if the
        space knows the classes of the pictures; and identification of z from E(G(z)).
    """
    test, encode, generate = split.test.images[:n], batched(encode), batched(generate)
    train = split.train.images[:MEAN_OF]
    pixels = reconstruction_scores(encode, generate, test, train, rng, f"the test side of {split.name}")
    codes = encode(test)
    shown, rebuilt, noise = (
        space.features(images) for images in (test, generate(codes), generate(normal(rng, *codes.shape)))
    )
    centre = space.features(train).mean(axis=0)
    order = rng.permutation(len(test))
    rows = [*map(_from_score, pixels), *_identification("by features", rebuilt, shown, centre, noise, order)]
    if space.classify is not None and space.classes == split.classes and split.test.labels is not None:
        classes = _Classes(*(space.classify(features) for features in (shown, rebuilt, noise)))
        rows.append(_class_kept(split.test.labels[:n], classes, order))
    drawn = normal(rng, *codes.shape)
    back, nothing = encode(generate(drawn)), encode(noise_pictures(len(test), test.shape[1:], rng))
    middle = np.zeros(drawn.shape[1])
    return (*rows, *_identification("of z from E(G(z))", back, drawn, middle, nothing, order))


def _from_score(score: Score) -> Comparison:
    return Comparison(
        score.name,
        score.value,
        score.low,
        score.high,
        "higher",
        score.n,
        noise=score.noise_input,
        shuffled=score.shuffled_pairing,
        chance=score.chance,
    )


def _identification(
    label: str, read: Floats, target: Floats, centre: Floats, noise: Floats, order: NDArray[np.int64]
) -> list[Comparison]:
    """Pairwise and n-way identification of the target (n, d) from what was read, beside noise and `order` as pairing."""
    n = len(target)

    def pairwise(rows: Floats) -> Interval:
        return bootstrap_interval(pairwise_identification(rows, target, centre))

    def n_way(rows: Floats) -> Interval:
        return wilson(round(n_way_accuracy(rows, target, centre) * n), n)

    return [
        Comparison(
            f"{way} identification {label}",
            *measure(read),
            "higher",
            n,
            noise=measure(noise)[0],
            shuffled=measure(read[order])[0],
            chance=chance,
        )
        for way, measure, chance in (("pairwise", pairwise, 0.5), (f"{n}-way", n_way, 1 / n))
    ]


class _Classes(NamedTuple):
    """What the classifier sees in pictures, in their reconstructions, and in what noise latents draw."""

    shown: NDArray[np.int64]
    rebuilt: NDArray[np.int64]
    noise: NDArray[np.int64]


def _class_kept(labels: NDArray[np.int64], seen: _Classes, order: NDArray[np.int64]) -> Comparison:
    return Comparison(
        "class kept: the classifier sees the class of x in G(E(x))",
        *share(seen.rebuilt == labels),
        "higher",
        len(labels),
        real=float(np.mean(seen.shown == labels)),
        noise=float(np.mean(seen.noise == labels)),
        shuffled=float(np.mean(seen.rebuilt[order] == labels)),
        chance=float(np.bincount(labels).max() / len(labels)),
    )
