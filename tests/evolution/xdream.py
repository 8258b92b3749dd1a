"""XDREAM's genetic algorithm as its description reads, in plain loops; what the one in the program is compared with.

Sort by score; temperature = SD of the scores / selectivity, at least 1e-8; scores above the 95th percentile count as that;
a parent's probability goes as exp((score - best) / temperature); two parents for each child, drawn with replacement; each
gene of the first with probability `heritability`; with probability `rate` a gene gets a normal number of SD `size` added;
codes without a score are kept as they are.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

Code = list[float]
Score = float | None


def percentile_95(values: Sequence[float]) -> float:
    """By linear interpolation between the two nearest."""
    ordered = sorted(values)
    place = 0.95 * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def draw(weights: Sequence[float], rng: random.Random) -> int:
    """An index, with probability as its weight."""
    left = rng.random() * sum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    return len(weights) - 1


def next_generation(
    codes: Sequence[Code],
    scores: Sequence[Score],
    rng: random.Random,
    rate: float = 0.5,
    size: float = 0.5,
    selectivity: float = 2.0,
    heritability: float = 0.5,
) -> list[Code]:
    """The codes of the next generation."""
    scored = sorted(
        ((score, code) for score, code in zip(scores, codes, strict=True) if score is not None),
        key=lambda pair: -pair[0],
    )
    missing = [code for score, code in zip(scores, codes, strict=True) if score is None]
    values = [score for score, _ in scored]
    mean = sum(values) / len(values)
    kt = max(math.sqrt(sum((value - mean) ** 2 for value in values) / len(values)) / selectivity, 1e-8)
    limit = percentile_95(values)
    clipped = [min(value, limit) for value in values]
    weights = [math.exp((value - clipped[0]) / kt) for value in clipped]
    children = []
    for _ in range(len(codes) - len(missing)):
        first, second = scored[draw(weights, rng)][1], scored[draw(weights, rng)][1]
        child = []
        for mine, yours in zip(first, second, strict=True):
            gene = mine if rng.random() < heritability else yours
            child.append(gene + rng.gauss(0, size) if rng.random() < rate else gene)
        children.append(child)
    return children + missing


def evolve(
    score: Callable[[Sequence[Code]], Sequence[Score]], dim: int, n_generations: int, seed: int, population: int = 20
) -> list[float]:
    """Highest score of each generation."""
    rng = random.Random(seed)
    codes = [[rng.gauss(0, 1) for _ in range(dim)] for _ in range(population)]
    highest = []
    for _ in range(n_generations):
        scores = score(codes)
        highest.append(max(value for value in scores if value is not None))
        codes = next_generation(codes, scores, rng)
    return highest
