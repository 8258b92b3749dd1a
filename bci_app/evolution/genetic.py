"""The genetic algorithm of XDREAM."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from bci_app.contract.errors import SettingsError
from bci_app.evolution.operators import choose_parents, clip_outliers, cross, mutate, parent_probabilities, temperature
from bci_app.evolution.optimiser import Optimiser, Scores
from bci_app.evolution.space import Codes
from bci_app.evolution.state import State


class Genetic(Optimiser):
    """The genetic algorithm of XDREAM; the defaults are those of its examples of 2020.

    Codes whose score is missing are carried over unchanged, to be shown again.

    Attributes
    ----------
    mutation_rate, mutation_size : float
        Probability that a gene is mutated, and SD of what is added to it, in units of the code.
    selectivity : float
        The temperature of the selection is SD(scores) / selectivity, so *higher* is colder. Programs of before 2020, and
        a comment left over from them, speak of a factor by which the SD is multiplied, where lower is colder: a factor
        of 2 is a selectivity of 0.5, four times weaker selection than the default.
    heritability : float
        Share of the genes that come from the first parent; 0.5 and more, since parents are interchangeable.
    n_conserve : int
        So many of the best go on unchanged.
    clip_percentile : float
        Scores above this percentile of their generation count as if they were at it; 100 clips none.

    Notes
    -----
    Source: Xiao & Kreiman 2020, PLoS Comput Biol 16, e1007973. The published program also keeps the clipped score as the
    best one, which under-reports it; here the best is the response as it came.
    """

    kind: Literal["genetic"] = "genetic"
    mutation_rate: float = Field(default=0.5, ge=0, le=1)
    mutation_size: float = Field(default=0.5, gt=0)
    selectivity: float = Field(default=2.0, gt=0)
    heritability: float = Field(default=0.5, ge=0.5, le=1)
    n_conserve: int = Field(default=0, ge=0)
    clip_percentile: float = Field(default=95.0, ge=0, le=100)

    @model_validator(mode="after")
    def _some_are_new(self) -> Self:
        if self.n_conserve >= self.population:
            raise SettingsError(
                f"n_conserve must be less than the population ({self.population}), else nothing is ever new; "
                f"got {self.n_conserve}."
            )
        return self

    def _begin(self, empty: State, first: Codes | None) -> State:
        rng = empty.random()
        if first is None:
            return replace(empty, codes=empty.space.sample(rng, self.population))
        kept = first[rng.permutation(len(first))[: self.population]]
        alike = np.full(len(kept), 1 / len(kept))
        children = self._children(kept, alike, self.population - len(kept), rng)
        return replace(empty, codes=empty.space.confine(np.concatenate([kept, children])))

    def _advance(self, state: State, scores: Scores) -> State:
        following = replace(state, generation=state.generation + 1)
        missing = np.isnan(scores)
        order = np.argsort(-scores[~missing], kind="stable")
        ranked, sorted_scores = state.codes[~missing][order], scores[~missing][order]
        kt = temperature(sorted_scores, self.selectivity)
        probabilities = parent_probabilities(clip_outliers(sorted_scores, self.clip_percentile), kt)
        conserved, carried = ranked[: self.n_conserve], state.codes[missing]
        n_children = max(self.population - len(conserved) - len(carried), 0)
        children = self._children(ranked, probabilities, n_children, following.random())
        return replace(
            following,
            codes=state.space.confine(np.concatenate([conserved, children, carried])),
            arrays={"expected": state.space.confine(probabilities @ ranked)},
        )

    def _children(self, parents: Codes, probabilities: Scores, n: int, rng: np.random.Generator) -> Codes:
        chosen = choose_parents(probabilities, n, rng)
        crossed = cross(parents[chosen[:, 0]], parents[chosen[:, 1]], self.heritability, rng)
        return mutate(crossed, self.mutation_rate, self.mutation_size, rng)

    def _estimate(self, state: State) -> Codes:
        """The child to be expected: parents weighted by how probable they are, since crossing and mutation are unbiased."""
        expected = state.arrays.get("expected")
        return state.codes.mean(axis=0) if expected is None else np.asarray(expected, np.float32)


XDREAM_2019 = Genetic(
    population=40,
    n_conserve=10,
    mutation_rate=0.25,
    mutation_size=0.75,
    heritability=0.75,
    selectivity=0.5,
    clip_percentile=100,
)
"""The settings that later optimisers were compared with. Source: Wang & Ponce 2022, GECCO, arXiv 2204.06765."""
