"""Search on a sphere with a decaying angle."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bci_app.contract.errors import SettingsError
from bci_app.evolution.optimiser import Optimiser, Scores
from bci_app.evolution.ranking import fill_missing, rank_weights
from bci_app.evolution.space import Codes
from bci_app.evolution.state import State

Points = NDArray[np.float64]


class SphericalCMA(Optimiser):
    """All codes have one norm; the centre moves along great circles, and what is tried round it comes ever nearer.

    The centre is shown with its samples, as the first code of its generation, and takes no part in the ranking; the very
    first generation has none unless there are codes to begin with. (The published program shows the centre on top of 40
    samples, which is population 41.)

    Attributes
    ----------
    radius : float
        Norm of the codes in units of the space's, the square root of its dimensions. 1 is where the generator was trained
        and where its pictures are its best. The published search lay at 300 / 64 = 4.6875 in a space of 4,096; units of a
        network are driven further there, by pictures less like any.
    step : float
        How far to move: 1 is the weighted mean of the better half itself, more goes beyond it.
    n_generations : int
        Over how many the angle falls; afterwards it stays.
    decay : {"exponential", "inverse"}
        From `first_angle_deg` to `last_angle_deg` in equal ratios, or 15 + 1 / (0.0017 t + 0.0146) degrees in generation t.

    Notes
    -----
    A missing score counts as the median of those that came. Where the space is truncated, codes leave the sphere.

    Source: Wang & Ponce 2022, High-performance evolutionary algorithms for online neuron control, GECCO, arXiv 2204.06765.
    """

    kind: Literal["spherical-cma"] = "spherical-cma"
    population: int = Field(default=40, ge=3, le=1000)
    radius: float = Field(default=1.0, gt=0)
    step: float = Field(default=1.5, gt=0)
    n_generations: int = Field(default=75, ge=1)
    decay: Literal["exponential", "inverse"] = "exponential"
    first_angle_deg: float = Field(default=50.0, gt=0, lt=90)
    last_angle_deg: float = Field(default=7.33, gt=0, lt=90)

    def angle_deg(self, generation: int) -> float:
        """Angle between the centre and its samples in degrees; the first centre is that of `generation` 1."""
        t = min(max(generation, 1), self.n_generations)
        if self.decay == "inverse":
            return 15 + 1 / (0.0017 * t + 0.0146)
        done = (t - 1) / max(self.n_generations - 1, 1)
        return float(self.first_angle_deg * (self.last_angle_deg / self.first_angle_deg) ** done)

    def _begin(self, empty: State, first: Codes | None) -> State:
        space, rng = empty.space, empty.random()
        if space.dim < 2:
            raise SettingsError(
                "A sphere needs codes of at least 2 numbers; this space has 1. Choose another optimiser."
            )
        if first is not None:
            mean = first.mean(axis=0, dtype=np.float64)
            if not mean.any():
                raise SettingsError("The codes to begin with must point somewhere; their mean is 0. Choose others.")
            return self._sampled(empty, mean)
        drawn = rng.standard_normal((self.population, space.dim))
        return replace(empty, codes=space.confine(self._radius(empty) * unit(drawn)))

    def _advance(self, state: State, scores: Scores) -> State:
        following = replace(state, generation=state.generation + 1, numbers={"has_centre": 1})
        filled = fill_missing(scores)
        if not state.numbers:
            return self._sampled(following, rank_weights(filled) @ state.codes)
        centre = state.codes[0].astype(np.float64)
        return self._sampled(following, travel(centre, rank_weights(filled[1:]) @ state.codes[1:], self.step))

    def _sampled(self, state: State, centre: Points) -> State:
        """`state` with the centre and samples round it; their angle varies as little as the norm of a normal vector does."""
        direction = unit(centre)
        drawn = state.random().standard_normal((self.population - 1, state.space.dim))
        tangent = drawn - np.outer(drawn @ direction, direction)
        angle = math.radians(self.angle_deg(state.generation)) / math.sqrt(state.space.dim)
        length = angle * np.linalg.norm(tangent, axis=1, keepdims=True)
        samples = np.cos(length) * direction + np.sin(length) * unit(tangent)
        points = self._radius(state) * np.vstack([direction, samples])
        return replace(state, codes=state.space.confine(points), numbers={"has_centre": 1})

    def _radius(self, state: State) -> float:
        return self.radius * state.space.norm

    def _estimate(self, state: State) -> Codes:
        """The centre."""
        centre: Codes = state.codes[0]
        return centre


def unit(points: Points) -> Points:
    """`points` (..., dim) at length 1."""
    return np.asarray(points / np.linalg.norm(points, axis=-1, keepdims=True))


def travel(start: Points, goal: Points, step: float) -> Points:
    """The direction (dim,) reached from `start` along the great circle to `goal`; `step` 1 is the goal, 0 the start."""
    here, there = unit(start), unit(goal)
    aside = there - (there @ here) * here
    length = float(np.linalg.norm(aside))
    if length == 0:
        return here
    angle = step * math.atan2(length, float(there @ here))
    return np.asarray(math.cos(angle) * here + math.sin(angle) * aside / length)
