"""Moving average of generator and encoder, which is what is watched, kept and exported.

Source: Brock et al. 2019, section 3; the ramp is that of Karras et al. 2020, "Training generative adversarial networks
with limited data", section 3.
"""

from __future__ import annotations

import torch

from training.gan.networks import Networks
from training.gan_recipe import AverageSettings


def decay_at(step: int, settings: AverageSettings) -> float:
    """Share of the old average that remains after step number `step`, counted from one; 0 copies the live networks."""
    since = step - settings.start
    if settings.decay == 0.0 or since <= 0:
        return 0.0
    return min(settings.decay, 1.0 - 10.0 / (since + 10.0)) if settings.ramp else settings.decay


@torch.no_grad()
def update_averages(averaged: Networks, live: Networks, step: int, settings: AverageSettings) -> None:
    """Move the average towards the live networks, weights and statistics alike.

    Counters and the singular vectors of a spectral norm are copied: their average means nothing.
    """
    decay = decay_at(step, settings)
    sources = live.made_by_generator()
    for name, target in averaged.made_by_generator().items():
        pairs = zip(target.state_dict().items(), sources[name].state_dict().values(), strict=True)
        moved = [(mine, theirs) for (key, mine), theirs in pairs if _move(key, mine, theirs, decay)]
        if moved:
            torch._foreach_lerp_([mine for mine, _ in moved], [theirs for _, theirs in moved], 1.0 - decay)


def _move(key: str, mine: torch.Tensor, theirs: torch.Tensor, decay: float) -> bool:
    """Copy what is to be copied; true if it is to be averaged."""
    singular = ".parametrizations." in key and not key.endswith(".original")
    if decay > 0.0 and mine.is_floating_point() and not singular:
        return True
    mine.copy_(theirs)
    return False
