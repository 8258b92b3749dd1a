"""One evolution from start to end, and its controls: the same number of pictures drawn at random, and shuffled scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bci_app.evolution.optimiser import Optimiser, RandomSearch
from bci_app.evolution.scoring import Noise, present
from training.evaluate.batches import Images
from training.evolving.drawing import Drawing

Doubles = NDArray[np.float64]
Arm = Literal["evolved", "random", "sham"]
ARMS: tuple[Arm, ...] = ("evolved", "random", "sham")
ARM_WORDS = {
    "evolved": "evolved",
    "random": "random search, as many pictures",
    "sham": "the optimiser, scores shuffled within each generation",
}


@dataclass(frozen=True, slots=True, eq=False)
class Evolved:
    """What one evolution came to; responses are those without noise.

    Attributes
    ----------
    picture : uint8 array (side, side, 3)
        Drawn from the code that the optimiser believes to be best.
    code : float32 array (dim,)
    response : float
        To that picture.
    mean, top : float64 array (n_generations,)
        Mean and highest response of each generation.
    """

    picture: Images
    code: NDArray[np.float32]
    response: float
    mean: Doubles
    top: Doubles


@dataclass(frozen=True, slots=True)
class Course:
    """How every evolution of a run goes: see `training.evolve_recipe.EvolveRecipe`."""

    optimiser: Optimiser
    generations: int
    noise: Noise
    repeats: int

    def run(self, unit: Callable[[Images], Doubles], drawing: Drawing, seed: int, arm: Arm) -> Evolved:
        """Evolve for a unit, pictures (n, side, side, 3) -> responses (n,).

        The evolution of a seed and its sham begin with the same codes. In the sham arm scores are dealt to the
        pictures of their generation at random: what is left is what the optimiser does by itself.
        """
        optimiser = RandomSearch(population=self.optimiser.population) if arm == "random" else self.optimiser
        state, means, tops = optimiser.start(drawing.space, seed), [], []
        for generation in range(self.generations):
            clean = unit(drawing.draw(optimiser.ask(state)))
            means.append(clean.mean())
            tops.append(clean.max())
            rng = np.random.default_rng([seed, generation, 5])
            scores = present(clean, self.noise, self.repeats, rng).scores
            state = optimiser.tell(state, rng.permutation(scores) if arm == "sham" else scores)
        code = optimiser.estimate(state)
        picture = drawing.draw(code[np.newaxis])
        return Evolved(picture[0], code, float(unit(picture)[0]), np.array(means), np.array(tops))
