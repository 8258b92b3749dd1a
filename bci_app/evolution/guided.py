"""The program's own optimiser: an evolution strategy guided by a Gaussian process over its last two hundred pictures.

What a picture is and how strongly it is drawn are kept apart: a code is a direction and a radius. A Gaussian process over
both, fitted to the responses to the newest pictures, takes the place of raw scores: its mean tells which pictures were good
rather than lucky, and where between and a little beyond them the best one lies. The next generation is spread round that
centre by an angle that falls as the evolution goes on.

Source of the parts: weights of the best: Hansen 2016, arXiv 1604.00772, equation 53; falling angle on a sphere: Wang & Ponce
2022, arXiv 2204.06765. The whole is ours.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from bci_app.evolution.gaussian_process import PREFIX, Archive, Doubles, Floats, Surface, unit_sum
from bci_app.evolution.optimiser import Optimiser, Scores
from bci_app.evolution.space import Codes
from bci_app.evolution.state import State

_FIRST_FURTHEST = 3.0
"""Largest radius of generation 0, in units of the prior's: what lies further is reached if it is better."""
_RADIUS_SPREAD = 0.3
"""SD of the logarithm of the radius within a generation, at the widest angle."""
_PARENTS = 20
_CLIMBS = 6
_ALONG = 0.6
"""How far, in units of the angle, a generation is drawn out along the last move of the centre, to both sides."""


class Guided(Optimiser):
    """An evolution strategy guided by a Gaussian process; the program's own.

    Attributes
    ----------
    n_generations : int
        Generations over which the angle falls from `first_angle_deg` to `last_angle_deg`; it stays there after them.
    last_angle_deg : float or None
        None for 15 degrees after 20 generations, and narrower by the square root of how many more there are: with few pictures
        of a noisy response, closer ones can no longer be told apart.
    archive : int
        Pictures the Gaussian process is fitted to.
    noise : float
        Variance of a response that no picture explains, over the variance that pictures explain.
    width : float
        Of the kernel over directions, in units of the squared sine of the angle.
    furthest : float
        Largest radius, in units of the prior's.
    last_share : float
        How far the centre moves towards where the process is highest: all the way at first, this share of it in the last
        planned generation. In between it is the mean over more and more generations, which is what noise asks for.
    """

    kind: Literal["guided"] = "guided"
    population: int = Field(default=20, ge=2, le=1000)
    n_generations: int = Field(default=40, ge=1, le=100_000)
    first_angle_deg: float = Field(default=60.0, gt=0, lt=90)
    last_angle_deg: float | None = Field(default=None, gt=0, lt=90)
    archive: int = Field(default=200, ge=10, le=5000)
    noise: float = Field(default=0.2, gt=0, le=100)
    width: float = Field(default=2.0, gt=0, le=100)
    furthest: float = Field(default=8.0, ge=1, le=100)
    last_share: float = Field(default=0.2, gt=0, le=1)

    def angle(self, generation: int) -> float:
        """Radians by which the pictures of a generation lie off their centre."""
        last_deg = self.last_angle_deg or min(15 * math.sqrt(20 / self.n_generations), self.first_angle_deg)
        return math.radians(self.first_angle_deg * (last_deg / self.first_angle_deg) ** self._done(generation))

    def _done(self, generation: int) -> float:
        """Share of the planned generations, from 0 to 1."""
        return min(generation / max(self.n_generations - 1, 1), 1.0)

    def _begin(self, empty: State, first: Codes | None) -> State:
        """Directions of the prior; radii from the prior's to three times that, since no one knows yet how strong is best."""
        rng, furthest = empty.random(), min(self.furthest, _FIRST_FURTHEST)
        codes = empty.space.sample(rng, self.population)
        codes *= np.exp(rng.uniform(0, math.log(furthest), (self.population, 1))).astype(np.float32)
        if first is not None:
            codes[: len(first)] = first[: self.population]
        return replace(empty, codes=empty.space.confine(codes))

    def _advance(self, state: State, scores: Scores) -> State:
        came = ~np.isnan(scores)
        directions, log_radii = _taken_apart(state.codes[came], state.space.norm)
        name = f"{PREFIX}{state.generation:06d}"
        archive = Archive.of(state.arrays).with_generation(name, directions, log_radii, scores[came], self.archive)
        goal, log_radius = self._climb(archive, self.angle(state.generation))
        centre, towards = goal, np.zeros_like(goal)
        if "centre" in state.arrays:
            before = np.asarray(state.arrays["centre"], np.float32)
            share = self.last_share ** self._done(state.generation)
            centre, towards = _between(before, goal, share), goal - before
            log_radius = (1 - share) * state.numbers["log_radius"] + share * log_radius
        arrays = {**archive.arrays(), "centre": centre}
        after = replace(state, generation=state.generation + 1, arrays=arrays, numbers={"log_radius": log_radius})
        return replace(after, codes=self._spread(after, centre, log_radius, towards))

    def _climb(self, archive: Archive, angle: float) -> tuple[Floats, float]:
        """The direction and logarithm of the radius where the Gaussian process has its mean highest, near the best pictures."""
        step = math.sin(min(angle, 1.2))
        surface = Surface.fit(archive, self.width * step**2, self.noise)
        weights, log_radius = self._parents(archive, surface)
        products, reach = archive.gram @ weights, 0.2
        parts = surface.at(products, log_radius)
        for _ in range(_CLIMBS):
            uphill = parts - (parts @ products) * weights
            steepness = math.sqrt(max(float(uphill @ archive.gram @ uphill), 1e-20))
            tried = unit_sum(
                np.asarray(weights + np.float32(0.5 * step / steepness) * uphill, np.float32), archive.gram
            )
            there = archive.gram @ tried
            higher = surface.at(there, log_radius)
            if higher.sum() > parts.sum():
                weights, products, parts = tried, there, higher
            else:
                step /= 2
            log_radius, parts, reach = self._resized(surface, products, log_radius, parts, reach)
        return archive.combine(weights), log_radius

    def _parents(self, archive: Archive, surface: Surface) -> tuple[Floats, float]:
        """Where the climb begins: the best pictures by the mean of the process, weighted by rank."""
        best = np.argsort(-surface.heights, kind="stable")[:_PARENTS]
        shares = np.log(len(best) + 0.5) - np.log(np.arange(1, len(best) + 1))  # eq. 53
        shares /= shares.sum()
        weights = np.zeros(len(surface.heights), np.float32)
        weights[best] = shares.astype(np.float32)
        return unit_sum(weights, archive.gram), float(shares @ archive.log_radii[best])

    def _resized(
        self, surface: Surface, products: Floats, log_radius: float, parts: Floats, reach: float
    ) -> tuple[float, Floats, float]:
        """A larger or smaller radius where the mean is higher; else the same, and half the reach."""
        for tried in (min(log_radius + reach, math.log(self.furthest)), log_radius - reach):
            there = surface.at(products, tried)
            if there.sum() > parts.sum():
                return tried, there, reach
        return log_radius, parts, reach / 2

    def _spread(self, state: State, centre: Floats, log_radius: float, towards: Floats) -> Codes:
        """A generation round the centre, the centre itself its first member."""
        rng, angle = state.random(), self.angle(state.generation)
        offsets = rng.standard_normal((self.population, len(centre)), np.float32)
        offsets -= (offsets @ centre)[:, np.newaxis] * centre
        offsets /= np.linalg.norm(offsets, axis=1, keepdims=True)
        along = towards - (towards @ centre) * centre
        length = float(np.linalg.norm(along))
        if length > 1e-6:
            offsets += rng.uniform(-_ALONG, _ALONG, (self.population, 1)).astype(np.float32) * (along / length)
        offsets[0] = 0
        far = np.linalg.norm(offsets, axis=1, keepdims=True)
        turned = np.cos(angle * far) * centre + np.sin(angle * far) / np.maximum(far, 1e-12) * offsets
        spread = _RADIUS_SPREAD * min(1.0, angle / math.radians(self.first_angle_deg))
        log_radii = log_radius + spread * rng.standard_normal((self.population, 1))
        log_radii[0] = log_radius
        radii = np.exp(np.minimum(log_radii, math.log(self.furthest))) * state.space.norm
        return state.space.confine(np.asarray(turned * radii, np.float32))

    def _estimate(self, state: State) -> Codes:
        if "centre" not in state.arrays:
            return np.asarray(state.codes[0], np.float32)
        radius = math.exp(state.numbers["log_radius"]) * state.space.norm
        return state.space.confine(np.asarray(state.arrays["centre"], np.float32) * np.float32(radius))


def _taken_apart(codes: Codes, norm: float) -> tuple[Floats, Doubles]:
    """Directions (n, dim) of length 1, and logarithms (n,) of the radii in units of `norm`."""
    lengths = np.maximum(np.linalg.norm(codes, axis=1), 1e-12)
    directions: Floats = codes / lengths[:, np.newaxis]
    return directions, np.log(lengths / norm).astype(np.float64)


def _between(start: Floats, goal: Floats, share: float) -> Floats:
    """The direction a `share` of the way from `start` to `goal`."""
    sum_of_both = np.float32(1 - share) * start + np.float32(share) * goal
    between: Floats = sum_of_both / np.linalg.norm(sum_of_both)
    return between
