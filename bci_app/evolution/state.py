"""All that an evolution needs to go on: kept, written, read again, and continued to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from bci_app.evolution.space import Codes, SearchSpace


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best response told so far as it was told, neither clipped nor averaged: the code (dim,) and where it stood."""

    code: Codes
    score: float
    generation: int
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """An evolution between two generations.

    Attributes
    ----------
    optimiser : mapping
        Settings of the optimiser, its ``kind`` among them, as plain values.
    space : SearchSpace
        Where the codes live.
    seed : int
        Every random number is a function of seed and generation, so there is no random state to keep.
    generation : int
        Number of the generation that `codes` are, from 0.
    codes : float32 array (n, dim)
        What is to be scored now.
    best : Best or None
        The best single response so far; None before the first scores.
    arrays, numbers : mapping
        What the optimiser keeps of earlier generations, by name.
    """

    optimiser: Mapping[str, JsonValue]
    space: SearchSpace
    seed: int
    generation: int
    codes: Codes
    best: Best | None = None
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    def random(self, stream: int = 0) -> np.random.Generator:
        """Random numbers of this generation; a second `stream` is independent of the first."""
        return np.random.default_rng([self.seed, self.generation, stream])
