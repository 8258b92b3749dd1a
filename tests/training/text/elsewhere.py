"""A device that is not the CPU, on a machine that has no other: its tensors refuse to be mixed with those of the CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from training.team import Team

DEVICE = torch.device("meta")
"""The name it goes by: one that torch knows and needs no driver for."""
_COPIES = ("aten::_to_copy", "aten::copy_")
_NUMBERS = ("aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal")


class Elsewhere(Tensor):
    """A tensor of the device; what it holds lies on the CPU, and only `compute` sees it."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        """One that holds `held`."""
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device=DEVICE, requires_grad=held.requires_grad
        )
        made.held = held
        return cast(Elsewhere, made)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """See `compute`."""
        return compute(func, args, kwargs or {})


class Device(TorchDispatchMode):
    """While it is entered, what is made on `DEVICE` is there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """See `compute`."""
        return compute(func, args, kwargs or {})


def compute(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What an operation gives; AssertionError if it mixes devices, as an accelerator would refuse it.

    As on an accelerator, numbers without a dimension, and masks and places by which it is indexed, may lie on the CPU.
    """
    name, target = func._schema.name, kwargs.get("device")
    tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, Tensor)]
    there = any(isinstance(each, Elsewhere) for each in tensors)
    strangers = [each for each in tensors if not isinstance(each, Elsewhere) and each.ndim]
    by_number = name.startswith(("aten::index", "aten::_index")) and isinstance(args[0], Elsewhere)
    assert not (there and strangers) or by_number or name in _COPIES, f"{name} mixes devices"
    given = tree_map(lambda each: each.held if isinstance(each, Elsewhere) else each, (list(args), dict(kwargs)))
    if target is not None:
        given[1]["device"] = torch.device("cpu")
    made = func(*given[0], **given[1])
    if name in _NUMBERS or not (torch.device(target) == DEVICE if target is not None else there):
        return made
    if name == "aten::copy_" and not isinstance(args[0], Elsewhere):
        return args[0]
    known = {id(each.held): each for each in tensors if isinstance(each, Elsewhere)}
    return tree_map(lambda each: _there(each, known) if isinstance(each, Tensor) else each, made)


def _there(made: Tensor, known: Mapping[int, Elsewhere]) -> Elsewhere:
    """What was made, on the device; what was changed in place is the tensor that it was."""
    return known[id(made)] if id(made) in known else Elsewhere(made)


def to(module: nn.Module, device: torch.device, *_: object) -> nn.Module:
    """In place of `nn.Module.to`, which knows no such device; weights that are shared stay shared."""
    moved: dict[int, nn.Parameter] = {}
    for part in module.modules():
        for name, weight in part._parameters.items():
            if weight is not None and device == DEVICE and not isinstance(weight.data, Elsewhere):
                if id(weight) not in moved:
                    moved[id(weight)] = nn.Parameter(Elsewhere(weight.data), weight.requires_grad)
                part._parameters[name] = moved[id(weight)]
        for name, buffer in part._buffers.items():
            if buffer is not None and device == DEVICE and not isinstance(buffer, Elsewhere):
                part._buffers[name] = Elsewhere(buffer)
    return module


def tensor(data: object, *, device: torch.device | None = None, **rest: Any) -> Tensor:
    """In place of `torch.tensor`, which makes a tensor that holds nothing there."""
    made: Tensor = _TENSOR(data, **rest)
    return made if device is None else made.to(device)


_TENSOR = torch.tensor


def team_elsewhere() -> Team:
    """One process on the device."""
    fabric = SimpleNamespace(device=DEVICE, world_size=1, global_rank=0, is_global_zero=True, autocast=nullcontext)
    return Team(fabric)  # type: ignore[arg-type]
