"""A Gaussian process over directions and radii of codes, fitted to the newest pictures of an evolution.

Directions that are sums of directions in the archive are handled by their weights, so that nothing but sums of `dim` numbers
has to be formed again when one climbs.

Source: Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, equation 2.25.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import sposv

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

PREFIX = "directions_"
RADIUS_WIDTH = 0.6
"""Of the kernel over the logarithm of the radius."""


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """The newest scored pictures: directions by generation, (n, dim) of length 1; `log_radii` and `scores` (N,); the products
    of all directions `gram` (N, N)."""

    directions: dict[str, Floats]
    log_radii: Doubles
    scores: Doubles
    gram: Floats

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Archive:
        """That which a state keeps in its arrays."""
        names = sorted(name for name in arrays if name.startswith(PREFIX))
        kept = {name: np.asarray(arrays[name], np.float32) for name in names}
        log_radii, scores = (np.asarray(arrays.get(name, ()), np.float64) for name in ("log_radii", "scores"))
        gram = np.asarray(arrays.get("gram", np.empty((0, 0))), np.float32)
        return cls(kept, log_radii, scores, gram)

    def with_generation(self, name: str, directions: Floats, log_radii: Doubles, scores: Doubles, most: int) -> Archive:
        """With one more generation, and without the oldest ones that are more than `most` pictures back."""
        cross = [directions @ old.T for old in self.directions.values()]
        corner = directions @ directions.T
        side = np.concatenate([*cross, corner], axis=1)
        gram = np.block([[self.gram, side[:, : -len(corner)].T], [side]]).astype(np.float32)
        kept = {**self.directions, name: directions}
        dropped = 0
        while len(scores) + len(self.scores) - dropped > most and len(kept) > 1:
            dropped += len(kept.pop(next(iter(kept))))
        joined = (
            np.concatenate([self.log_radii, log_radii])[dropped:],
            np.concatenate([self.scores, scores])[dropped:],
        )
        return Archive(kept, *joined, gram[dropped:, dropped:])

    def combine(self, weights: Floats) -> Floats:
        """The direction (dim,) that is the weighted sum of all."""
        total, start = np.zeros(next(iter(self.directions.values())).shape[1], np.float32), 0
        for each in self.directions.values():
            total += weights[start : start + len(each)] @ each
            start += len(each)
        return total / np.linalg.norm(total)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What goes into a state."""
        return {**self.directions, "log_radii": self.log_radii, "scores": self.scores, "gram": self.gram}


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Mean of the Gaussian process, for directions that are sums of those in the archive.

    ``k(a, b) = exp((a.b - 1) / width) exp(-(log r_a - log r_b)^2 / (2 0.6^2))``; the mean is ``k(., archive) @ alpha``.
    """

    gram: Floats
    log_radii: Floats
    width: float
    alpha: Floats
    heights: Floats
    """The mean at each picture of the archive, (N,)."""

    @classmethod
    def fit(cls, archive: Archive, width: float, noise: float) -> Surface:
        """To the standardised scores; `noise` is their variance that no picture explains, over that which pictures explain."""
        log_radii = archive.log_radii.astype(np.float32)
        apart = log_radii[:, np.newaxis] - log_radii
        kernel = np.exp((archive.gram - 1) / np.float32(width) - apart**2 / np.float32(2 * RADIUS_WIDTH**2))
        kernel.flat[:: len(kernel) + 1] += np.float32(noise)
        spread = archive.scores.std()
        targets = ((archive.scores - archive.scores.mean()) / (spread if spread > 0 else 1.0)).astype(np.float32)
        _, alpha, failed = sposv(kernel, targets)  # eq. 2.25
        if failed:  # it cannot, with the noise on the diagonal; then the surface is flat
            alpha = np.zeros_like(targets)
        return cls(archive.gram, log_radii, width, alpha, targets - np.float32(noise) * alpha)

    def at(self, products: Floats, log_radius: float) -> Floats:
        """Each picture's part (N,) of the mean at a direction with these `products` with all others; the mean is their sum."""
        apart = self.log_radii - np.float32(log_radius)
        kernel = np.exp((products - 1) / np.float32(self.width) - apart**2 / np.float32(2 * RADIUS_WIDTH**2))
        parts: Floats = kernel * self.alpha
        return parts


def unit_sum(weights: Floats, gram: Floats) -> Floats:
    """The weights of a sum of directions that has length 1."""
    scaled: Floats = weights / np.float32(math.sqrt(max(float(weights @ gram @ weights), 1e-20)))
    return scaled
