"""What a step is fed: pictures, latents and every other random number, as a function of seed and step alone.

All processes draw the numbers of the whole batch and take their rows. One process, two processes and a batch cut into
parts therefore see the same, and a resumed run goes on with what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from training.augment import N_DRAWS
from training.data.images import Images, batch_indices, mirrored, to_tensor
from training.gan_recipe import GanRecipe

Stream = Literal["latent", "posterior", "augmentation"]
_STREAMS: tuple[Stream, ...] = ("latent", "posterior", "augmentation")


@dataclass(frozen=True, slots=True)
class Batch:
    """One part of one update's batch, on the device.

    Attributes
    ----------
    image : Tensor (b, channels, h, w)
        Pictures in -1 to 1.
    latent : Tensor (b, latent_dim)
        Draws of N(0, I) for the generator.
    noise : Tensor (b, latent_dim)
        Draws of N(0, I) for the stochastic encoder.
    draws : Tensor (2, b, N_DRAWS)
        Uniform numbers for the augmentation, of the real and of the made pictures.
    """

    image: Tensor
    latent: Tensor
    noise: Tensor
    draws: Tensor


def batches(images: Images, number: int, recipe: GanRecipe, fabric: Fabric) -> Iterator[Batch]:
    """The parts that this process has of update `number`'s batch, counted over all updates of the run."""
    size, dim, n_parts = recipe.updates.batch_size, recipe.network.latent_dim, recipe.updates.accumulation
    chosen = batch_indices(len(images), size, number, recipe.seed)
    if len(chosen) < size:
        chosen = np.resize(chosen, size)
    latent, noise = (draw(recipe.seed, number, stream, (size, dim)) for stream in ("latent", "posterior"))
    draws = torch.rand((2, size, N_DRAWS), generator=random_generator(recipe.seed, number, "augmentation"))
    flipped = np.random.default_rng((recipe.seed, number)).random(size) < 0.5
    b = size // (n_parts * fabric.world_size)
    for part in range(n_parts):
        # a part is of the same pictures on any number of processes
        start = (part * fabric.world_size + fabric.global_rank) * b
        rows = slice(start, start + b)
        pictures = images[chosen[rows]]
        if recipe.pictures.flip:
            pictures = mirrored(pictures, flipped[rows])
        image = to_tensor(pictures).to(fabric.device, memory_format=torch.channels_last)
        yield Batch(image, *(each.to(fabric.device) for each in (latent[rows], noise[rows], draws[:, rows])))


def draw(seed: int, number: int, stream: Stream, shape: tuple[int, ...]) -> Tensor:
    """Normal numbers of one stream and update."""
    return torch.randn(shape, generator=random_generator(seed, number, stream))


def random_generator(seed: int, number: int, stream: Stream) -> torch.Generator:
    """A generator on the CPU, so that every device gets the same numbers."""
    state = np.random.SeedSequence((seed, number, _STREAMS.index(stream))).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
