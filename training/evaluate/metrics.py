"""Scores of a generator with its encoder, on pictures that were not trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.identification import (
    bootstrap_interval,
    correlations,
    n_way_accuracy,
    pairwise_identification,
)
from bci_app.contract.manifest import Score
from training.evaluate.batches import BATCH, Floats, Images, batched, spans
from training.evaluate.intervals import Interval, wilson

COARSE = 16
"""Side to which pictures are averaged for the pairwise score, which compares all pairs at once."""
FINE = 64
"""Side to which larger pictures are averaged for the other pixel scores, so that a thousand fit in memory."""


def flat(images: Images, side: int | None = None) -> NDArray[np.float64]:
    """Pixels of pictures (n, h, w, c) as rows (n, pixels), averaged to `side` x `side` first if they are larger."""
    if side is None or images.shape[1] <= side:
        return images.reshape(len(images), -1).astype(np.float64)
    factor, n_channels = images.shape[1] // side, images.shape[3]
    blocks = images.reshape(len(images), side, factor, side, factor, n_channels)
    return np.asarray(blocks.mean(axis=(2, 4), dtype=np.float64)).reshape(len(images), -1)


def mean_pixels(images: Images, side: int) -> NDArray[np.float64]:
    """Mean row of `flat` over any number of pictures."""
    parts = (flat(images[start:stop], side).sum(axis=0) for start, stop in spans(len(images), BATCH))
    return np.asarray(sum(parts) / len(images))


def reconstruction_scores(
    encode: Callable[[Images], Floats],
    generate: Callable[[Floats], Images],
    test: Images,
    train: Images,
    rng: np.random.Generator,
    held_out: str,
) -> tuple[Score, ...]:
    """How well G(E(x)) shows x.

    Parameters
    ----------
    encode, generate : callable
        Pictures uint8 (n, h, w, c) -> latents (n, d), and back; called with at most `BATCH` at a time.
    test, train : uint8 arrays (n, h, w, c)
        Pictures to score, and training pictures, whose mean is taken out of both sides of every correlation.
    rng : Generator
        Draws the noise control, which generates from N(0, I) instead of E(x), and the shuffled pairing.
    held_out : str
        What the test pictures have not in common with training, in words.

    Returns
    -------
    tuple of Score
        Pixel correlation, pairwise and n-way identification by pixel correlation, and identification of the
        latents E(G(E(x))) against E(x).
    """
    encode, generate = batched(encode), batched(generate)
    latents = encode(test)
    rebuilt = generate(latents)
    noise = generate(rng.standard_normal(latents.shape).astype(np.float32))
    order = rng.permutation(len(test))
    controls = {"noise_input": noise, "shuffled_pairing": rebuilt[order]}
    fine, coarse = mean_pixels(train, FINE), mean_pixels(train, COARSE)
    latent_mean = encode(train).mean(axis=0)

    def pixel(images: Images) -> Interval:
        return bootstrap_interval(np.diagonal(correlations(flat(images, FINE), flat(test, FINE), fine)))

    def pairwise(images: Images) -> Interval:
        return bootstrap_interval(pairwise_identification(flat(images, COARSE), flat(test, COARSE), coarse))

    def n_way(images: Images) -> Interval:
        return wilson(round(n_way_accuracy(flat(images, FINE), flat(test, FINE), fine) * len(test)), len(test))

    def latent(images: Images) -> Interval:
        return bootstrap_interval(pairwise_identification(encode(images), latents, latent_mean))

    measures = (
        ("pixel correlation", pixel, 0.0),
        ("pairwise identification by pixels", pairwise, 0.5),
        (f"{len(test)}-way identification by pixels", n_way, 1.0 / len(test)),
        ("pairwise identification by latents", latent, 0.5),
    )
    return tuple(_score(name, measure, rebuilt, controls, chance, held_out) for name, measure, chance in measures)


def _score(
    name: str,
    measure: Callable[[Images], Interval],
    rebuilt: Images,
    controls: dict[str, Images],
    chance: float,
    held_out: str,
) -> Score:
    value, low, high = measure(rebuilt)
    beside = {control: measure(images)[0] for control, images in controls.items()}
    return Score(
        name=name, value=value, low=low, high=high, chance=chance, n=len(rebuilt), held_out=held_out, **beside
    )  # fmt: skip
