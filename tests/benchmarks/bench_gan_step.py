"""A step of the DCGAN at 64 pixels: ours against a plain loop written to the published recipe, here.

The two take turns, step by step, in one process; each figure is the median over the steps. Both get batches of 64 pictures
that lie in memory, ours as bytes that it scales, the plain one as numbers that are ready.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from tests.benchmarks.results import Row, publish
from training.gan.loop import begin
from training.gan.step import train_step
from training.gan_recipe import GanRecipe
from training.processes import open_fabric

BATCH, N_STEPS = 64, 15
TARGET = {"cpu": 1.3, "cuda": 2.0}
Step = Callable[[], object]


def plain_generator() -> nn.Module:
    """The five layers of the published generator."""
    layers: list[nn.Module] = []
    for n_in, n_out, stride, padding in ((100, 512, 1, 0), (512, 256, 2, 1), (256, 128, 2, 1), (128, 64, 2, 1)):
        layers += [
            nn.ConvTranspose2d(n_in, n_out, 4, stride, padding, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(True),
        ]
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def plain_discriminator() -> nn.Module:
    """The five layers of the published discriminator."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for n_in, n_out in ((64, 128), (128, 256), (256, 512)):
        layers += [nn.Conv2d(n_in, n_out, 4, 2, 1, bias=False), nn.BatchNorm2d(n_out), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 0, bias=False), nn.Sigmoid())


def plain_step(images: np.ndarray, device: str) -> Step:
    """The published loop: real and fake as batches of their own, one Adam step each side, labels flipped."""
    generator, discriminator = plain_generator().to(device), plain_discriminator().to(device)
    loss = nn.BCELoss()
    rates = {"lr": 2e-4, "betas": (0.5, 0.999)}
    of_generator = torch.optim.Adam(generator.parameters(), **rates)
    of_discriminator = torch.optim.Adam(discriminator.parameters(), **rates)
    real = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1.0).contiguous().to(device)

    def step() -> None:
        discriminator.zero_grad()
        label = torch.ones(BATCH, device=device)
        loss(discriminator(real).view(-1), label).backward()
        fake = generator(torch.randn(BATCH, 100, 1, 1, device=device))
        loss(discriminator(fake.detach()).view(-1), torch.zeros_like(label)).backward()
        of_discriminator.step()
        generator.zero_grad()
        loss(discriminator(fake).view(-1), label).backward()
        of_generator.step()

    return step


def our_step(images: np.ndarray, precision: str, device: str) -> Step:
    """`train_step` of the recipe as published."""
    machine = {"precision": precision, "accelerator": device, "threads": torch.get_num_threads()}
    recipe = GanRecipe.model_validate({"machine": machine})
    fabric = open_fabric(recipe.machine)
    state = begin(recipe, fabric)
    return lambda: train_step(state, images, recipe, fabric)


def seconds(steps: dict[str, Step], device: str) -> dict[str, float]:
    """Median seconds of each, taken in turns."""
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(N_STEPS + 2):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if device == "cuda":
                torch.cuda.synchronize()
            if turn >= 2:
                spent[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in spent.items()}


def main() -> int:
    """Print images per second on one thread and two, and on a GPU where there is one."""
    images = np.random.default_rng(0).integers(0, 256, (BATCH, 64, 64, 3), dtype=np.uint8)
    rows, details = [], {}
    places = [("cpu", 1), ("cpu", 2)] + ([("cuda", 1)] if torch.cuda.is_available() else [])
    for device, threads in places:
        torch.set_num_threads(threads)
        steps = {"plain": plain_step(images, device)} | {
            precision: our_step(images, precision, device) for precision in ("float32", "bfloat16")
        }
        spent = seconds(steps, device)
        place = f"{device}, {threads} thread(s)"
        details[place] = {name: BATCH / each for name, each in spent.items()}
        rows.append(Row(f"{place}: plain loop", f"{BATCH / spent['plain']:.0f} images/s"))
        for precision in ("float32", "bfloat16"):
            ratio = spent["plain"] / spent[precision]
            counts = precision == "float32" or device == "cuda"
            rows.append(
                Row(
                    f"{place}: ours, {precision}",
                    f"{BATCH / spent[precision]:.0f} images/s, {ratio:.2f} x",
                    f">= {TARGET[device]} x" if counts else "",
                    ratio >= TARGET[device] if counts else None,
                )
            )
    return 0 if publish("gan_step", rows, details) else 1


if __name__ == "__main__":
    sys.exit(main())
