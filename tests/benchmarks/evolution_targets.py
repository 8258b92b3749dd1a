"""What the measurements of evolution drive: two generators, and units chosen without a look at any optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import idctn

from bci_app.bundles import shipped
from bci_app.evolution.space import Codes, SearchSpace
from bci_app.inference.generator import Generator
from bci_app.inference.image_model import ImageModel, Unit
from bci_app.pictures.source import builtin

Images = NDArray[np.uint8]
SIZE = 64
LAYERS = ("rectified2", "rectified4", "features")
"""An early one, the last that has places, and the last behind a rectifier, of the classifier that comes with the program. The
classes are left out: most pictures take them below 0, where noise that multiplies would reward the worst."""
N_REFERENCE = 256


@dataclass(frozen=True, slots=True)
class World:
    """A generator: its space, and codes (n, dim) -> pictures uint8 (n, 64, 64, 3)."""

    space: SearchSpace
    render: Callable[[Codes], Images]


def spectral(dim: int = 4096, contrast: float = 0.6) -> World:
    """Pictures from `dim` coefficients of a cosine transform, the amplitudes falling as 1/f; no weights are needed.

    Luminance and two opponent colours, these at a quarter of the amplitude; of all their coefficients the `dim`
    largest exist. The sum goes through tanh, so that no code of any length leaves 0 to 255; a code of the prior has
    luminance of SD `contrast` before that.
    """
    u = np.arange(SIZE)
    falling = 1 / np.maximum(1, np.hypot(u[:, None], u))
    amplitudes = np.stack([falling, falling / 4, falling / 4])
    kept = np.sort(np.argsort(-amplitudes, axis=None, kind="stable")[:dim])
    scale = (contrast * SIZE / np.linalg.norm(falling) * amplitudes.ravel()[kept]).astype(np.float32)
    colours = np.array([[1, 1, 1], [1.5**0.5, -(1.5**0.5), 0], [0.5**0.5, 0.5**0.5, -(2**0.5)]], np.float32)

    def render(codes: Codes) -> Images:
        coefficients = np.zeros((len(codes), amplitudes.size), np.float32)
        coefficients[:, kept] = scale * codes
        fields = idctn(coefficients.reshape(-1, 3, SIZE, SIZE), axes=(2, 3), norm="ortho")
        mixed = (colours.T @ fields.reshape(len(codes), 3, -1)).reshape(fields.shape)
        return np.ascontiguousarray(np.rint(127.5 + 127.5 * np.tanh(mixed)).astype(np.uint8).transpose(0, 2, 3, 1))

    return World(SearchSpace(dim), render)


def pictures64() -> World:
    """The generator that comes with the program, 40 latents."""
    generator = Generator.open(shipped("pictures64"), "cpu")
    return World(SearchSpace.of(generator.latent_space), generator.generate)


WORLDS: dict[str, Callable[[], World]] = {"spectral": spectral, "pictures64": pictures64}


def choose_units(model: ImageModel, n: int, first: int = 0) -> list[Unit]:
    """`n` units, as many of each layer: evenly spaced channels, counted from the `first` of those that are driven.

    A channel is driven if some reference picture, of those that the program shows, takes it above 0.
    """
    pictures = builtin().sample(np.random.default_rng(0), N_REFERENCE, SIZE)
    images = np.stack([picture.image for picture in pictures])
    units = []
    for layer in LAYERS:
        channels = [model.unit(layer, channel) for channel in range(model.layers[layer][0])]
        driven = [unit for unit in channels if unit(images).max() > 0][first:]
        each = n // len(LAYERS)
        units += [driven[len(driven) * index // each] for index in range(each)]
    return units
