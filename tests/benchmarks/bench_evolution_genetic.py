"""The genetic algorithm of XDREAM against the published one run from its description, plain loops: the same seeds.

Both maximise a quadratic function and a linear one, without noise and with scores missing. They draw other random numbers, so
what must agree is the distribution of the final scores: the interval of the difference of means holds 0, and a test of
the whole distributions (Kolmogorov-Smirnov) finds none. Beside them stand the same with selection four times weaker, which
has to be told apart, and random search.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from rich.progress import track
from scipy import stats

from bci_app.evolution.genetic import Genetic
from bci_app.evolution.optimiser import Optimiser, RandomSearch
from bci_app.evolution.space import SearchSpace
from tests.benchmarks.results import Row, publish
from tests.evolution import xdream

DIM, N_GENERATIONS, SEEDS, LEVEL = 24, 40, range(300), 0.01
Function = Callable[[np.ndarray], np.ndarray]
Values = np.ndarray


def quadratic(codes: np.ndarray) -> np.ndarray:
    """Highest, 0, where every gene is 2."""
    return np.asarray(-((codes - 2) ** 2).mean(axis=1))


def linear(codes: np.ndarray) -> np.ndarray:
    """The mean of the genes: no end."""
    return np.asarray(codes.mean(axis=1))


PROBLEMS: dict[str, tuple[Function, float]] = {
    "quadratic": (quadratic, 0.0),
    "quadratic, 1 in 10 missing": (quadratic, 0.1),
    "linear": (linear, 0.0),
}
COMPARED: dict[str, tuple[Optimiser, bool | None]] = {
    "ours": (Genetic(), True),
    "ours, selecting less": (Genetic(selectivity=0.5), False),
    "random search": (RandomSearch(), None),
}


def final(optimiser: Optimiser, function: Function, share: float, seed: int) -> float:
    """Highest score of the last generation."""
    rng = np.random.default_rng([seed, 2])
    state, highest = optimiser.start(SearchSpace(DIM), seed), np.nan
    for _ in range(N_GENERATIONS):
        scores = np.where(rng.random(optimiser.population) < share, np.nan, function(state.codes))
        highest, state = float(np.nanmax(scores)), optimiser.tell(state, scores)
    return highest


def final_as_described(function: Function, share: float, seed: int) -> float:
    """The same of the description."""
    rng = np.random.default_rng([seed, 2])

    def score(codes: list[list[float]]) -> list[float | None]:
        came = rng.random(len(codes)) >= share
        return [value if there else None for value, there in zip(function(np.array(codes)).tolist(), came, strict=True)]

    return xdream.evolve(score, DIM, N_GENERATIONS, seed)[-1]


def compare(what: str, ours: Values, described: Values, alike: bool | None) -> Row:
    """The difference with its interval, in a row; `alike` says whether there should be none."""
    low, high = stats.ttest_ind(ours, described, equal_var=False).confidence_interval(1 - LEVEL)
    p = stats.ks_2samp(ours, described).pvalue
    same = bool(low <= 0 <= high and p >= LEVEL)
    measured = f"{ours.mean():.4f} against {described.mean():.4f}: {low:+.4f} to {high:+.4f}, KS p {p:.2g}"
    target = {True: "no difference", False: "a difference", None: ""}[alike]
    return Row(what, measured, target, None if alike is None else same == alike)


def main() -> int:
    """Measure and publish; 1 if ours is another algorithm."""
    rows = []
    for problem, (function, share) in PROBLEMS.items():
        described = np.array(
            [final_as_described(function, share, seed) for seed in track(SEEDS, f"described, {problem}")]
        )
        for words, (optimiser, alike) in COMPARED.items():
            ours = np.array([final(optimiser, function, share, seed) for seed in track(SEEDS, f"{words}, {problem}")])
            rows.append(compare(f"{words} against described, {problem}", ours, described, alike))
    return int(not publish("evolution_genetic", rows, {"seeds": len(SEEDS), "interval": 1 - LEVEL}))


if __name__ == "__main__":
    sys.exit(main())
