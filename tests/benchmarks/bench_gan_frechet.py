"""Fréchet distance after the same minutes of training: our recipe for digits against DCGAN as published.

Both run through the same loop, one thread, the same pictures, one after the other for each seed. 10,000 samples of
each are compared with the 10,000 test pictures in the features of a classifier that is trained first.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import torch

from tests.benchmarks.results import Row, publish
from training.data.images import ImageSplit, read_split, to_images
from training.evaluate.distances import frechet_distance
from training.evaluate.feature_space import FeatureSpace, classifier_space
from training.gan.averaging import with_standing_statistics
from training.gan.loop import begin, fit
from training.gan_recipe import GanRecipe
from training.processes import open_fabric
from training.run_folder import new_run
from training.settings import ClassifierRecipe, read_any_recipe
from training.train_classifier import train as train_classifier

MINUTES, SEEDS, N_SAMPLES, TARGET = 4.0, (0, 1, 2), 10_000, 0.6
RECIPES = {"plain": "configs/train/dcgan_mnist32.yaml", "ours": "configs/train/gan_mnist32_quick.yaml"}
ENDLESS = ("updates.steps=10000000", "watch.watch_every=10000000", "watch.save_every=10000000")
"""The clock ends both, and nothing is drawn or saved on the way."""


def feature_space(folder: Path) -> FeatureSpace:
    """Features of a classifier trained now on the training pictures."""
    recipe = read_any_recipe(ClassifierRecipe, "configs/train/classifier_mnist.yaml")
    run = new_run(folder, recipe, datetime.now(), "tests.benchmarks.bench_gan_frechet")
    train_classifier(recipe, run)
    return classifier_space(run.path)


def distance_after(recipe: GanRecipe, split: ImageSplit, space: FeatureSpace, folder: Path) -> tuple[float, int]:
    """Distance of the averaged generator's samples from the test pictures, and the pictures it had seen."""
    torch.set_num_threads(1)
    fabric = open_fabric(recipe.machine)
    state = begin(recipe, fabric)
    run = new_run(folder, recipe, datetime.now(), "tests.benchmarks.bench_gan_frechet")
    began = time.monotonic()
    fit(state, split, recipe, fabric, run, until=lambda: time.monotonic() - began > 60 * MINUTES)
    networks = with_standing_statistics(state.averaged, split.train.images, recipe, fabric.device)
    generator = networks.generator.eval()
    latent = torch.randn(N_SAMPLES, recipe.network.latent_dim, generator=torch.Generator().manual_seed(recipe.seed))
    with torch.no_grad():
        features = [space.features(to_images(generator(part))) for part in torch.split(latent, 250)]
    made = torch.cat([torch.from_numpy(each) for each in features]).numpy()
    real = space.features(split.test.images[:N_SAMPLES])
    return frechet_distance(made, real), state.step * recipe.updates.batch_size


def main() -> int:
    """Print both distances, their ratio and the floor."""
    with tempfile.TemporaryDirectory() as workplace:
        folder = Path(workplace)
        space = feature_space(folder)
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in RECIPES}
        for seed in SEEDS:
            for name, path in RECIPES.items():
                overrides = (*ENDLESS, f"seed={seed}", f"name={name}-{seed}", "machine.accelerator=cpu")
                recipe = read_any_recipe(GanRecipe, path, overrides)
                split = read_split(recipe.pictures, 0)
                found[name].append(distance_after(recipe, split, space, folder))
        test, train = (space.features(side.images[:N_SAMPLES]) for side in (split.test, split.train))
        floor = frechet_distance(train, test)
    distances = {name: [distance for distance, _ in runs] for name, runs in found.items()}
    ratio = statistics.median(distances["ours"]) / statistics.median(distances["plain"])
    worst = max(distances["ours"]) / min(distances["plain"])
    rows = [
        Row(
            f"{space.distance_name}, {RECIPES[name]}",
            ", ".join(f"{distance:.2f}" for distance in distances[name]),
            "",
        )
        for name in RECIPES
    ]
    rows += [
        Row("real against real (training against test pictures)", f"{floor:.2f}"),
        Row(f"ours / plain, medians of {len(SEEDS)} seeds", f"{ratio:.3f}", f"<= {TARGET}", ratio <= TARGET),
        Row("worst of ours / best of plain", f"{worst:.3f}"),
    ]
    seen = {name: [pictures for _, pictures in runs] for name, runs in found.items()}
    details = {"minutes": MINUTES, "samples": N_SAMPLES, "seeds": SEEDS, "distances": distances, "pictures_seen": seen}
    return 0 if publish("gan_frechet", rows, details) else 1


if __name__ == "__main__":
    sys.exit(main())
