"""One picture from one latent on the CPU: the exported graph in onnxruntime against the same network in torch.

Both are what leaves the workshop (bytes out), untrained, on one thread and with the threads the program uses.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from bci_app.inference.session import OnnxModel
from models.portable import PortableGenerator
from tests.benchmarks.results import Row, publish
from training.export import to_onnx
from training.gan.networks import build
from training.gan_recipe import GanRecipe
from training.settings import read_any_recipe

RECIPES = ("configs/train/dcgan64.yaml", "configs/train/bigbigan_pictures64.yaml")
N, TARGET = 200, 2.0


def milliseconds(steps: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median milliseconds of each, taken in turns."""
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(N + 20):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if turn >= 20:
                spent[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(each) for name, each in spent.items()}


def measure(path: str) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds with one thread in torch, and with all."""
    recipe = read_any_recipe(GanRecipe, path)
    network = PortableGenerator(build(recipe).generator.eval()).eval()
    latent = torch.randn(1, recipe.network.latent_dim)
    model = OnnxModel(to_onnx(network, latent.repeat(2, 1), "latent", "image"), "cpu")
    given = np.ascontiguousarray(latent.numpy())

    def eager() -> None:
        with torch.no_grad():
            network(latent)

    found = []
    for threads in (1, torch.get_num_threads()):
        torch.set_num_threads(threads)
        found.append(milliseconds({"torch": eager, "onnxruntime": lambda: model.run(given)}))
    return found[0], found[1]


def main() -> int:
    """Print both and their ratio, against the faster of torch's two."""
    rows, details = [], {}
    for path in RECIPES:
        one, many = measure(path)
        torch_ms = min(one["torch"], many["torch"])
        onnx_ms = statistics.median([one["onnxruntime"], many["onnxruntime"]])
        ratio = torch_ms / onnx_ms
        details[path] = {"one thread": one, "all threads": many}
        rows.append(Row(f"{path}: torch, 1 thread / all", f"{one['torch']:.2f} / {many['torch']:.2f} ms"))
        rows.append(Row(f"{path}: onnxruntime", f"{onnx_ms:.2f} ms, {ratio:.2f} x", f">= {TARGET} x", ratio >= TARGET))
    return 0 if publish("gan_inference", rows, details) else 1


if __name__ == "__main__":
    sys.exit(main())
