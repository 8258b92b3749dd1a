"""What an evolution came to so far: one result per scored generation, curves with intervals, the best picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.identification import bootstrap_interval
from bci_app.engine.evolution_views import ActivationCurves, MeanCurve, Member, Numbers

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class GenerationResult:
    """A scored generation; responses are real ones, whether or not the evolution is a sham.

    Attributes
    ----------
    generation : int
    evolved, prior : float64 array (n,)
        Mean response to each picture, NaN where none came.
    natural : mapping of str to float
        The same by picture id, since these pictures come again.
    champion : Member
        The evolved picture with the highest response.
    average : uint8 array (h, w, 3)
        Mean of the population.
    """

    generation: int
    evolved: Numbers
    natural: Mapping[str, float]
    prior: Numbers
    champion: Member
    average: Image


class History:
    """Results in the order they came; `add` belongs to one thread, what it leaves is frozen and may be read from any.

    Attributes
    ----------
    results : tuple of GenerationResult
    curves : ActivationCurves
    best : Member or None
        The champion with the highest response of all.
    """

    def __init__(self, results: Iterable[GenerationResult] = ()) -> None:
        self.results: tuple[GenerationResult, ...] = ()
        self._points: dict[str, list[tuple[float, float, float]]] = {"evolved": [], "natural": [], "prior": []}
        self._best: list[float] = []
        self.best: Member | None = None
        self.curves = self._curves()
        for result in results:
            self.add(result)

    def add(self, result: GenerationResult) -> None:
        """One generation more."""
        responses = {
            "evolved": result.evolved,
            "natural": np.array(list(result.natural.values()), np.float64),
            "prior": result.prior,
        }
        for name, values in responses.items():
            self._points[name].append(mean_interval(values, seed=result.generation))
        if self.best is None or result.champion.score > self.best.score:
            self.best = result.champion
        self._best.append(self.best.score)
        self.results = (*self.results, result)
        self.curves = self._curves()

    def _curves(self) -> ActivationCurves:
        points = {name: np.array(each, np.float64).reshape(-1, 3) for name, each in self._points.items()}
        means = {name: MeanCurve(each[:, 0], each[:, 1], each[:, 2]) for name, each in points.items()}
        return ActivationCurves(
            np.array([result.generation for result in self.results], np.intp),
            means["evolved"],
            means["natural"],
            means["prior"],
            np.array(self._best, np.float64),
        )


def mean_interval(responses: Numbers, seed: int = 0) -> tuple[float, float, float]:
    """Mean of the `responses` (n,) that came, with its 95 % bootstrap interval over pictures.

    All NaN without any; without an interval if there is but one.
    """
    came = responses[~np.isnan(responses)]
    if came.size == 0:
        return (np.nan,) * 3
    return bootstrap_interval(came, seed) if came.size > 1 else (float(came[0]), np.nan, np.nan)
