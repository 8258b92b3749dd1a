"""DCGAN layer by layer as published."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from models.gan.dcgan import DcganDiscriminator, DcganGenerator, n_doublings

Row = tuple[type[nn.Module], int, int, tuple[int, ...]]
N = nn.BatchNorm2d
UP, DOWN = nn.ConvTranspose2d, nn.Conv2d

GENERATOR: list[Row | type[nn.Module]] = [
    (UP, 100, 512, (4, 1, 0)), N, nn.ReLU,
    (UP, 512, 256, (4, 2, 1)), N, nn.ReLU,
    (UP, 256, 128, (4, 2, 1)), N, nn.ReLU,
    (UP, 128, 64, (4, 2, 1)), N, nn.ReLU,
    (UP, 64, 3, (4, 2, 1)), nn.Tanh,
]  # fmt: skip
DISCRIMINATOR: list[Row | type[nn.Module]] = [
    (DOWN, 3, 64, (4, 2, 1)), nn.LeakyReLU,
    (DOWN, 64, 128, (4, 2, 1)), N, nn.LeakyReLU,
    (DOWN, 128, 256, (4, 2, 1)), N, nn.LeakyReLU,
    (DOWN, 256, 512, (4, 2, 1)), N, nn.LeakyReLU,
    (DOWN, 512, 1, (4, 1, 0)),
]  # fmt: skip
"""Radford et al. 2015, and the numbers of the PyTorch example: channels, then kernel, stride and padding."""


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _rows(network: nn.Module) -> list[Row | type[nn.Module]]:
    rows: list[Row | type[nn.Module]] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert module.bias is None
            numbers = [pair[0] for pair in (module.kernel_size, module.stride, module.padding)]  # type: ignore[index]
            kind = UP if isinstance(module, UP) else DOWN
            rows.append((kind, module.in_channels, module.out_channels, tuple(numbers)))
        elif not list(module.children()):
            rows.append(type(module))
    return rows


def _n_weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_64_pixel_networks_are_the_published_ones() -> None:
    generator, discriminator = DcganGenerator(), DcganDiscriminator()
    assert _rows(generator) == GENERATOR
    assert _rows(discriminator) == DISCRIMINATOR
    assert {module.negative_slope for module in discriminator.modules() if isinstance(module, nn.LeakyReLU)} == {0.2}
    assert _n_weights(generator) == 3_576_704
    assert _n_weights(discriminator) == 2_765_568


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("n_channels", [1, 3, 4])
def test_every_size_and_any_number_of_channels_fit_together(size: int, n_channels: int) -> None:
    generator = DcganGenerator(7, size, n_channels, 2)
    discriminator = DcganDiscriminator(size, n_channels, 2)
    image = generator(torch.randn(2, 7))
    assert image.shape == (2, n_channels, size, size)
    assert float(image.detach().abs().max()) <= 1.0
    assert discriminator(image).shape == (2,)
    widths = [2 * 2**k for k in range(n_doublings(size))]
    hidden = sum(16 * a * b + 2 * b for a, b in itertools.pairwise(widths))
    judged = 16 * n_channels * widths[0] + hidden + 16 * widths[-1]
    assert _n_weights(discriminator) == judged
    made = 16 * 7 * widths[-1] + hidden + 2 * widths[0] + 16 * widths[0] * n_channels
    assert _n_weights(generator) == made


def test_the_logit_is_linear_in_the_features() -> None:
    discriminator, image = DcganDiscriminator(32, 3, 4).eval(), torch.randn(5, 3, 32, 32)
    features = discriminator.features(image)
    assert features.shape == (5, 16 * 16)
    weight = discriminator.head.weight.flatten()
    torch.testing.assert_close(discriminator(image), features @ weight, atol=1e-6, rtol=1e-5)


def test_without_batch_normalisation_each_logit_is_of_its_own_picture_in_training_too() -> None:
    image = torch.randn(4, 3, 32, 32)
    alone, normed = DcganDiscriminator(32, 3, 4, batch_norm=False), DcganDiscriminator(32, 3, 4)
    torch.testing.assert_close(alone(image)[:1], alone(image[:1]))
    assert not torch.allclose(normed(image)[:1], normed(image[:1]), rtol=1e-2)


def test_other_sizes_are_refused() -> None:
    assert [n_doublings(size) for size in (32, 64, 128)] == [3, 4, 5]
    for size in (16, 48, 256):
        with pytest.raises(ValueError, match=f"A GAN makes pictures of 32, 64, 128 pixels; got {size}"):
            n_doublings(size)
        with pytest.raises(ValueError, match=f"got {size}"):
            DcganGenerator(8, size)
