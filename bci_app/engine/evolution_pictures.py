"""The pictures of a generation and the order in which they are shown, both functions of the state alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bci_app.evolution.state import State
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture, make_picture

Image = NDArray[np.uint8]
Kind = Literal["evolved", "natural", "prior"]

ORDER, PRIOR, DEAL, JITTER, NOISE, BLIND, REFERENCES = range(1, 8)
"""Streams of random numbers of a state (see `State.random`); 0 is the optimiser's own."""


@dataclass(frozen=True, slots=True)
class GenerationPictures:
    """What is shown in one generation: its population, and the references among it."""

    evolved: tuple[Picture, ...]
    natural: tuple[Picture, ...]
    prior: tuple[Picture, ...]

    @property
    def kinds(self) -> dict[Picture, Kind]:
        """Every picture and what it is, the population first."""
        both: dict[Picture, Kind] = dict.fromkeys(self.evolved, "evolved")
        return {**both, **dict.fromkeys(self.natural, "natural"), **dict.fromkeys(self.prior, "prior")}

    @property
    def average(self) -> Image:
        """Mean of the population, uint8 (h, w, 3)."""
        return mean_image([picture.image for picture in self.evolved])


def draw_generation(
    state: State, generator: Generator, natural: tuple[Picture, ...], n_prior: int
) -> GenerationPictures:
    """Render the codes of `state`, and `n_prior` codes of the prior drawn for its generation."""
    prior = state.space.sample(state.random(PRIOR), n_prior)
    images = generator.generate(np.concatenate([state.codes, prior]))
    n, name = len(state.codes), f"g{state.generation:03d}"
    return GenerationPictures(
        tuple(make_picture(image, "evolved", f"{name}-m{index:02d}") for index, image in enumerate(images[:n])),
        natural,
        tuple(make_picture(image, "prior", f"{name}-p{index:02d}") for index, image in enumerate(images[n:])),
    )


def presentation_order(state: State, n_pictures: int, repeats: int) -> list[tuple[int, int]]:
    """(repeat, index of a picture) of each presentation: every picture once in random order before any comes again."""
    rng = state.random(ORDER)
    return [(repeat, int(index)) for repeat in range(repeats) for index in rng.permutation(n_pictures)]


def mean_image(images: Sequence[Image]) -> Image:
    """Mean of pictures uint8 (h, w, 3), rounded."""
    mean = np.mean(np.stack(images), axis=0, dtype=np.float64)
    return np.rint(mean).astype(np.uint8)
