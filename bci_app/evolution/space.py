"""Where codes live: the latent space of a generator, as an optimiser sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.checks import check_shape
from bci_app.contract.errors import SignalError
from bci_app.contract.manifest import LatentSpace

Codes = NDArray[np.float32]
"""Latents, (n, dim) or (dim,)."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The space of an evolution: prior, truncation and norm are the generator's.

    Parameters
    ----------
    dim : int
        Numbers of a code.
    truncation : float, optional
        Components never lie further from 0, since the generator would clip them.
    generator_sha256 : str
        Digest of the generator's graph; a state is resumed in the space it was made in alone.
    """

    dim: int
    truncation: float | None = None
    generator_sha256: str = ""

    @classmethod
    def of(cls, latent_space: LatentSpace) -> Self:
        """That of a generator."""
        return cls(latent_space.dim, latent_space.truncation, latent_space.generator_sha256)

    @property
    def norm(self) -> float:
        """Length of a typical code of the prior, N(0, I): the square root of `dim`."""
        return math.sqrt(self.dim)

    def sample(self, rng: np.random.Generator, n: int) -> Codes:
        """`n` codes (n, dim) of the prior."""
        return self.confine(rng.standard_normal((n, self.dim), np.float32))

    def confine(self, codes: NDArray[np.floating]) -> Codes:
        """The codes as float32 with every component inside the truncation."""
        inside = np.asarray(codes, np.float32)
        return inside if self.truncation is None else np.clip(inside, -self.truncation, self.truncation)

    def check(self, codes: NDArray[np.floating], what: str) -> None:
        """Raise SignalError unless `codes` (n, dim) are finite codes of this space."""
        check_shape(codes, (None, self.dim), what)
        if not np.isfinite(codes).all():
            raise SignalError(f"{what} must be finite numbers; some are NaN or infinite. Leave these codes out.")
