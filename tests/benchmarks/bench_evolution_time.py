"""What an optimiser itself needs for 3,000 evaluations of a 4,096-dimensional code, against diagonal CMA of `cmaes` as it is.

Scores are one product of matrices a generation, the same for all. The order turns from turn to turn; the processor's time
counts, because that of the clock says little on a busy machine. The matrix of full CMA is not affordable at this length.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import cmaes
import numpy as np

from bci_app.evolution.space import Codes, SearchSpace
from tests.benchmarks.evolution_contest import CONTESTANTS, OURS
from tests.benchmarks.results import Row, publish

DIM, N_EVALUATIONS, TURNS = 4096, 3000, 5
LIBRARY = "diagonal CMA of cmaes, used directly"
DIRECTION = np.random.default_rng(0).standard_normal(DIM).astype(np.float32)


def generations_of(name: str, seed: int) -> Iterator[Codes]:
    """Codes of each generation, which are scored by whoever takes them out; time between two is the optimiser's."""
    optimiser = CONTESTANTS[name](N_EVALUATIONS)
    state = optimiser.start(SearchSpace(DIM), seed)
    for _ in range(N_EVALUATIONS // optimiser.population):
        codes = optimiser.ask(state)
        scores = codes @ DIRECTION
        yield codes
        state = optimiser.tell(state, scores)


def generations_of_library(seed: int) -> Iterator[Codes]:
    """The same of the library."""
    strategy = cmaes.SepCMA(np.zeros(DIM), 2.0, population_size=40, seed=seed)
    for _ in range(N_EVALUATIONS // 40):
        codes = [strategy.ask() for _ in range(40)]
        scores = np.stack(codes) @ DIRECTION
        yield codes
        strategy.tell([(code, -score) for code, score in zip(codes, scores, strict=True)])


def seconds(generations: Iterator[Codes]) -> float:
    """Processor seconds until all are through."""
    began = time.process_time()
    for _ in generations:
        pass
    return time.process_time() - began


def main() -> int:
    """Measure and publish; 1 if the default is slower than the library."""
    rivals: dict[str, Callable[[int], Iterator[Codes]]] = {LIBRARY: generations_of_library}
    rivals |= {name: lambda seed, name=name: generations_of(name, seed) for name in CONTESTANTS}
    spent: dict[str, list[float]] = {name: [] for name in rivals}
    for turn in range(TURNS + 1):
        for name in sorted(rivals, reverse=bool(turn % 2)):
            spent[name].append(seconds(rivals[name](turn)))
    medians = {name: statistics.median(turns[1:]) for name, turns in spent.items()}
    limit = medians[LIBRARY]
    rows = [
        Row(
            f"{name}: processor time",
            f"{median:.2f} s ({min(spent[name][1:]):.2f} to {max(spent[name][1:]):.2f})",
            f"<= {limit:.2f} s, the library's" if name == OURS else "",
            median <= limit if name == OURS else None,
        )
        for name, median in medians.items()
    ]
    rows.append(Row("load average", f"{os.getloadavg()[0]:.1f}"))
    return int(not publish("evolution_time", rows, {"seconds": spent}))


if __name__ == "__main__":
    sys.exit(main())
