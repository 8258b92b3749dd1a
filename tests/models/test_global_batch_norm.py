"""Batch statistics over processes are those of the whole batch."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from models.layers import GlobalBatchNorm2d
from tests.models.half_a_batch import SHARES, Tensors, half, norm_and_batch, through


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tensors, Tensors]:
    """What the two processes got; this one is the first."""
    folder = tmp_path_factory.mktemp("halves")
    other = subprocess.Popen([sys.executable, "-m", "tests.models.half_a_batch", "1", str(folder)])
    try:
        mine = half(0, folder)
        assert other.wait(60) == 0
    finally:
        other.kill()
        other.wait()
    return mine, load_file(str(folder / "half.safetensors"))


@pytest.fixture(scope="module")
def whole() -> Tensors:
    """What torch's own layer makes of the whole batch."""
    norm, batch, wanted = norm_and_batch(nn.BatchNorm2d)
    tensors = through(norm, batch, wanted)
    norm.eval()
    return tensors | {"evaluated": norm(batch).detach()}


@pytest.mark.parametrize("name", ["out", "slope", "second.input", "evaluated"])
def test_two_halves_come_out_as_in_the_whole_batch(name: str, halves: tuple[Tensors, Tensors], whole: Tensors) -> None:
    for tensors, rows in zip(halves, SHARES, strict=True):
        torch.testing.assert_close(tensors[name], whole[name][rows], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["first.weight", "first.bias", "second.weight", "second.bias"])
def test_gradients_of_the_weights_add_up_to_those_of_the_whole_batch(
    name: str, halves: tuple[Tensors, Tensors], whole: Tensors
) -> None:
    mine, theirs = halves
    assert whole[name].abs().max() > 0.1 or name == "second.bias"
    torch.testing.assert_close(mine[name] + theirs[name], whole[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["running_mean", "running_var", "num_batches_tracked"])
def test_running_statistics_are_those_of_the_whole_batch_on_both(
    name: str, halves: tuple[Tensors, Tensors], whole: Tensors
) -> None:
    for tensors in halves:
        torch.testing.assert_close(tensors[name], whole[name], rtol=1e-12, atol=1e-12)


def test_a_mean_far_from_zero_costs_no_digits_of_the_variance(halves: tuple[Tensors, Tensors]) -> None:
    out = torch.cat([tensors["far"] for tensors in halves])
    torch.testing.assert_close(out.mean(dim=(0, 2, 3)), torch.zeros(5), rtol=0, atol=1e-3)
    torch.testing.assert_close(out.var(dim=(0, 2, 3), correction=0), torch.ones(5), rtol=1e-3, atol=0)


def test_alone_it_is_the_ordinary_layer() -> None:
    norm, batch, _ = norm_and_batch(nn.BatchNorm2d)
    network = nn.Sequential(norm, nn.BatchNorm2d(5, affine=False).double())
    wanted = network(batch)
    for layer in network:
        layer.reset_running_stats()
    GlobalBatchNorm2d.convert(network)
    assert type(network[0]) is GlobalBatchNorm2d
    assert type(network[1]) is GlobalBatchNorm2d
    assert torch.equal(network(batch), wanted)
