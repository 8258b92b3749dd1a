"""What tests of an export share: a small DCGAN, and its graph, which takes seconds to make."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from training.export import Draft, as_trained, draft_bundle
from training.gan.networks import build
from training.gan_recipe import GanRecipe
from training.settings import read_any_recipe

NORMED = ("weights.spectral_norm=[generator]", "machine.accelerator=cpu", "evaluation.classifier_steps=1")


@pytest.fixture(scope="session")
def dcgan_recipe() -> GanRecipe:
    """A tiny one in colour, with spectral norm."""
    return read_any_recipe(GanRecipe, "configs/train/tiny/dcgan32.yaml", NORMED)


@pytest.fixture(scope="session")
def dcgan_generator(dcgan_recipe: GanRecipe) -> nn.Module:
    """A generator whose batch statistics and singular values are no longer those of its beginning."""
    generator, rng = build(dcgan_recipe).generator, torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(60):
            generator(torch.randn(16, 8, generator=rng))
    return generator.eval()


@pytest.fixture(scope="session")
def dcgan_draft(dcgan_recipe: GanRecipe, dcgan_generator: nn.Module) -> Draft:
    """Its bundle."""
    before = copy.deepcopy(dcgan_generator.state_dict())
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    made = draft_bundle(as_trained(dcgan_generator, None, 8, pictures), dcgan_recipe, pictures, "abc", "made by a test")
    after = dcgan_generator.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)  # the network keeps its spectral norms
    return made
