"""Convolutions of kernel 4 that halve or double a map, put together so that training on a CPU is fast.

Two passes run at a third of the speed of the others in oneDNN, and faster when written otherwise: the weight gradient
of a wide layer on a small map, and the way from many channels up to the few of a picture. Where nothing is learnt, and
on every other device, these are torch's own layers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

KERNEL, STRIDE, PADDING = 4, 2, 1
SMALL, WIDE = 8, 2**20
"""Side of the larger map up to which, and number of weights from which a weight gradient counts as one of the slow."""
FEW = 4
"""Channels that a picture has at most."""


class HalvingConv2d(nn.Conv2d):
    """Map (batch, n_in, h, w) to (batch, n_out, h / 2, w / 2), without bias."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, KERNEL, STRIDE, PADDING, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """The smaller map."""
        if not _learns_on_cpu(input):
            return super().forward(input)
        out: Tensor = _Halve.apply(*_as_autocast_has_it(input, self.weight))  # type: ignore[no-untyped-call]
        return out


class DoublingConv2d(nn.ConvTranspose2d):
    """Map (batch, n_in, h, w) to (batch, n_out, 2h, 2w), without bias."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, KERNEL, STRIDE, PADDING, bias=False)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The larger map."""
        if not _learns_on_cpu(input):
            return super().forward(input, output_size)
        out: Tensor = _Double.apply(*_as_autocast_has_it(input, self.weight))  # type: ignore[no-untyped-call]
        return out


def _learns_on_cpu(input: Tensor) -> bool:
    return torch.is_grad_enabled() and input.device.type == "cpu"


def _as_autocast_has_it(*tensors: Tensor) -> tuple[Tensor, ...]:
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else tensors[0].dtype
    return tuple(each.to(dtype) for each in tensors)


class _Halve(torch.autograd.Function):
    @staticmethod
    def forward(input: Tensor, weight: Tensor) -> Tensor:
        return halved(input, weight)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (input, weight), (gradient,) = ctx.saved_tensors, gradients
        of_input, of_weight = ctx.needs_input_grad
        return (
            doubled(gradient, weight) if of_input else None,
            weight_gradient(input, gradient) if of_weight else None,
        )


class _Double(torch.autograd.Function):
    @staticmethod
    def forward(input: Tensor, weight: Tensor) -> Tensor:
        return doubled(input, weight)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (input, weight), (gradient,) = ctx.saved_tensors, gradients
        of_input, of_weight = ctx.needs_input_grad
        return (
            halved(gradient, weight) if of_input else None,
            weight_gradient(gradient, input) if of_weight else None,
        )


def halved(large: Tensor, weight: Tensor) -> Tensor:
    """The convolution of (batch, n_large, 2h, 2w) with (n_small, n_large, 4, 4): (batch, n_small, h, w)."""
    return functional.conv2d(large, weight, None, STRIDE, PADDING)


def doubled(small: Tensor, weight: Tensor) -> Tensor:
    """The transposed convolution of (batch, n_small, h, w) with (n_small, n_large, 4, 4): (batch, n_large, 2h, 2w).

    To few channels: what each place gives to its 4 x 4, as one matrix product, and then the sum of what overlaps.
    """
    n_small, n_large = weight.shape[:2]
    if n_large > FEW:
        return functional.conv_transpose2d(small, weight, None, STRIDE, PADDING)
    given = weight.permute(1, 2, 3, 0).reshape(-1, n_small) @ small.flatten(2)
    large = functional.fold(
        given, tuple(STRIDE * side for side in small.shape[2:]), KERNEL, padding=PADDING, stride=STRIDE
    )
    return large.contiguous(memory_format=torch.channels_last)


def weight_gradient(large: Tensor, small: Tensor) -> Tensor:
    """Gradient of the weight that leads from the large map to the small one or back.

    Parameters
    ----------
    large : Tensor (batch, n_large, 2h, 2w)
        Input of a halving convolution, or what arrives at the output of a doubling one.
    small : Tensor (batch, n_small, h, w)
        The other of the two.

    Returns
    -------
    Tensor (n_small, n_large, 4, 4)
        Sum over batch and places of each place of `small` times the 4 x 4 places of `large` that it sees. For a small
        map it is a convolution itself, in which the pictures of the batch are the channels and `small` is the kernel.
    """
    shape = (small.shape[1], large.shape[1], KERNEL, KERNEL)
    if large.shape[-1] > SMALL or shape[0] * shape[1] * KERNEL**2 < WIDE:
        gradient: Tensor = conv2d_weight(large, shape, small, STRIDE, PADDING)  # type: ignore[no-untyped-call]
        return gradient
    by_channel, kernel = large.transpose(0, 1).contiguous(), small.transpose(0, 1).contiguous()
    summed = functional.conv2d(by_channel, kernel, None, padding=PADDING, dilation=STRIDE)
    return summed.transpose(0, 1).contiguous(memory_format=torch.channels_last)
