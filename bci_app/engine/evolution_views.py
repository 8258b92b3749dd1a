"""What a window and a report may read of a running evolution: frozen snapshots, no live state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A picture of the generation on show: its id, `image` uint8 (h, w, 3), its mean response so far (NaN before the first),
    over how many presentations, and what it is."""

    id: str
    image: Image
    score: float
    n_responses: int
    kind: Literal["evolved", "natural", "prior"]


@dataclass(frozen=True, slots=True, eq=False)
class MeanCurve:
    """Mean response per generation and its 95 % bootstrap interval over pictures; arrays (n_generations,), NaN without one."""

    mean: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class ActivationCurves:
    """Responses per generation, real ones, whether or not the evolution is a sham.

    Attributes
    ----------
    generations : int array (n_generations,)
    evolved, natural, prior : MeanCurve
        The population; the reference pictures; pictures of the generator's prior, which nobody selected.
    best : float64 array (n_generations,)
        Highest response to an evolved picture so far.
    """

    generations: NDArray[np.intp]
    evolved: MeanCurve
    natural: MeanCurve
    prior: MeanCurve
    best: Numbers


@dataclass(frozen=True, slots=True)
class OnsetRow:
    """How well pictures came on time: `n` shown, `late` of them one or more frames after they were due, `worst_frames`, `p50_ms`
    and `p99_ms` of the delay, and how many were `never` painted, which are shown again."""

    n: int
    late: int
    worst_frames: int
    p50_ms: float
    p99_ms: float
    never: int
    refresh_hz: float


@dataclass(frozen=True, slots=True, eq=False)
class EvolutionSnapshot:
    """The evolution as it stands.

    Attributes
    ----------
    generation, n_generations : int
        The one on show, from 0, and how many there are to be.
    response, unit : str
        What is driven, in words (``"Pz, 300 to 600 ms"``), and its unit.
    members : tuple of Member
        Pictures of the generation on show.
    best : Member or None
        The evolved picture with the highest single score so far.
    estimate : uint8 array (h, w, 3) or None
        The picture the optimiser believes in.
    averages : tuple of uint8 array (h, w, 3)
        Mean of the pictures of each scored generation.
    curves : ActivationCurves
    onsets : OnsetRow
    counts : dict
        Presentations ``shown``, ``answered``, ``rejected`` (artefacts), ``missing``, ``shown_again``.
    progress : str
        Where the evolution stands, in plain words.
    sham : str
        ``"off"``, ``"on"`` or ``"blind"``.
    """

    generation: int
    n_generations: int
    response: str
    unit: str
    members: tuple[Member, ...]
    best: Member | None
    estimate: Image | None
    averages: tuple[Image, ...]
    curves: ActivationCurves
    onsets: OnsetRow
    counts: dict[str, int]
    progress: str
    sham: str


def response_text(value: float | None, digits: int = 3) -> str:
    """A response in so many significant digits, with a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}").replace("-", "−")
