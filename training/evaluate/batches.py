"""Functions of many pictures or latents, taken in parts that fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.offers import Images

__all__ = ["BATCH", "Coded", "Encode", "Floats", "Generate", "Images", "batched", "spans"]

BATCH = 256

Floats = NDArray[np.floating]
Encode = Callable[[Images], Floats]
"""Pictures uint8 (n, h, w, c) -> one row of numbers each (n, d)."""
Coded = Callable[[Images], tuple[Floats, Floats]]
"""Pictures uint8 (n, h, w, c) -> means and standard deviations of their codes (n, d)."""
Generate = Callable[[Floats], Images]
"""Latents float32 (n, d) -> pictures uint8 (n, h, w, c)."""


def batched(function: Callable[[NDArray[Any]], NDArray[Any]], size: int = BATCH) -> Callable[[Any], NDArray[Any]]:
    """The same function, never called with more than `size` rows; what it gives is joined."""

    def whole(inputs: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([np.asarray(function(inputs[start:stop])) for start, stop in spans(len(inputs), size)])

    return whole


def spans(n: int, size: int = BATCH) -> Iterator[tuple[int, int]]:
    """Beginnings and ends that cut 0..n into parts of `size`; one empty part if n is 0."""
    for start in range(0, max(n, 1), size):
        yield start, min(start + size, n)
