"""Moving average of generator and encoder, which is what is watched, kept and exported.

Source: Brock et al. 2019, section 3; the ramp is that of Karras et al. 2020, "Training generative adversarial networks
with limited data", section 3.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.data.images import Images, to_tensor
from training.gan.networks import Networks
from training.gan_recipe import AverageSettings, GanRecipe

STANDING_BATCH = 256


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


def with_standing_statistics(networks: Networks, images: Images, recipe: GanRecipe, device: torch.device) -> Networks:
    """A copy whose batch statistics are measured afresh, on what the networks will be asked for.

    The encoder's on training pictures; the generator's on N(0, I) and, where it learns to draw pictures from their codes,
    on as many codes of training pictures. Running statistics follow weights that have moved on, and those of an encoder
    that has seen made pictures as well as real ones are those of the mixture.

    Parameters
    ----------
    networks : Networks
        Left as they are.
    images : uint8 array (n, h, w, channels)
        Training pictures.
    recipe : GanRecipe
        ``average.standing`` is the number of batches; 0 gives the networks back.
    device : torch.device
        Where the networks lie.

    Source: Brock et al. 2019, appendix C ("standing statistics").
    """
    n = recipe.average.standing
    if not n:
        return networks
    copy = networks.copy()
    noise = torch.Generator().manual_seed(recipe.seed)
    inputs = [torch.randn(STANDING_BATCH, recipe.network.latent_dim, generator=noise) for _ in range(n)]
    if copy.encoder is not None:
        starts = range(0, min(n * STANDING_BATCH, len(images)), STANDING_BATCH)
        pictures = [images[start : start + STANDING_BATCH] for start in starts]
        _measure(copy.encoder, (to_tensor(each) for each in pictures if len(each) > 1), device)
        if recipe.loss.cycle_image:  # else the generator has never drawn from codes
            inputs += [_codes(copy.encoder, each, noise, device) for each in pictures if len(each) > 1]
    _measure(copy.generator, inputs, device)
    return copy


@torch.no_grad()
def _codes(encoder: nn.Module, images: Images, noise: torch.Generator, device: torch.device) -> Tensor:
    mean, std = encoder(to_tensor(images).to(device))
    code: Tensor = mean + std * torch.randn(mean.shape, generator=noise).to(device)
    return code


@torch.no_grad()
def _measure(network: nn.Module, inputs: Iterable[Tensor], device: torch.device) -> None:
    """Set running statistics to the plain mean over `inputs`; every process by itself."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.__class__ = nn.BatchNorm2d  # one that waited for other processes would wait for ever
        norm.reset_running_stats()
        norm.momentum = None
    network.train()
    for each in inputs:
        network(each.to(device))
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
