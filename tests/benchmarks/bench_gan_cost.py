"""What training a BigBiGAN costs: images per second against batch size and resolution, and in one process or two.

The narrow networks of ``bigbigan_pictures64``, one thread per process. The report of a GAN shows the table if it is there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.benchmarks.results import Row, publish
from training.gan_recipe import GanRecipe
from training.settings import read_any_recipe

RECIPE = "configs/train/bigbigan_pictures64.yaml"
WIDTHS = {
    32: ([96, 64, 32], [16, 32, 64]),
    64: ([96, 64, 32, 16], [16, 32, 64, 96]),
    128: ([96, 64, 32, 16, 8], [8, 16, 32, 64, 96]),
}
"""Of generator and trunks; each doubling of the side adds one map at the wide end."""
CASES = [(32, 32, 1), (32, 64, 1), (64, 16, 1), (64, 32, 1), (64, 64, 1), (64, 64, 2), (128, 32, 1), (128, 32, 2)]
"""Side, batch size and processes."""


def recipe_of(size: int, batch_size: int, processes: int) -> GanRecipe:
    """The recipe at another size."""
    up, down = WIDTHS[size]
    n_chunks = len(up)
    overrides = [
        f"pictures.size={size}",
        f"network.generator_widths={up}",
        f"network.encoder_widths={down}",
        f"network.discriminator_widths={down}",
        f"network.latent_dim={40 - 40 % n_chunks}",
        f"updates.batch_size={batch_size}",
        f"machine.devices={processes}",
        "machine.accelerator=cpu",
    ]
    return read_any_recipe(GanRecipe, RECIPE, overrides)


def measure(size: int, batch_size: int, processes: int) -> dict[str, float]:
    """Seconds of a step and peak memory of the first process."""
    content = recipe_of(size, batch_size, processes).model_dump_json()
    words = [sys.executable, "-m", "tests.benchmarks.gan_cost_worker", content]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    line = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    found: dict[str, float] = json.loads(line)
    return found


def cost(size: int, batch_size: int, processes: int, found: dict[str, float]) -> dict[str, float]:
    """A row of the table in the report (`training.evaluate.gan_report.Cost`)."""
    images_per_s = batch_size / found["seconds"]
    row = {"batch_size": batch_size, "size": size, "processes": processes, "images_per_s": images_per_s}
    return row | {"seconds_per_1000": 1000 / images_per_s, "peak_gib": found["peak_gib"]}


def main() -> int:
    """Print the table and keep it."""
    rows, costs = [], []
    for size, batch_size, processes in CASES:
        found = measure(size, batch_size, processes)
        costs.append(cost(size, batch_size, processes, found))
        what = f"{size} pixels, batch of {batch_size}, {processes} process(es)"
        words = "{images_per_s:.0f} images/s, {seconds_per_1000:.1f} s per 1,000, {peak_gib:.1f} GiB"
        rows.append(Row(what, words.format(**costs[-1])))
    publish("gan_cost", rows, {"costs": costs})
    return 0


if __name__ == "__main__":
    sys.exit(main())
