"""From a recipe to networks and optimisers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch.nn.utils import parametrize

from training.gan.loop import begin
from training.gan.networks import build, optimisers
from training.gan_recipe import GanRecipe

RecipeOf = Callable[..., GanRecipe]


@pytest.mark.parametrize("kind", ["dcgan", "bigbigan"])
def test_networks_depend_on_the_recipes_seed_alone(kind: str, recipe_of: RecipeOf) -> None:
    torch.manual_seed(5)
    first = build(recipe_of(kind))
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn), "the global generator is left as it was"
    again, other = build(recipe_of(kind)), build(recipe_of(kind, "seed=1"))
    for name, network in first.parts().items():
        same, different = (each.parts()[name].state_dict() for each in (again, other))
        assert all(torch.equal(value, same[key]) for key, value in network.state_dict().items())
        assert not all(torch.equal(value, different[key]) for key, value in network.state_dict().items())


def test_spectral_norm_goes_to_the_parts_that_are_named(recipe_of: RecipeOf) -> None:
    for named in ((), ("discriminator",), ("generator", "encoder")):
        networks = build(recipe_of("bigbigan", f"weights.spectral_norm=[{', '.join(named)}]"))
        has = {
            name for name, network in networks.parts().items()
            if any(parametrize.is_parametrized(module) for module in network.modules())
        }  # fmt: skip
        assert has == set(named)


@pytest.mark.parametrize("r1_every", [1, 4, 16])
def test_lazy_penalties_leave_rate_and_decay_over_a_round_as_they_are(r1_every: int, recipe_of: RecipeOf) -> None:
    more = ["updates.discriminator_rate=1e-3", "updates.beta1=0.5", "updates.beta2=0.99"]
    lazy, usual = (
        optimisers(build(recipe), recipe)
        for recipe in (recipe_of("dcgan", *more, "loss.r1=1", f"loss.r1_every={r1_every}"), recipe_of("dcgan", *more))
    )
    (group,), (plain,) = (each["discriminator"].param_groups for each in (lazy, usual))
    assert plain["betas"] == (0.5, 0.99)
    # r1_every + 1 updates go as far, and forget as much, as r1_every did
    assert group["lr"] * (r1_every + 1) == pytest.approx(plain["lr"] * r1_every)
    np.testing.assert_allclose(np.array(group["betas"]) ** (r1_every + 1), np.array(plain["betas"]) ** r1_every)
    assert lazy["generator"].param_groups[0]["betas"] == (0.5, 0.99)


def test_all_weights_are_learnt_by_one_optimiser(recipe_of: RecipeOf) -> None:
    recipe = recipe_of("bigbigan")
    networks = build(recipe)
    learnt = [
        id(weight)
        for optimiser in optimisers(networks, recipe).values()
        for group in optimiser.param_groups
        for weight in group["params"]
    ]
    every = [id(weight) for network in networks.parts().values() for weight in network.parameters()]
    assert sorted(learnt) == sorted(every)


def test_the_averages_begin_as_networks_of_their_own_with_the_same_values(recipe_of: RecipeOf, fabric: Fabric) -> None:
    state = begin(recipe_of("bigbigan"), fabric)
    for name, network in state.networks.parts().items():
        for key, value in state.averaged.parts()[name].state_dict().items():
            live = network.state_dict()[key]
            assert torch.equal(value, live)
            assert value.data_ptr() != live.data_ptr()
        assert not any(weight.requires_grad for weight in state.averaged.parts()[name].parameters())
