"""What the tests of a GAN's training share: one process on the CPU, toy pictures, and recipes in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from training.data.images import Images, ImageSplit, Pictures
from training.gan.loop import begin
from training.gan.step import GanState
from training.gan_recipe import GanRecipe
from training.processes import open_fabric
from training.settings import read_any_recipe

TINY = Path("configs/train/tiny")
RecipeOf = Callable[..., GanRecipe]
Begin = Callable[[GanRecipe], GanState]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As a run has it; sums over more threads round differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def recipe_of() -> RecipeOf:
    """A tiny recipe, ``dcgan`` or ``bigbigan``, with overrides."""

    def read(kind: str, *overrides: str) -> GanRecipe:
        always = ["machine.accelerator=cpu", "watch.n=16"]
        return read_any_recipe(GanRecipe, TINY / f"{kind}32.yaml", [*always, *overrides])

    return read


@pytest.fixture(scope="session")
def fabric(recipe_of: RecipeOf) -> Fabric:
    """One process, float32."""
    return open_fabric(recipe_of("dcgan").machine)


@pytest.fixture
def start(fabric: Fabric) -> Begin:
    """The state that a recipe begins with."""
    return lambda recipe: begin(recipe, fabric)


@pytest.fixture(scope="session")
def images() -> Images:
    """Sixty pictures of one bright square each, which no two share."""
    rng = np.random.default_rng(0)
    images = np.full((60, 32, 32, 3), 40, np.uint8)
    for image, (row, column), colour in zip(
        images, rng.integers(0, 20, (60, 2)), rng.integers(100, 256, (60, 3)), strict=True
    ):
        image[row : row + 12, column : column + 12] = colour
    return images


@pytest.fixture(scope="session")
def split(images: Images) -> ImageSplit:
    """The same pictures: forty to learn from, twenty to watch with."""
    return ImageSplit(Pictures(images[:40]), Pictures(images[40:]), Pictures(images[:0]))
