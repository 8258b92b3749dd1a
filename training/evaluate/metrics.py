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

Images = NDArray[np.uint8]
Floats = NDArray[np.floating]
COARSE = 16
"""Side to which pictures are averaged for the pairwise score, which compares all pairs at once."""


def flat(images: Images, side: int | None = None) -> NDArray[np.float64]:
    """Pixels as rows (n, pixels), averaged to `side` x `side` first if it is given."""
    pixels = images.astype(np.float64)
    if side is not None and images.shape[1] > side:
        factor = images.shape[1] // side
        pixels = pixels.reshape(len(images), side, factor, side, factor, 3).mean(axis=(2, 4))
    return pixels.reshape(len(images), -1)


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
        Pictures uint8 (n, h, w, 3) -> latents (n, d), and back.
    test, train : uint8 arrays (n, h, w, 3)
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
    latents = encode(test)
    rebuilt = generate(latents)
    noise = generate(rng.standard_normal(latents.shape).astype(np.float32))
    order = rng.permutation(len(test))
    controls = {"noise_input": noise, "shuffled_pairing": rebuilt[order]}
    fine, coarse = flat(train).mean(axis=0), flat(train, COARSE).mean(axis=0)
    latent_mean = encode(train).mean(axis=0)

    def pixel(images: Images) -> NDArray[np.float64]:
        return np.diagonal(correlations(flat(images), flat(test), fine))

    def pairwise(images: Images) -> NDArray[np.float64]:
        return pairwise_identification(flat(images, COARSE), flat(test, COARSE), coarse)

    def n_way(images: Images) -> NDArray[np.float64]:
        return np.array([n_way_accuracy(flat(images), flat(test), fine)])

    def latent(images: Images) -> NDArray[np.float64]:
        return pairwise_identification(encode(images), latents, latent_mean)

    measures = (
        ("pixel correlation", pixel, 0.0),
        ("pairwise identification by pixels", pairwise, 0.5),
        (f"{len(test)}-way identification by pixels", n_way, 1.0 / len(test)),
        ("pairwise identification by latents", latent, 0.5),
    )
    return tuple(_score(name, measure, rebuilt, controls, chance, held_out) for name, measure, chance in measures)


def _score(
    name: str,
    measure: Callable[[Images], NDArray[np.float64]],
    rebuilt: Images,
    controls: dict[str, Images],
    chance: float,
    held_out: str,
) -> Score:
    scores = measure(rebuilt)
    value, low, high = bootstrap_interval(scores) if len(scores) > 1 else (float(scores[0]), None, None)
    beside = {control: float(measure(images).mean()) for control, images in controls.items()}
    return Score(
        name=name, value=value, low=low, high=high, chance=chance, n=len(rebuilt), held_out=held_out, **beside
    )  # fmt: skip
