"""The faster convolutions are torch's own, in what they give and in both derivatives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.gan import strided
from models.gan.strided import DoublingConv2d, HalvingConv2d, weight_gradient

LAYERS = {
    "halving": (lambda: HalvingConv2d(6, 5), lambda: nn.Conv2d(6, 5, 4, 2, 1, bias=False), 8),
    "doubling": (lambda: DoublingConv2d(6, 5), lambda: nn.ConvTranspose2d(6, 5, 4, 2, 1, bias=False), 4),
    "from a picture": (lambda: HalvingConv2d(3, 5), lambda: nn.Conv2d(3, 5, 4, 2, 1, bias=False), 16),
    "to a picture": (lambda: DoublingConv2d(6, 1), lambda: nn.ConvTranspose2d(6, 1, 4, 2, 1, bias=False), 8),
}
each_layer = pytest.mark.parametrize("name", LAYERS)


@pytest.fixture(autouse=True)
def _every_width_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(strided, "WIDE", 1)


def _pair(name: str) -> tuple[nn.Module, nn.Module, Tensor]:
    """Our layer, torch's with the same weights, and an input; float64."""
    ours, torchs, side = LAYERS[name]
    layer, plain = ours().double(), torchs().double()
    plain.load_state_dict(layer.state_dict())
    image = torch.randn(3, layer.in_channels, side, side).double().contiguous(memory_format=torch.channels_last)
    return layer, plain, image


def _gradients(layer: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """Of a loss, and of a penalty on its slope, which needs second derivatives."""
    x = image.clone().requires_grad_()
    out = layer(x)
    (slope,) = torch.autograd.grad(out.tanh().sum(), x, create_graph=True)
    (weight,) = layer.parameters()
    second = torch.autograd.grad(slope.square().sum(), [x, weight], retain_graph=True)
    first = torch.autograd.grad(out.sin().sum(), [x, weight])
    return {"out": out, "slope": slope, **{f"second {i}": g for i, g in enumerate(second)}} | {
        f"first {i}": g for i, g in enumerate(first)
    }


@each_layer
def test_outputs_and_both_derivatives_are_those_of_torch(name: str) -> None:
    layer, plain, image = _pair(name)
    found, wanted = _gradients(layer, image), _gradients(plain, image)
    assert "_Halve" in str(layer(image).grad_fn) or "_Double" in str(layer(image).grad_fn)
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, rtol=1e-10, atol=1e-10, msg=key)


def test_the_weight_gradient_is_the_sum_over_batch_and_places() -> None:
    large, small = torch.randn(2, 3, 4, 4), torch.randn(2, 5, 2, 2)
    found = weight_gradient(large, small)
    wanted = torch.zeros(5, 3, 4, 4)
    for i in range(4):
        for j in range(4):
            for row in range(2):
                for column in range(2):
                    y, x = 2 * row + i - 1, 2 * column + j - 1
                    if 0 <= y < 4 and 0 <= x < 4:
                        wanted[:, :, i, j] += small[:, :, row, column].T @ large[:, :, y, x]
    torch.testing.assert_close(found, wanted)


@each_layer
def test_in_mixed_precision_it_computes_in_bfloat16_and_keeps_float32_weights(name: str) -> None:
    layer, plain, image = _pair(name)
    layer, plain, image = layer.float(), plain.float(), image.float()
    with torch.autocast("cpu", torch.bfloat16):
        out, wanted = layer(image), plain(image)
    assert out.dtype == wanted.dtype == torch.bfloat16
    for each in (out, wanted):
        each.float().sum().backward()
    (weight,), (plains,) = layer.parameters(), plain.parameters()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    torch.testing.assert_close(weight.grad, plains.grad, rtol=0.02, atol=0.02 * float(plains.grad.abs().max()))


@each_layer
def test_a_frozen_layer_passes_the_gradient_on_and_gets_none(name: str) -> None:
    layer, plain, image = _pair(name)
    for each in (layer, plain):
        each.requires_grad_(False)
    x, y = image.clone().requires_grad_(), image.clone().requires_grad_()
    layer(x).sin().sum().backward()
    plain(y).sin().sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-10, atol=1e-10)


@each_layer
def test_where_nothing_is_learnt_it_is_torchs_own_layer(name: str) -> None:
    layer, plain, image = _pair(name)
    with torch.no_grad():
        assert torch.equal(layer(image), plain(image))
