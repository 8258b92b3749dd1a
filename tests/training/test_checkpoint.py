"""Networks and optimisers go into named tensors and come back as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Adam

from bci_app.contract.errors import BundleCorruptError
from training.checkpoint import fitting, network_tensors, optimiser_tensors, put_network, put_optimiser


def _network(width: int = 3) -> nn.Module:
    network = nn.Sequential(nn.Conv2d(2, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width * 4, 1))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _learn(network: nn.Module, optimiser: Adam, n: int) -> None:
    for step in range(n):
        optimiser.zero_grad()
        image = torch.randn(5, 2, 4, 4, generator=torch.Generator().manual_seed(step))
        network(image).square().mean().backward()
        optimiser.step()


def _adam(network: nn.Module) -> Adam:
    first, *rest = network.parameters()
    return Adam([{"params": [first], "lr": 1e-2}, {"params": rest, "lr": 1e-3}], fused=True)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_learning_goes_on_to_the_bit_with_what_was_put_back() -> None:
    network = _network()
    optimiser = _adam(network)
    _learn(network, optimiser, 3)
    kept = {
        name: value.detach().clone()
        for name, value in (network_tensors("a", network) | optimiser_tensors("b", optimiser)).items()
    }
    other = _network()
    again = _adam(other)
    put_network("a", other, kept)
    put_optimiser("b", again, kept)
    for each in ((network, optimiser), (other, again)):
        _learn(*each, n=2)
    for name, value in network.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    for name, value in optimiser_tensors("b", optimiser).items():
        assert torch.equal(value, optimiser_tensors("b", again)[name]), name


def test_every_weight_has_its_count_and_two_moments_under_its_place() -> None:
    network = _network()
    optimiser = _adam(network)
    assert optimiser_tensors("adam", optimiser) == {}, "before the first step there is nothing"
    _learn(network, optimiser, 4)
    tensors = optimiser_tensors("adam", optimiser)
    assert set(tensors) == {f"adam.{place}.{key}" for place in range(6) for key in ("step", "exp_avg", "exp_avg_sq")}
    assert {float(value) for name, value in tensors.items() if name.endswith("step")} == {4.0}


def test_moments_lie_in_memory_as_their_weights_do() -> None:
    network = _network()
    optimiser = _adam(network)
    _learn(network, optimiser, 1)
    kept = {name: value.contiguous() for name, value in optimiser_tensors("b", optimiser).items()}
    put_optimiser("b", optimiser, kept)
    weight = next(network.parameters())
    moment = optimiser.state[weight]["exp_avg"]
    assert moment.stride() == weight.stride() != kept["b.0.exp_avg"].stride()
    assert torch.equal(moment, kept["b.0.exp_avg"])


def _without(tensors: dict[str, Tensor]) -> None:
    del tensors["net.3.weight"]


def _with_more(tensors: dict[str, Tensor]) -> None:
    tensors["net.4.weight"] = torch.zeros(1)


def _reshaped(tensors: dict[str, Tensor]) -> None:
    tensors["net.0.bias"] = torch.zeros(4)


@pytest.mark.parametrize(("damage", "kind", "reason"), [
    (_without, KeyError, r"it lacks 'net\.3\.weight'"),
    (_with_more, ValueError, r"net\.4\.weight has no place in the recipe's net"),
    (_reshaped, ValueError, r"net\.0\.bias is \(4,\), the recipe makes \(3,\)"),
])  # fmt: skip
def test_tensors_of_another_network_are_refused_by_name(
    damage: Callable[[dict[str, Tensor]], None], kind: type[Exception], reason: str
) -> None:
    tensors = network_tensors("net", _network())
    damage(tensors)
    with pytest.raises(kind):
        put_network("net", _network(), tensors)
    with pytest.raises(BundleCorruptError, match=rf"The checkpoint x\.safetensors must fit .*: {reason}"):
        _put_fitting(tensors)


def _put_fitting(tensors: dict[str, Tensor]) -> None:
    with fitting(Path("x.safetensors")):
        put_network("net", _network(), tensors)


def test_a_network_whose_name_begins_alike_is_another_one() -> None:
    one, other = _network(), _network()
    put_network("net", one, network_tensors("net", other) | network_tensors("network", other))
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
