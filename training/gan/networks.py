"""From a recipe to networks and optimisers."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Adam

from models.gan.bigbigan import BigEncoder, BigGenerator, ImageTrunk, JointDiscriminator
from models.gan.blocks import add_spectral_norm, initialise
from models.gan.dcgan import DcganDiscriminator, DcganGenerator
from models.layers import GlobalBatchNorm2d
from training.gan_recipe import BigBiganNetwork, DcganNetwork, GanRecipe, UpdateSettings, widths_of


@dataclass(frozen=True, slots=True)
class Networks:
    """The parts of a GAN; a DCGAN has no encoder."""

    generator: nn.Module
    discriminator: nn.Module
    encoder: nn.Module | None

    def parts(self) -> dict[str, nn.Module]:
        """The networks by the names a recipe gives them."""
        parts = {"generator": self.generator, "discriminator": self.discriminator, "encoder": self.encoder}
        return {name: network for name, network in parts.items() if network is not None}

    def made_by_generator(self) -> dict[str, nn.Module]:
        """What learns in the generator's step and is averaged."""
        return {name: network for name, network in self.parts().items() if name != "discriminator"}

    def copy(self) -> Networks:
        """Networks of their own with the same values."""
        return copy.deepcopy(self)


def build(recipe: GanRecipe) -> Networks:
    """Untrained networks, initialised from the recipe's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        networks = _dcgan(recipe.network, recipe) if isinstance(recipe.network, DcganNetwork) else _bigbigan(recipe)
        for name, network in networks.parts().items():
            initialise(network, recipe.weights.initialisation)
            if name in recipe.weights.spectral_norm:
                add_spectral_norm(network)
    return networks


def _dcgan(network: DcganNetwork, recipe: GanRecipe) -> Networks:
    size, channels = recipe.pictures.size, recipe.pictures.channels
    generator = DcganGenerator(network.latent_dim, size, channels, network.generator_width)
    discriminator = DcganDiscriminator(size, channels, network.discriminator_width, network.discriminator_batch_norm)
    return Networks(generator, discriminator, None)


def _bigbigan(recipe: GanRecipe) -> Networks:
    network, size, channels = recipe.network, recipe.pictures.size, recipe.pictures.channels
    assert isinstance(network, BigBiganNetwork)
    up, seen, judged = widths_of(network, size)
    generator = BigGenerator(
        network.latent_dim, size, channels, up, network.skip_z, network.self_attention, network.fold
    )  # fmt: skip
    eye = ImageTrunk(size, channels, seen, True, None, network.fold, network.encoder_pooling)
    judge = ImageTrunk(size, channels, judged, False, network.self_attention, network.fold, network.pooling)
    discriminator = JointDiscriminator(network.latent_dim, judge, network.dense_width, network.dense_blocks)
    return Networks(generator, discriminator, BigEncoder(network.latent_dim, eye))


def place(networks: Networks, fabric: Fabric) -> None:
    """Move the networks to the process's device; batch statistics become those of all processes together."""
    for network in networks.parts().values():
        if fabric.world_size > 1:
            GlobalBatchNorm2d.convert(network)
        network.to(device=fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def optimisers(networks: Networks, recipe: GanRecipe) -> dict[str, Adam]:
    """One Adam for the discriminator, one for generator and encoder, each part at its own rate (two time scales).

    With a lazy gradient penalty the discriminator is updated ``r1_every + 1`` times in ``r1_every`` turns; rate and
    betas are corrected for it (Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN", app. B).
    """
    updates, loss = recipe.updates, recipe.loss
    lazy = loss.r1_every / (loss.r1_every + 1) if loss.r1 else 1.0
    judge = Adam(
        networks.discriminator.parameters(),
        lr=updates.discriminator_rate * lazy,
        betas=(updates.beta1**lazy, updates.beta2**lazy),
        fused=True,
    )
    rates = {"generator": updates.generator_rate, "encoder": updates.encoder_rate}
    groups = [
        {"params": list(network.parameters()), "lr": rates[name]}
        for name, network in networks.made_by_generator().items()
    ]
    made = {"discriminator": judge, "generator": Adam(groups, betas=(updates.beta1, updates.beta2), fused=True)}
    for group in (group for optimiser in made.values() for group in optimiser.param_groups):
        group["initial_lr"] = group["lr"]
    return made


def anneal(optimisers: dict[str, Adam], step: int, updates: UpdateSettings) -> None:
    """Set the rates for step number `step`, counted from zero: constant, then falling linearly towards zero."""
    last = updates.anneal * updates.steps
    left = min((updates.steps - step) / last, 1.0) if last else 1.0
    for group in (group for optimiser in optimisers.values() for group in optimiser.param_groups):
        group["lr"] = group["initial_lr"] * left
