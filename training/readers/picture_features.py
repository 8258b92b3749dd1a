"""What early and middle visual areas may compute of a picture: oriented energy, and maps of a classifier.

Each is a set of maps over a grid of places in the picture. Leaving out the energy or the classifier's last maps costs
most of what responses of V4 are predicted by; colours by themselves and the classifier's first maps add nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from bci_app.inference.image_model import ImageModel
from bci_app.pictures.picture import resize
from models.classifier import Classifier

Images = NDArray[np.uint8]
Maps = NDArray[np.float32]
SIDE, GRID = 64, 8
"""Pictures are looked at with 64 pixels a side; maps are averaged over an 8 x 8 grid."""
_ORIENTATIONS = 8
_FREQUENCIES = (0.25, 0.125, 0.0625, 0.03)
"""Cycles per pixel."""
_BATCH = 128


@dataclass(frozen=True, slots=True, eq=False)
class PictureFeatures:
    """Maps of pictures, float32 (n_pictures, n_maps, n_places) each, n_places a square number."""

    blocks: tuple[Maps, ...]

    def take(self, chosen: NDArray[np.intp]) -> PictureFeatures:
        """Those of the chosen pictures."""
        return PictureFeatures(tuple(block[chosen] for block in self.blocks))


Featurise = Callable[[Images], PictureFeatures]


def picture_features(images: Images, classifier: Classifier | None = None) -> PictureFeatures:
    """Maps of pictures.

    Parameters
    ----------
    images : uint8 array (n, height, width, 3)
    classifier : Classifier, optional
        Its maps at every resolution are added; for colour pictures.

    Returns
    -------
    PictureFeatures
        Energy in luminance, red-green and blue-yellow: modulus of Gabor-like filters (an octave wide, 8 orientations, 4 scales
        of which the 3 coarse ones in colour), square root of its local mean. Classifier: its last two sets of maps.
    """
    parts = [_of_batch(batch, classifier) for batch in _batches(images)]
    return PictureFeatures(tuple(np.concatenate(block) for block in zip(*parts, strict=True)))


def layer_features(images: Images, model: ImageModel, layers: Sequence[str]) -> PictureFeatures:
    """Maps of layers of an image model, averaged over a grid: one block for each layer."""
    maps = [model.activations(layer, images) for layer in layers]
    flat = [layer for layer, each in zip(layers, maps, strict=True) if each.ndim != 4]
    if flat:
        raise SettingsError(
            f"Features are layers with places, (channels, height, width); these are none: {', '.join(flat)}."
        )
    return PictureFeatures(tuple(_pooled(each, min(GRID, each.shape[-1])) for each in maps))


def _batches(images: Images) -> Iterator[Images]:
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        yield batch if batch.shape[1:3] == (SIDE, SIDE) else np.stack([resize(image, SIDE) for image in batch])


def _of_batch(images: Images, classifier: Classifier | None) -> list[Maps]:
    pixels = images.astype(np.float32) / 255
    red, green, blue = (pixels[..., channel] for channel in range(3))
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    colours = np.stack([luminance, red - green, blue - 0.5 * (red + green)], axis=1).astype(np.float32, copy=False)
    blocks = [_energy(colours)]
    return blocks if classifier is None else [*blocks, *_classifier_maps(images, classifier)]


def _pooled(maps: Maps, grid: int = GRID) -> Maps:
    """Means over a grid: (n, n_maps, side, side) -> (n, n_maps, grid * grid)."""
    cell = maps.shape[-1] // grid
    mean = np.repeat(np.eye(grid, dtype=np.float32), cell, axis=1) / np.float32(cell)
    means: Maps = mean @ maps @ mean.T  # ten times as fast as a mean over reshaped axes
    return means.reshape(*maps.shape[:2], -1)


def _energy(colours: Maps) -> Maps:
    from scipy import fft

    spectra = fft.fft2(colours - colours.mean(axis=(2, 3), keepdims=True))
    found = [
        _pooled(np.abs(fft.ifft2(spectra[:, [channel]] * one)))
        for channel in range(3)
        for one in _filters()[_ORIENTATIONS * (channel > 0) :]
    ]
    return np.sqrt(np.concatenate(found, axis=1))


@lru_cache(maxsize=1)
def _filters() -> NDArray[np.float32]:
    """Transfer functions (n_filters, SIDE, SIDE) on one half of the plane, so that the modulus is the local energy."""
    across, down = np.fft.fftfreq(SIDE)[np.newaxis], np.fft.fftfreq(SIDE)[:, np.newaxis]
    frequency, angle = np.hypot(across, down) + 1e-9, np.arctan2(down, across)
    filters = []
    for centre in _FREQUENCIES:
        for orientation in np.pi * np.arange(_ORIENTATIONS) / _ORIENTATIONS:
            off = np.angle(np.exp(1j * (angle - orientation)))
            radial = np.exp(-0.5 * (np.log2(frequency / centre) / 0.5) ** 2)
            filters.append(radial * np.exp(-0.5 * (off / (0.8 * np.pi / _ORIENTATIONS)) ** 2))
    return np.array(filters, np.float32)


def _classifier_maps(images: Images, classifier: Classifier) -> list[Maps]:
    import torch

    from training.data.images import to_tensor

    with torch.no_grad():
        state, maps = to_tensor(images), []
        for layer in classifier.body:
            state = layer(state)
            maps.append(_pooled(state.float().numpy(), min(GRID, state.shape[-1] // 2)))
    return maps[-2:]
