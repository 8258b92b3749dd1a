"""Networks and optimisers as named tensors, and back: what a checkpoint file holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bci_app.contract.errors import BundleCorruptError

Tensors = dict[str, Tensor]


def network_tensors(name: str, network: nn.Module) -> Tensors:
    """Weights and statistics of a network under ``name.``."""
    return {f"{name}.{key}": value for key, value in own_tensors(network).items()}


def own_tensors(network: nn.Module) -> Tensors:
    """Its `state_dict`, in which a weight that several layers share comes once, under its first name."""
    found: Tensors = {}
    seen: set[tuple[int, torch.Size]] = set()
    for key, value in network.state_dict().items():
        place = (value.data_ptr(), value.shape)
        if place not in seen or not value.numel():
            found[key] = value
        seen.add(place)
    return found


def optimiser_tensors(name: str, optimiser: Optimizer) -> Tensors:
    """State of an optimiser under ``name.<place of the weight>.``."""
    return {
        f"{name}.{place}.{key}": torch.as_tensor(value)
        for place, weight in enumerate(_weights(optimiser))
        for key, value in optimiser.state.get(weight, {}).items()
    }


def put_network(name: str, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy what `network_tensors` gave into a network of the same architecture.

    Raises
    ------
    KeyError
        If a tensor is missing.
    ValueError
        If one has another shape, or tensors are left over.
    """
    own = own_tensors(network)
    for key, value in own.items():
        found = tensors[f"{name}.{key}"]
        if found.shape != value.shape:
            raise ValueError(f"{name}.{key} is {tuple(found.shape)}, the recipe makes {tuple(value.shape)}")
        value.copy_(found)
    extra = [key for key in tensors if key.startswith(f"{name}.") and key.removeprefix(f"{name}.") not in own]
    if extra:
        raise ValueError(f"{', '.join(extra[:3])} has no place in the recipe's {name}")


def put_optimiser(name: str, optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Copy what `optimiser_tensors` gave; moments take the memory order of their weight."""
    for place, weight in enumerate(_weights(optimiser)):
        prefix = f"{name}.{place}."
        kept = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        optimiser.state[weight] = {
            key: torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value.to(weight.device)
            for key, value in kept.items()
        }


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Turn the errors of a checkpoint that belongs to another recipe into one message.

    Raises
    ------
    BundleCorruptError
        In place of them.
    """
    try:
        yield
    except (KeyError, ValueError, RuntimeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise BundleCorruptError(
            f"The checkpoint {path} must fit the recipe beside it; it does not: {reason}. "
            "It belongs to another architecture: start a new run, or resume with its own recipe."
        ) from None


def _weights(optimiser: Optimizer) -> list[Tensor]:
    return [weight for group in optimiser.param_groups for weight in group["params"]]
