"""Ask and tell: what every optimiser does, and random search, the control beside all others."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bci_app.contract.checks import check_shape
from bci_app.contract.errors import SettingsError, SignalError
from bci_app.evolution.space import Codes, SearchSpace
from bci_app.evolution.state import Best, State

Scores = NDArray[np.float64]


class Optimiser(BaseModel):
    """Settings of an optimiser; it holds no state.

    ``state = optimiser.start(space, seed)``, then as often as wanted: score ``optimiser.ask(state)``, and
    ``state = optimiser.tell(state, scores)``. Equal states and scores give equal states.

    Attributes
    ----------
    population : int
        Codes per generation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str
    population: int = Field(default=20, ge=2, le=1000)

    def start(self, space: SearchSpace, seed: int, first: Codes | None = None) -> State:
        """The state before the first scores.

        Parameters
        ----------
        space : SearchSpace
            Where codes live.
        seed : int
            Of all random numbers.
        first : float32 array (n, dim), optional
            Codes to begin from, such as those of natural pictures; None for the prior.

        Raises
        ------
        SignalError, SettingsError
            If `first` are not codes of this space.
        """
        if first is not None:
            space.check(first, "The codes to begin with")
            if not len(first):
                raise SettingsError("An evolution begins with at least one code, or with the prior; none was given.")
        empty = State(self.model_dump(mode="json"), space, seed, 0, np.empty((0, space.dim), np.float32))
        return self._begin(empty, first)

    def ask(self, state: State) -> Codes:
        """Codes (n, dim) to be scored now; the same until they are told."""
        return state.codes

    def tell(self, state: State, scores: NDArray[np.floating]) -> State:
        """The state after the codes of `state` were given `scores` (n,), higher is better, NaN where none came.

        Raises
        ------
        SignalError
            If there is not one score per code, one is infinite, or none came.
        SettingsError
            If the state is that of another optimiser.
        """
        if dict(state.optimiser) != self.model_dump(mode="json"):
            raise SettingsError(
                f"The state must be one of this optimiser ({self.kind}, population {self.population}); it is of "
                f"{state.optimiser}. Resume with the settings the evolution was begun with."
            )
        told = check_scores(scores, len(state.codes))
        return replace(self._advance(state, told), best=better(state, told))

    def estimate(self, state: State) -> Codes:
        """The one code (dim,) believed to be best: not the luckiest single response, but what all scores so far point to."""
        return self._estimate(state)

    @abstractmethod
    def _begin(self, empty: State, first: Codes | None) -> State:
        """`empty` with the codes of generation 0."""

    @abstractmethod
    def _advance(self, state: State, scores: Scores) -> State:
        """The next generation; at least one score is a number, others may be NaN."""

    @abstractmethod
    def _estimate(self, state: State) -> Codes:
        """See `estimate`; may be asked before the first scores."""


def check_scores(scores: NDArray[np.floating], n: int) -> Scores:
    """The scores as float64 (n,); SignalError unless they are `n` numbers or NaN, at least one a number."""
    told = np.asarray(scores, np.float64)
    check_shape(told, (n,), "The scores of a generation")
    if np.isinf(told).any():
        raise SignalError("The scores of a generation must be finite, or NaN where none came; one is infinite.")
    if np.isnan(told).all():
        raise SignalError(
            f"At least one of the {n} pictures of a generation needs a score; none has one. Check that trials are cut and "
            "not all rejected, then show the generation again."
        )
    return told


def better(state: State, scores: Scores) -> Best | None:
    """The best response so far, those of this generation included."""
    index = int(np.nanargmax(scores))
    if state.best is not None and state.best.score >= scores[index]:
        return state.best
    return Best(state.codes[index].copy(), float(scores[index]), state.generation, index)


class RandomSearch(Optimiser):
    """Codes of the prior, whatever the scores: the control that every optimiser has to beat."""

    kind: Literal["random"] = "random"

    def _begin(self, empty: State, first: Codes | None) -> State:
        return self._drawn(empty)

    def _advance(self, state: State, scores: Scores) -> State:
        return self._drawn(replace(state, generation=state.generation + 1))

    def _drawn(self, state: State) -> State:
        return replace(state, codes=state.space.sample(state.random(), self.population))

    def _estimate(self, state: State) -> Codes:
        return state.codes[0] if state.best is None else state.best.code
