"""The fall of the rates at the end of a run."""

from __future__ import annotations

import pytest

from training.gan.networks import anneal, build, optimisers
from training.gan_recipe import DcganNetwork, GanRecipe, UpdateSettings

NETWORK = DcganNetwork(latent_dim=2, generator_width=2, discriminator_width=2)


def _rates(step: int, share: float) -> list[float]:
    updates = UpdateSettings(steps=100, anneal=share, generator_rate=1e-3, discriminator_rate=4e-3)
    recipe = GanRecipe(network=NETWORK, updates=updates)
    made = optimisers(build(recipe), recipe)
    anneal(made, step, updates)
    return [made[name].param_groups[0]["lr"] for name in ("generator", "discriminator")]


def test_rates_stay_as_they_are_before_the_last_share_of_the_steps() -> None:
    for step in (0, 40, 79):
        assert _rates(step, 0.2) == [1e-3, 4e-3]


def test_rates_fall_in_a_straight_line_and_never_reach_zero_within_the_run() -> None:
    assert _rates(90, 0.2) == pytest.approx([0.5e-3, 2e-3])
    assert _rates(99, 0.2) == pytest.approx([0.05e-3, 0.2e-3])


def test_without_annealing_the_last_step_is_as_fast_as_the_first() -> None:
    assert _rates(99, 0.0) == _rates(0, 0.0) == [1e-3, 4e-3]
