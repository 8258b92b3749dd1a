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

Images = NDArray[np.uint8]
SIZE = 64
LAYERS = ("rectified2", "rectified4", "features")
"""An early one, the last that has places, and the last behind a rectifier, of the classifier that comes with the program."""
N_PRIOR, LEAST_DRIVEN = 256, 0.1


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


def rates(unit: Unit, images: Images) -> NDArray[np.float64]:
    """Responses (n,) of a unit as a neuron would give them, nothing below 0: the published protocol drives rectified layers, and
    noise that multiplies would reward the worst of negative ones (the classifier's rectifiers leak)."""
    return np.maximum(unit(images), 0)


def choose_units(model: ImageModel, n: int, world: World) -> list[Unit]:
    """`n` units, as many of each layer: evenly spaced channels of those that at least a tenth of the prior's pictures drive."""
    images = world.render(world.space.sample(np.random.default_rng(0), N_PRIOR))
    units = []
    for layer in LAYERS:
        channels = [model.unit(layer, channel) for channel in range(model.layers[layer][0])]
        driven = [unit for unit in channels if (rates(unit, images) > 0).mean() >= LEAST_DRIVEN]
        each = n // len(LAYERS)
        units += [driven[len(driven) * index // each] for index in range(each)]
    return units
