"""Times the steps of one recipe on random pictures, in as many processes as the recipe wants; prints one line of JSON."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time

import numpy as np
import torch

from training.gan.loop import begin
from training.gan.step import train_step
from training.gan_recipe import GanRecipe
from training.processes import leave_the_others, only_the_first_speaks, open_fabric

N_STEPS, WARM = 6, 2


def main(content: str) -> None:
    """Take the steps of the recipe in `content` (JSON)."""
    recipe = GanRecipe.model_validate_json(content)
    torch.set_num_threads(recipe.machine.threads)
    fabric = open_fabric(recipe.machine)
    fabric.launch()
    only_the_first_speaks(fabric)
    state = begin(recipe, fabric)
    side = recipe.pictures.size
    images = np.random.default_rng(0).integers(0, 256, (256, side, side, 3), dtype=np.uint8)
    spent = []
    for _ in range(WARM + N_STEPS):
        began = time.perf_counter()
        train_step(state, images, recipe, fabric)
        spent.append(time.perf_counter() - began)
    leave_the_others()
    if fabric.is_global_zero:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({"seconds": statistics.median(spent[WARM:]), "peak_gib": peak}))


if __name__ == "__main__":
    main(sys.argv[1])
