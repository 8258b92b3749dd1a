"""Evolution strategies with covariance adaptation, those of the library `cmaes`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bci_app.contract.errors import SettingsError
from bci_app.evolution.optimiser import Optimiser, Scores
from bci_app.evolution.ranking import fill_missing
from bci_app.evolution.space import Codes
from bci_app.evolution.state import State

_NOT_KEPT = frozenset({"_funhist_values"})
"""The library's rule of when to stop, which nobody asks; it begins as memory that was never written."""


class _CovarianceStrategy(Optimiser):
    """What both have in common: the library's object is made of the state, moved on, and put into the next state.

    A missing score counts as the median of those that came. Codes are told as they were shown: single precision, and
    inside the truncation.
    """

    population: int = Field(default=40, ge=2, le=1000)
    sigma: float = Field(default=1.0, gt=0)

    _largest_dim: ClassVar[int]

    def _begin(self, empty: State, first: Codes | None) -> State:
        dim = empty.space.dim
        if not 2 <= dim <= self._largest_dim:
            raise SettingsError(
                f"Optimiser '{self.kind}' is for codes of 2 to {self._largest_dim} numbers; this space has {dim}. "
                "Choose another, such as 'diagonal-cma' for longer codes."
            )
        mean = np.zeros(dim) if first is None else first.mean(axis=0, dtype=np.float64)
        return self._asked(replace(empty, arrays={"_mean": mean}))

    def _advance(self, state: State, scores: Scores) -> State:
        strategy = self._open(state)
        costs = -fill_missing(scores)
        strategy.tell([(code.astype(np.float64), cost) for code, cost in zip(state.codes, costs, strict=True)])
        arrays, numbers = self._close(strategy, state.space.dim)
        return self._asked(replace(state, generation=state.generation + 1, arrays=arrays, numbers=numbers))

    def _asked(self, state: State) -> State:
        strategy = self._open(state)
        strategy.reseed_rng(int(state.random().integers(2**32)))
        return replace(state, codes=state.space.confine(np.stack([strategy.ask() for _ in range(self.population)])))

    def _estimate(self, state: State) -> Codes:
        """The mean of what is sampled."""
        return state.space.confine(self._open(state).mean)

    def _fresh(self, dim: int) -> Any:
        return self._library()(np.zeros(dim), self.sigma, population_size=self.population)

    @abstractmethod
    def _library(self) -> Any:
        """Its class, imported there: it brings scipy.stats along, which takes longer to import than all of the program."""

    def _open(self, state: State) -> Any:
        """The library's object at `state`; its arrays are copies, since it changes its mean in place."""
        strategy = self._fresh(state.space.dim)
        born = strategy.__getstate__()
        numbers = {name: type(born[name])(number) for name, number in state.numbers.items()}
        strategy.__setstate__(born | {name: array.copy() for name, array in state.arrays.items()} | numbers)
        return strategy

    def _close(self, strategy: Any, dim: int) -> tuple[Mapping[str, NDArray[np.generic]], Mapping[str, float]]:
        """All that the object holds and a fresh one does not, by the names that the library saves it under."""
        born, now = self._fresh(dim).__getstate__(), strategy.__getstate__()
        changed = [name for name in now if name not in _NOT_KEPT and not np.array_equal(now[name], born[name])]
        arrays = {name: now[name] for name in changed if isinstance(now[name], np.ndarray)}
        return arrays, {name: float(now[name]) for name in changed if name not in arrays}


class DiagonalCMA(_CovarianceStrategy):
    """CMA-ES with a diagonal covariance, for codes of any length.

    Attributes
    ----------
    sigma : float
        SD of the first generation round the mean of the prior, or of the codes to begin from; the prior's is 1.

    Notes
    -----
    Source: Ros & Hansen 2008, A simple modification in CMA-ES achieving linear time and space complexity, PPSN X.
    """

    kind: Literal["diagonal-cma"] = "diagonal-cma"
    _largest_dim = 65536

    def _library(self) -> Any:
        from cmaes import SepCMA

        return SepCMA


class FullCMA(_CovarianceStrategy):
    """CMA-ES with a full covariance, for short codes: time grows with the cube of their length.

    Attributes
    ----------
    sigma : float
        SD of the first generation round the mean of the prior, or of the codes to begin from; the prior's is 1.

    Notes
    -----
    Source: Hansen, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772.
    """

    kind: Literal["full-cma"] = "full-cma"
    _largest_dim = 1000

    def _library(self) -> Any:
        from cmaes import CMA

        return CMA
