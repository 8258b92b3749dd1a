"""Blocks and weights of the BigGAN family against plain formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm
from torch import Tensor, nn
from torch.nn import functional

from models.gan.bigbigan import BigGenerator
from models.gan.blocks import (
    ConditionalNorm,
    DownBlock,
    SelfAttention,
    UpBlock,
    add_spectral_norm,
    initialise,
    remove_spectral_norm,
)
from models.gan.dcgan import DcganDiscriminator, DcganGenerator

WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _matrix(module: nn.Module) -> Tensor:
    """Weight as outputs by inputs; a transposed convolution holds its outputs second."""
    weight = module.weight.detach()
    return (weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else weight).flatten(1)


def test_normal_initialisation_has_the_published_distribution() -> None:
    network = DcganGenerator(20, 32, 3, 16)
    initialise(network, "normal")
    weights = [module.weight.detach() for module in network.modules() if isinstance(module, WEIGHTED)]
    gains = [module.weight.detach() for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for values, middle in ((weights, 0.0), (gains, 1.0)):
        drawn = torch.cat([each.flatten() for each in values]).numpy()
        assert len(drawn) > 100
        assert kstest(drawn, norm(middle, 0.02).cdf).pvalue > 1e-3
    biases = [value for name, value in network.named_parameters() if name.endswith("bias")]
    assert all(not bias.any() for bias in biases)


def test_orthogonal_initialisation_makes_rows_or_columns_orthonormal() -> None:
    network = nn.Sequential(UpBlock(6, 4, 3), nn.Linear(10, 7), nn.Linear(3, 8))
    initialise(network, "orthogonal")
    matrices = [module.weight.detach().flatten(1) for module in network.modules() if isinstance(module, WEIGHTED)]
    assert len(matrices) == 9
    for matrix in matrices:
        rows = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)
    assert not network[1].bias.any()


@pytest.mark.parametrize(
    "module",
    [nn.Conv2d(4, 6, 3), nn.ConvTranspose2d(4, 6, 4, 2, 1), nn.Linear(7, 5)],
    ids=lambda module: type(module).__name__,
)
def test_spectral_norm_divides_by_the_largest_singular_value(module: nn.Module) -> None:
    original = _matrix(module)
    inputs = torch.randn(2, *([7] if isinstance(module, nn.Linear) else [4, 8, 8]))
    add_spectral_norm(module)
    for _ in range(100):
        module(inputs)
    largest = np.linalg.svd(original.double().numpy(), compute_uv=False)[0]
    torch.testing.assert_close(_matrix(module), original / float(largest), atol=1e-4, rtol=1e-3)
    assert np.linalg.svd(_matrix(module).numpy(), compute_uv=False)[0] == pytest.approx(1.0, abs=1e-3)


def test_removing_a_spectral_norm_leaves_the_function_in_plain_weights() -> None:
    network = BigGenerator(8, 32, 3, (8, 8, 4, 4), attention=8)
    plain = set(network.state_dict())
    add_spectral_norm(network)
    latent = torch.randn(4, 8)
    for _ in range(100):
        network(latent)
    network.eval()
    before = network(latent).detach()
    remove_spectral_norm(network)
    assert set(network.state_dict()) == plain
    assert all(type(weight) is nn.Parameter for weight in network.parameters())
    torch.testing.assert_close(network(latent), before, atol=1e-4, rtol=1e-3)


def test_a_spectral_norm_that_lags_behind_its_weight_settles_before_it_is_removed() -> None:
    layer = nn.Linear(30, 20)
    add_spectral_norm(layer)
    with torch.no_grad():
        layer.parametrizations["weight"].original += 3.0 * torch.outer(torch.randn(20), torch.randn(30))
    layer.eval()
    assert np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)[0] > 1.5, "it does lag"
    remove_spectral_norm(layer)
    assert np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)[0] == pytest.approx(1.0, abs=1e-4)


def test_every_weight_matrix_gets_a_spectral_norm_and_no_gain_does() -> None:
    network = DcganDiscriminator(32, 3, 4)
    add_spectral_norm(network)
    kept = {name for name, value in network.named_parameters() if not name.endswith(".original")}
    assert all(value.ndim == 1 for name, value in network.named_parameters() if name in kept)
    assert sum(name.endswith(".original") for name, _ in network.named_parameters()) == 4


def test_a_chunk_of_the_latent_sets_gain_and_bias_of_the_normalised_map() -> None:
    layer, x, chunk = ConditionalNorm(4, 3), torch.randn(5, 4, 6, 6) * 3 + 2, torch.randn(5, 3)
    values, codes = x.double().numpy(), chunk.double().numpy()
    normal = (values - values.mean(axis=(0, 2, 3), keepdims=True)) / np.sqrt(
        values.var(axis=(0, 2, 3), keepdims=True) + 1e-5
    )
    gain, bias = (codes @ part.weight.detach().double().numpy().T for part in (layer.gain, layer.bias))  # type: ignore[union-attr]
    wanted = normal * (1 + gain)[:, :, None, None] + bias[:, :, None, None]
    np.testing.assert_allclose(layer(x, chunk).detach().numpy(), wanted, atol=1e-5)
    np.testing.assert_allclose(layer(x, torch.zeros(5, 3)).detach().numpy(), normal, atol=1e-5)


def test_without_a_chunk_it_is_an_ordinary_batch_normalisation() -> None:
    layer, plain, x = ConditionalNorm(4, 0), nn.BatchNorm2d(4), torch.randn(5, 4, 6, 6)
    initialise(layer, "normal")
    plain.load_state_dict(layer.norm.state_dict())
    torch.testing.assert_close(layer(x), plain(x))


def test_up_block_is_the_published_order_of_operations() -> None:
    block, x, chunk = UpBlock(4, 6, 2).eval(), torch.randn(3, 4, 5, 5), torch.randn(3, 2)

    def doubled(value: Tensor) -> Tensor:
        return value.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    hidden = block.conv1(doubled(functional.relu(block.norm1(x, chunk))))
    wanted = block.conv2(functional.relu(block.norm2(hidden, chunk))) + block.shortcut(doubled(x))
    torch.testing.assert_close(block(x, chunk), wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("halve", "first", "batch_norm"), list(itertools.product([True, False], repeat=3)))
def test_down_block_is_the_published_order_of_operations(halve: bool, first: bool, batch_norm: bool) -> None:
    block, x = DownBlock(4, 6, halve, first, batch_norm).eval(), torch.randn(3, 4, 8, 8)
    hidden = x if first else functional.relu(block.norm1(x))
    hidden = block.conv2(functional.relu(block.norm2(block.conv1(hidden))))
    plain = block.shortcut(x)  # pooled after the convolution, not before
    wanted = [functional.avg_pool2d(each, 2) if halve else each for each in (hidden, plain)]
    torch.testing.assert_close(block(x), wanted[0] + wanted[1], atol=1e-5, rtol=1e-4)
    assert isinstance(block.norm1, nn.BatchNorm2d) == (batch_norm and not first)


def test_a_block_that_keeps_size_and_channels_has_a_shortcut_without_weights() -> None:
    block, x = DownBlock(4, 4, halve=False), torch.randn(2, 4, 8, 8)
    nn.init.zeros_(block.conv2.weight)
    nn.init.zeros_(block.conv2.bias)  # type: ignore[arg-type]
    assert torch.equal(block(x), x)


def test_attention_starts_as_the_identity_and_learns() -> None:
    layer, x = SelfAttention(8), torch.randn(2, 8, 4, 4)
    assert torch.equal(layer(x), x)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
    target = torch.randn_like(x)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = functional.mse_loss(layer(x), target)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert float(layer.gain.detach()) != 0.0
    assert losses[-1] < losses[0]


def test_attention_is_the_explicit_sum_over_places() -> None:
    layer, x = SelfAttention(16), torch.randn(1, 16, 4, 4)
    nn.init.constant_(layer.gain, 0.7)
    weights = {name: getattr(layer, name).weight.detach()[:, :, 0, 0].numpy() for name in ("query", "key", "value")}
    pixels = x[0].numpy()
    query, key, value = (np.einsum("oc,chw->ohw", weights[name], pixels) for name in ("query", "key", "value"))
    blocks = list(itertools.product(range(2), repeat=2))
    pooled = [
        [part[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(1, 2)) for i, j in blocks] for part in (key, value)
    ]
    wanted = pixels.copy()
    for row, column in itertools.product(range(4), repeat=2):
        scores = np.array([query[:, row, column] @ each for each in pooled[0]])
        share = np.exp(scores - scores.max())
        share /= share.sum()
        seen = sum(weight * each for weight, each in zip(share, pooled[1], strict=True))
        wanted[:, row, column] += 0.7 * layer.out.weight.detach()[:, :, 0, 0].numpy() @ seen
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), wanted, atol=1e-5)


def test_attention_refuses_maps_that_are_too_thin() -> None:
    SelfAttention(8)
    with pytest.raises(ValueError, match="divides its channels by eight; 7 are too few"):
        SelfAttention(7)
