"""bfloat16 is for what passes through the networks; what is learnt and kept stays float32."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from training.data.images import Images
from training.gan.loop import begin
from training.gan.step import Facts, GanState, train_step
from training.gan_recipe import GanRecipe
from training.processes import open_fabric

RecipeOf = Callable[..., GanRecipe]
N_STEPS = 4
MORE = ("loss.r1=1", "loss.r1_every=2", "average.decay=0.5")
each_kind = pytest.mark.parametrize("kind", ["dcgan", "bigbigan"])


def _trained(recipe: GanRecipe, images: Images) -> tuple[GanState, GanState, list[Facts]]:
    """The state before and after some steps, and the facts of each."""
    fabric = open_fabric(recipe.machine)
    before, state = begin(recipe, fabric), begin(recipe, fabric)
    return before, state, [train_step(state, images, recipe, fabric) for _ in range(N_STEPS)]


def _moves(before: GanState, after: GanState) -> Tensor:
    """How far every weight has gone, side by side, but for biases."""
    pairs = zip(before.networks.parts().values(), after.networks.parts().values(), strict=True)
    both = [zip(old.named_parameters(), new.parameters(), strict=True) for old, new in pairs]
    return torch.cat([(new - old).detach().flatten() for each in both for (key, old), new in each if "bias" not in key])


@each_kind
def test_a_few_steps_go_the_same_way_as_in_float32(kind: str, recipe_of: RecipeOf, images: Images) -> None:
    runs = {
        precision: _trained(recipe_of(kind, *MORE, f"machine.precision={precision}"), images)
        for precision in ("float32", "bfloat16")
    }
    for name in ("discriminator", "generator", "r1"):
        wanted, found = (float(facts[0][name]) for _, _, facts in runs.values())
        assert found == pytest.approx(wanted, rel=0.05, abs=0.02), name
        assert found != wanted, "nothing was rounded to bfloat16"
    exact, mixed = (_moves(before, after) for before, after, _ in runs.values())
    assert float(torch.cosine_similarity(exact, mixed, dim=0)) > 0.95


@each_kind
def test_weights_averages_and_moments_stay_float32_and_finite(kind: str, recipe_of: RecipeOf, images: Images) -> None:
    _, state, facts = _trained(recipe_of(kind, *MORE, "machine.precision=bfloat16"), images)
    tensors = [
        value
        for networks in (state.networks, state.averaged)
        for network in networks.parts().values()
        for value in network.state_dict().values()
        if value.is_floating_point()
    ]
    tensors += [
        value for optimiser in state.optimisers.values() for kept in optimiser.state.values() for value in kept.values()
    ]
    assert {value.dtype for value in tensors} == {torch.float32}
    assert all(bool(torch.isfinite(value).all()) for value in tensors)
    assert all(bool(torch.isfinite(value)) for each in facts for value in each.values())


@each_kind
def test_the_gradient_penalty_is_taken_in_float32(kind: str, recipe_of: RecipeOf, images: Images) -> None:
    recipe = recipe_of(kind, *MORE, "machine.precision=bfloat16")
    fabric = open_fabric(recipe.machine)
    state, seen = begin(recipe, fabric), []

    def note(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        seen.append(output.dtype)

    first = next(module for module in state.networks.discriminator.modules() if isinstance(module, nn.Conv2d))
    first.register_forward_hook(note)
    for _ in range(2):
        train_step(state, images, recipe, fabric)
    assert seen.count(torch.float32) == 1, "once in two steps"
    assert set(seen) == {torch.float32, torch.bfloat16}
