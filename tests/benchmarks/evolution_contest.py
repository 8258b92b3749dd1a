"""Who competes, and one evolution of one of them against a unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bci_app.evolution.genetic import Genetic
from bci_app.evolution.guided import Guided
from bci_app.evolution.optimiser import Optimiser, RandomSearch
from bci_app.evolution.scoring import MultiplicativeNoise
from bci_app.evolution.spherical import SphericalCMA
from bci_app.evolution.strategies import DiagonalCMA
from bci_app.inference.image_model import Unit
from tests.benchmarks.evolution_targets import World, rates

OURS = "default"
RIVALS = ("XDREAM 2020", "diagonal CMA", "spherical CMA")
CONTROL = "random search"


def default_optimiser(n_evaluations: int) -> Optimiser:
    """The program's own; its angle falls over the evaluations there are."""
    return Guided(n_generations=n_evaluations // Guided().population)


def spherical_optimiser(n_evaluations: int) -> Optimiser:
    """As published, norm 300 in 4,096 dimensions; its angle falls over the evaluations there are."""
    return SphericalCMA(radius=300 / 64, n_generations=n_evaluations // 40)


CONTESTANTS: dict[str, Callable[[int], Optimiser]] = {
    OURS: default_optimiser,
    "XDREAM 2020": lambda n_evaluations: Genetic(),
    "diagonal CMA": lambda n_evaluations: DiagonalCMA(sigma=2),
    "spherical CMA": spherical_optimiser,
    CONTROL: lambda n_evaluations: RandomSearch(population=40),
}
"""Each with its published population and settings, made for a number of evaluations. On units that are not in the table
diagonal CMA did no better from the prior's SD, nor spherical CMA at a radius of 1 or 2."""


class End(NamedTuple):
    """What an evolution reached, without noise: by the best picture of all shown, and by the one handed over at the end."""

    highest: float
    handed_over: float


def evolve(optimiser: Optimiser, world: World, unit: Unit, level: float, n_evaluations: int, seed: int) -> End:
    """Show exactly `n_evaluations` pictures; the optimiser sees responses with multiplicative noise of this `level`."""
    n_generations, rest = divmod(n_evaluations, optimiser.population)
    assert rest == 0, f"{n_evaluations} evaluations are no whole generations of {optimiser.population}"
    noise, rng = MultiplicativeNoise(level=level), np.random.default_rng([seed, 1])
    state, highest = optimiser.start(world.space, seed), -np.inf
    for _ in range(n_generations):
        clean = rates(unit, world.render(optimiser.ask(state)))
        highest = max(highest, float(clean.max()))
        state = optimiser.tell(state, noise.add(clean, rng))
    return End(highest, float(rates(unit, world.render(optimiser.estimate(state)[None]))[0]))
