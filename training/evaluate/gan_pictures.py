"""What a person looks at: grids of samples, ways between latents, reconstructions, and nearest training pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.images import ImageSplit
from training.evaluate.batches import Encode, Floats, Generate, Images, batched
from training.evaluate.latents import normal, slerp, truncated_normal
from training.evaluate.sample_scores import Neighbours

WIDE = 1020
"""Pixels across a grid at most; it has 15 columns or as many as fit."""
THRESHOLDS = (2.0, 1.0, 0.5)
_GAP, _WHITE = 1, 255


@dataclass(frozen=True, slots=True, eq=False)
class GanPictures:
    """Grids of pictures, uint8 (height, width, channels); None without an encoder."""

    samples: Images
    truncated: Images
    """One row without truncation, then one for each threshold; a column uses the same random numbers."""
    ways: Images
    """Each row goes from one drawn latent to another along the great arc."""
    copies: Images
    """A row of samples; below each its nearest training pictures."""
    real_copies: Images
    """A row of test pictures; below each its nearest training pictures."""
    rebuilt: Images | None = None
    """Rows by three: shown, G(E(x)), G(noise)."""
    real_ways: Images | None = None
    """Each row goes from one test picture's reconstruction to another's."""


def draw_pictures(
    generate: Generate,
    encode: Encode | None,
    split: ImageSplit,
    latent_dim: int,
    rng: np.random.Generator,
    copies: tuple[Images, Neighbours],
    real_copies: tuple[Images, Neighbours],
    thresholds: Sequence[float] = THRESHOLDS,
) -> GanPictures:
    """All grids; `copies` and `real_copies` are pictures with their nearest training pictures."""
    generate, train, test = batched(generate), split.train.images, split.test.images
    columns = n_columns(test.shape[1])
    grids = {
        "samples": _rows(generate(normal(rng, 8 * columns, latent_dim)), columns),
        "truncated": _truncated(generate, latent_dim, columns, rng, thresholds),
        "ways": _ways(generate, normal(rng, 6, latent_dim), normal(rng, 6, latent_dim), columns),
        "copies": _beside_nearest(*copies, train, columns),
        "real_copies": _beside_nearest(*real_copies, train, columns),
    }
    if encode is None:
        return GanPictures(**grids)
    codes = batched(encode)(test[: 2 * columns])
    rebuilt, noise = generate(codes), generate(normal(rng, len(codes), latent_dim))
    parts = [slice(start, start + columns) for start in range(0, len(codes), columns)]
    blocks = mosaic([images[part] for part in parts for images in (test[: len(codes)], rebuilt, noise)])
    half = min(6, len(codes) // 2)
    ways = _ways(generate, codes[:half], codes[half : 2 * half], columns)
    return GanPictures(**grids, rebuilt=blocks, real_ways=ways)


def n_columns(size: int) -> int:
    """Pictures of `size` pixels in a row of a grid."""
    return int(np.clip(WIDE // (size + 2 * _GAP), 4, 15))


def mosaic(rows: Sequence[Images]) -> Images:
    """One picture (height, width, c) of rows of pictures (n, h, w, c) on white; rows may be of different length."""
    longest = max(len(row) for row in rows)
    lines = []
    for row in rows:
        blank = np.full((longest - len(row), *row.shape[1:]), _WHITE, np.uint8)
        tiles = np.pad(
            np.concatenate([row, blank]), ((0, 0), (_GAP, _GAP), (_GAP, _GAP), (0, 0)), constant_values=_WHITE
        )
        lines.append(np.concatenate(list(tiles), axis=1))
    return np.concatenate(lines, axis=0)


def _rows(images: Images, columns: int) -> Images:
    return mosaic([images[start : start + columns] for start in range(0, len(images), columns)])


def _truncated(
    generate: Generate, latent_dim: int, columns: int, rng: np.random.Generator, thresholds: Sequence[float]
) -> Images:
    """Rows whose latents come from the same random numbers, so that each column shows what the threshold does."""
    seed = int(rng.integers(2**32))
    latents = (
        truncated_normal(np.random.default_rng(seed), columns, latent_dim, threshold)
        for threshold in (math.inf, *thresholds)
    )
    return mosaic([generate(each) for each in latents])


def _ways(generate: Generate, start: Floats, stop: Floats, columns: int) -> Images:
    path = slerp(start, stop, columns)
    return _rows(generate(path.reshape(-1, path.shape[2])), columns)


def _beside_nearest(queries: Images, neighbours: Neighbours, train: Images, columns: int) -> Images:
    n, k = min(columns, len(queries)), neighbours.places.shape[1]
    return mosaic([queries[:n], *(train[neighbours.places[:n, place]] for place in range(k))])
