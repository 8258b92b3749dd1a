"""Convolutions of kernel 4 that halve or double a map, with a weight gradient that is fast on small maps.

oneDNN takes the weight gradient of a wide layer on an 8 x 8 map at a third of the speed of its other passes: it sums
large weights over few places. The same sum as one matrix product runs at full speed. It is used where it pays, on a CPU
in training; everywhere else these are torch's own layers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

KERNEL, STRIDE, PADDING = 4, 2, 1
SMALL, WIDE = 8, 2**20
"""Side of the larger map up to which, and number of weights from which the matrix product is faster."""


class HalvingConv2d(nn.Conv2d):
    """Map (batch, n_in, h, w) to (batch, n_out, h / 2, w / 2), without bias."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, KERNEL, STRIDE, PADDING, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """The smaller map."""
        if not _pays(input, self.weight, input.shape[-1]):
            return super().forward(input)
        out: Tensor = _Halve.apply(*_as_autocast_has_it(input, self.weight))  # type: ignore[no-untyped-call]
        return out


class DoublingConv2d(nn.ConvTranspose2d):
    """Map (batch, n_in, h, w) to (batch, n_out, 2h, 2w), without bias."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, KERNEL, STRIDE, PADDING, bias=False)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The larger map."""
        if not _pays(input, self.weight, STRIDE * input.shape[-1]):
            return super().forward(input, output_size)
        out: Tensor = _Double.apply(*_as_autocast_has_it(input, self.weight))  # type: ignore[no-untyped-call]
        return out


def _pays(input: Tensor, weight: Tensor, larger_side: int) -> bool:
    learning = weight.requires_grad and torch.is_grad_enabled()
    return learning and input.device.type == "cpu" and larger_side <= SMALL and weight.numel() >= WIDE


def _as_autocast_has_it(*tensors: Tensor) -> tuple[Tensor, ...]:
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else tensors[0].dtype
    return tuple(each.to(dtype) for each in tensors)


class _Halve(torch.autograd.Function):
    @staticmethod
    def forward(input: Tensor, weight: Tensor) -> Tensor:
        return functional.conv2d(input, weight, None, STRIDE, PADDING)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (input, weight), (gradient,) = ctx.saved_tensors, gradients
        of_input, of_weight = ctx.needs_input_grad
        return (
            functional.conv_transpose2d(gradient, weight, None, STRIDE, PADDING) if of_input else None,
            weight_gradient(input, gradient) if of_weight else None,
        )


class _Double(torch.autograd.Function):
    @staticmethod
    def forward(input: Tensor, weight: Tensor) -> Tensor:
        return functional.conv_transpose2d(input, weight, None, STRIDE, PADDING)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (input, weight), (gradient,) = ctx.saved_tensors, gradients
        of_input, of_weight = ctx.needs_input_grad
        return (
            functional.conv2d(gradient, weight, None, STRIDE, PADDING) if of_input else None,
            weight_gradient(gradient, input) if of_weight else None,
        )


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
        Sum over batch and places of each place of `small` times the 4 x 4 places of `large` that it sees.
    """
    n_large, n_small = large.shape[1], small.shape[1]
    if torch.is_grad_enabled():  # it is to be differentiated once more
        shape = (n_small, n_large, KERNEL, KERNEL)
        twice: Tensor = conv2d_weight(large, shape, small, STRIDE, PADDING)  # type: ignore[no-untyped-call]
        return twice
    h, w = small.shape[2:]
    padded = functional.pad(large, (PADDING,) * 4).contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    image, row, column, _ = padded.stride()
    rows_seen = (len(padded), h, w, KERNEL, KERNEL * n_large)  # neighbours in a row lie side by side in memory
    seen = padded.as_strided(rows_seen, (image, STRIDE * row, STRIDE * column, row, 1)).reshape(-1, KERNEL**2 * n_large)
    summed = small.permute(0, 2, 3, 1).reshape(-1, n_small).T @ seen
    return summed.view(n_small, KERNEL, KERNEL, n_large).permute(0, 3, 1, 2)
