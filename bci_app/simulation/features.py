"""What the simulated visual areas compute from a picture: fixed numbers of the pixels alone.

Four areas, each with a place in the visual field for every number where the area has one:

- V1: how much brighter (signed) than its surround and how contrasted each cell of an 8 x 8 grid is.
- V2: energy of edges in four orientations, on a 4 x 4 grid.
- V4: red-green, blue-yellow and black-white opponency on a 3 x 3 grid.
- LOC: coarse form, the low spatial frequencies of the silhouette.

None of them is learnt and none comes from a network, so no decoder can share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bci_app.pictures.picture import MID_GREY, resize

Floats = NDArray[np.float64]
FEATURE_SIZE = 64
V1_GRID, V2_GRID, V4_GRID, LOC_ORDER = 8, 4, 3, 5
ORIENTATIONS_DEG = (0.0, 45.0, 90.0, 135.0)


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """Where each feature belongs.

    Attributes
    ----------
    area : tuple of str
        "V1", "V2", "V4" or "LOC" for each feature.
    field : ndarray of float64, shape (n_features, 2)
        Place in the visual field, x right and y up, -1 to 1; 0 where the area has none.
    """

    area: tuple[str, ...]
    field: Floats


@lru_cache(maxsize=1)
def feature_map() -> FeatureMap:
    """Areas and places of all features, in the order of `raw_features`."""
    v1, v2, v4 = _grid(V1_GRID), _grid(V2_GRID), _grid(V4_GRID)
    n_form = LOC_ORDER * LOC_ORDER
    fields = [v1, v1, *[v2] * len(ORIENTATIONS_DEG), *[v4] * 3, np.zeros((n_form, 2))]
    area = ["V1"] * 2 * len(v1) + ["V2"] * len(ORIENTATIONS_DEG) * len(v2) + ["V4"] * 3 * len(v4) + ["LOC"] * n_form
    return FeatureMap(tuple(area), np.concatenate(fields))


def raw_features(image: NDArray[np.uint8]) -> Floats:
    """All features of one picture, before they are standardised.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        RGB pixels of any size; cropped to a square and brought to 64 pixels first.

    Returns
    -------
    ndarray of float64, shape (n_features,)
    """
    colour = (resize(image, FEATURE_SIZE).astype(np.float64) - MID_GREY) / MID_GREY
    light = colour @ np.array([0.299, 0.587, 0.114])
    red_green = colour[:, :, 0] - colour[:, :, 1]
    blue_yellow = colour[:, :, 2] - 0.5 * (colour[:, :, 0] + colour[:, :, 1])
    silhouette = np.tanh(2.0 * np.abs(colour).max(axis=2))
    edges = _oriented_edges(light)
    local = light - _blur() @ light @ _blur().T
    parts = [_cells(local, V1_GRID), np.sqrt(_cells(local**2, V1_GRID))]
    parts += [np.sqrt(_cells(edge, V2_GRID)) for edge in edges]
    parts += [_cells(plane, V4_GRID) for plane in (red_green, blue_yellow, light)]
    parts.append(_cosines() @ silhouette @ _cosines().T)
    return np.concatenate([part.ravel() for part in parts])


def _grid(n: int) -> Floats:
    line = (np.arange(n) + 0.5) * 2.0 / n - 1.0
    return np.stack([np.tile(line, n), np.repeat(-line, n)], axis=1)


@lru_cache(maxsize=4)
def _pooling(n: int) -> Floats:
    """Smooth overlapping cells, each row sums to one."""
    pixel = (np.arange(FEATURE_SIZE) + 0.5) * 2.0 / FEATURE_SIZE - 1.0
    cell = (np.arange(n) + 0.5) * 2.0 / n - 1.0
    weight = np.exp(-0.5 * ((pixel[None, :] - cell[:, None]) / (0.8 / n)) ** 2)
    pooling: Floats = weight / weight.sum(axis=1, keepdims=True)
    return pooling


def _cells(plane: Floats, n: int) -> Floats:
    return _pooling(n) @ plane @ _pooling(n).T


@lru_cache(maxsize=1)
def _blur() -> Floats:
    """Surround of every pixel: a Gaussian of a fifth of the picture."""
    pixel = np.arange(FEATURE_SIZE)
    weight = np.exp(-0.5 * ((pixel[:, None] - pixel[None, :]) / (0.2 * FEATURE_SIZE)) ** 2)
    blur: Floats = weight / weight.sum(axis=1, keepdims=True)
    return blur


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    pixel = (np.arange(FEATURE_SIZE) + 0.5) / FEATURE_SIZE
    return np.cos(np.pi * np.arange(LOC_ORDER)[:, None] * pixel[None, :]) / FEATURE_SIZE


def _oriented_edges(light: Floats) -> list[Floats]:
    """Energy of slopes over four pixels in each direction; the fourth power narrows it to that direction."""
    padded = np.pad(light, 2, mode="edge")
    right = padded[2:-2, 4:] - padded[2:-2, :-4]
    down = padded[4:, 2:-2] - padded[:-4, 2:-2]
    angles = np.deg2rad(ORIENTATIONS_DEG)
    slopes = [np.cos(angle) * right + np.sin(angle) * down for angle in angles]
    energy = right**2 + down**2 + 1e-6
    return [slope**4 / energy for slope in slopes]
