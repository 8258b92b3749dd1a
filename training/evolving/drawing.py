"""Where pictures come from: a generator bundle, or the coefficients of a cosine transform, which need no training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from bci_app.evolution.space import Codes, SearchSpace
from bci_app.inference.generator import Generator
from training.evaluate.batches import Images

SPECTRAL = "spectral"
_SIDE, _KEPT = 64, 32
"""Pixels of a picture, and coefficients kept along each axis: the coarser half."""
_MEAN, _SPREAD = 110.0, 58.0
"""Of the grey levels, as in photographs: codes of the prior make pictures of that contrast."""
_COLOUR = 0.35
"""Amplitude of the two colour axes beside that of luminance."""
_TO_RGB = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [0.5, 0.5, -1.0]])
"""Red, green and blue of luminance, red against green, and yellow against blue."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """Codes (n, dim) of `space` -> pictures uint8 (n, side, side, 3); `name` as a report calls it."""

    name: str
    space: SearchSpace
    draw: Callable[[Codes], Images]


def open_drawing(source: str) -> Drawing:
    """That of a bundle's folder, or the word ``spectral``; BundleError as the bundle opens."""
    if source == SPECTRAL:
        return Drawing("cosines with amplitudes that fall as 1/f", SearchSpace(3 * _KEPT**2), draw_spectral)
    generator = Generator.open(Path(source), "cpu")
    return Drawing(generator.manifest.name, SearchSpace.of(generator.latent_space), generator.generate)


def draw_spectral(codes: NDArray[np.floating]) -> Images:
    """Pictures uint8 (n, 64, 64, 3) of codes (n, 3 * 32 * 32): coefficients of luminance and of two colour axes.

    Amplitudes fall as 1/f, as those of natural pictures do. Levels beyond 0 and 255 are clipped.

    Source: Field, JOSA A 4 (1987) 2379-2394, for the amplitudes.
    """
    across = np.arange(_KEPT)
    falling = 1 / np.maximum(np.hypot(across, across[:, np.newaxis]), 1)
    spectrum = np.zeros((len(codes), 3, _SIDE, _SIDE), np.float32)
    spectrum[:, :, :_KEPT, :_KEPT] = codes.reshape(-1, 3, _KEPT, _KEPT) * falling * _SIDE / np.linalg.norm(falling)
    planes = fft.idctn(spectrum, axes=(2, 3), norm="ortho") * np.array([1, _COLOUR, _COLOUR])[:, np.newaxis, np.newaxis]
    levels = _MEAN + _SPREAD * np.einsum("nphw,pc->nhwc", planes, _TO_RGB)
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)
