"""Latents to draw from: truncated, and on the way from one to another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bci_app.contract.errors import SettingsError

Draw = Callable[[np.random.Generator, int, int], NDArray[np.float32]]
"""Random state, number and components -> latents float32 (n, d)."""


def normal(rng: np.random.Generator, n: int, d: int) -> NDArray[np.float32]:
    """Latents float32 (n, d) from N(0, I)."""
    return rng.standard_normal((n, d), dtype=np.float32)


def truncated_normal(rng: np.random.Generator, n: int, d: int, threshold: float) -> NDArray[np.float32]:
    """Latents (n, d) whose components are standard normal given that they lie within ``-threshold..threshold``.

    That is the distribution of drawing again each component that lies beyond; here by the inverse of the distribution
    function, so that every threshold uses as many random numbers. With the same state of `rng`, another threshold
    gives the same latents drawn together, which makes rows of pictures comparable.

    Parameters
    ----------
    rng : Generator
        Drawn n d times.
    n, d : int
        How many, and their components.
    threshold : float
        In standard deviations, above 0; infinite for none.

    Returns
    -------
    float32 array (n, d)

    Raises
    ------
    SettingsError
        If the threshold is not above 0.

    Source: Brock, Donahue and Simonyan 2019, section 3.1, the truncation trick.
    """
    if not threshold > 0:
        raise SettingsError(f"A truncation threshold must be above 0, such as 1.0; got {threshold}.")
    low = ndtr(-threshold)
    drawn = ndtri(low + (1.0 - 2.0 * low) * rng.random((n, d)))
    return np.clip(drawn, -threshold, threshold).astype(np.float32)


def clipped_normal(rng: np.random.Generator, n: int, d: int, threshold: float) -> NDArray[np.float32]:
    """Latents (n, d) from N(0, I) whose components beyond ``-threshold..threshold`` become the threshold."""
    return np.clip(normal(rng, n, d), -threshold, threshold)


def slerp(start: NDArray[np.floating], stop: NDArray[np.floating], n_steps: int) -> NDArray[np.float32]:
    """Latents on the great arc from each start to its stop.

    A straight line between two draws from N(0, I) in many dimensions passes through lengths that are never drawn.

    Parameters
    ----------
    start, stop : array (n, d)
        Ends, both included.
    n_steps : int
        At least 2.

    Returns
    -------
    float32 array (n, n_steps, d)
        Where the ends point the same way or one is zero, a straight line.

    Source: Shoemake 1985, "Animating rotation with quaternion curves"; for latents, White 2016.
    """
    a, b = (np.asarray(ends, np.float64)[:, np.newaxis] for ends in (start, stop))
    share = np.linspace(0.0, 1.0, n_steps)[np.newaxis, :, np.newaxis]
    lengths = np.linalg.norm(a, axis=2, keepdims=True) * np.linalg.norm(b, axis=2, keepdims=True)
    cosine = np.divide((a * b).sum(axis=2, keepdims=True), lengths, out=np.ones_like(lengths), where=lengths > 0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    bent = np.sin(angle) > 1e-6
    sine = np.where(bent, np.sin(angle), 1.0)
    from_start = np.where(bent, np.sin((1.0 - share) * angle) / sine, 1.0 - share)
    from_stop = np.where(bent, np.sin(share * angle) / sine, share)
    return (from_start * a + from_stop * b).astype(np.float32)
