"""Batch statistics measured afresh on the averaged networks."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from models.layers import GlobalBatchNorm2d
from training.data.images import to_tensor
from training.gan.averaging import STANDING_BATCH, with_standing_statistics
from training.gan.networks import Networks, build
from training.gan_recipe import AverageSettings, BigBiganNetwork, GanRecipe, LossSettings
from training.settings import PictureSettings

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
CPU = torch.device("cpu")


def _recipe(standing: int, cycle: float = 1.0) -> GanRecipe:
    network = BigBiganNetwork(latent_dim=8, width=2, dense_width=4, dense_blocks=0)
    return GanRecipe(
        pictures=PictureSettings(size=32),
        network=network,
        loss=LossSettings(adversarial="hinge", cycle_image=cycle),
        average=AverageSettings(standing=standing),
    )


def _first_norm(network: nn.Module) -> nn.BatchNorm2d:
    return next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))


def _settled(standing: int = 2) -> tuple[Networks, Networks]:
    networks = build(_recipe(standing))
    return networks, with_standing_statistics(networks, IMAGES, _recipe(standing), CPU)


def test_generator_statistics_are_those_of_prior_and_codes_in_equal_parts() -> None:
    networks, copy = _settled(standing=1)
    assert copy.encoder is not None
    noise = torch.Generator().manual_seed(0)
    prior = torch.randn(STANDING_BATCH, 8, generator=noise)
    with torch.no_grad():
        mean, std = copy.encoder.eval()(to_tensor(IMAGES[:STANDING_BATCH]))
        codes = mean + std * torch.randn(mean.shape, generator=noise)
        maps = [
            networks.generator.stem(torch.split(each, 2, dim=1)[0]).unflatten(1, (-1, 4, 4)) for each in (prior, codes)
        ]
    norm = _first_norm(copy.generator)
    means, variances = ([getattr(each, what)(dim=(0, 2, 3)) for each in maps] for what in ("mean", "var"))
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(dim=0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, torch.stack(variances).mean(dim=0), atol=1e-6, rtol=1e-4)


def test_a_generator_that_never_draws_from_codes_is_measured_on_the_prior_alone() -> None:
    recipe = _recipe(1, cycle=0.0)
    networks = build(recipe)
    copy = with_standing_statistics(networks, IMAGES, recipe, CPU)
    prior = torch.randn(STANDING_BATCH, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = networks.generator.stem(torch.split(prior, 2, dim=1)[0]).unflatten(1, (-1, 4, 4))
    torch.testing.assert_close(_first_norm(copy.generator).running_mean, maps.mean(dim=(0, 2, 3)), atol=1e-5, rtol=1e-4)


def test_encoder_statistics_are_those_of_training_pictures() -> None:
    networks, copy = _settled(standing=1)
    assert networks.encoder is not None
    assert copy.encoder is not None
    with torch.no_grad():
        maps = networks.encoder.trunk.blocks[0].conv1(to_tensor(IMAGES[:STANDING_BATCH]))
    torch.testing.assert_close(_first_norm(copy.encoder).running_mean, maps.mean(dim=(0, 2, 3)), atol=1e-5, rtol=1e-4)


def test_the_averaged_networks_themselves_stay_as_they_are() -> None:
    networks = build(_recipe(1))
    before = {name: value.clone() for name, value in networks.generator.state_dict().items()}
    with_standing_statistics(networks, IMAGES, _recipe(1), CPU)
    for name, value in networks.generator.state_dict().items():
        assert torch.equal(value, before[name])


def test_zero_batches_give_the_networks_back() -> None:
    networks = build(_recipe(0))
    assert with_standing_statistics(networks, IMAGES, _recipe(0), CPU) is networks


def test_one_process_of_several_measures_by_itself() -> None:
    networks = build(_recipe(1))
    GlobalBatchNorm2d.convert(networks.generator)
    copy = with_standing_statistics(networks, IMAGES, _recipe(1), CPU)
    assert not any(isinstance(module, GlobalBatchNorm2d) for module in copy.generator.modules())
    assert any(isinstance(module, GlobalBatchNorm2d) for module in networks.generator.modules())
