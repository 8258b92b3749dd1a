"""Blocks that the networks share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.1
"""Slope of the leaky rectifier below zero. The rectifier runs inside the convolution in onnxruntime; SiLU does not."""


def convolution(n_in: int, n_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution that keeps the size (or divides it by `stride`), batch normalisation and leaky rectifier."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, padding=(kernel - 1) // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions beside a shortcut.

    Source: He et al. 2016, "Deep residual learning for image recognition", equation 1.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(n_channels, n_channels),
            nn.Conv2d(n_channels, n_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_channels),
        )
        self.rectify = nn.LeakyReLU(SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, n_channels, h, w) to the same shape."""
        out: Tensor = self.rectify(x + self.body(x))  # eq. 1
        return out


def down(n_in: int, n_out: int, n_residual: int) -> nn.Sequential:
    """Halve the size, then refine `n_residual` times."""
    return nn.Sequential(convolution(n_in, n_out, kernel=4, stride=2), *(Residual(n_out) for _ in range(n_residual)))


def up(n_in: int, n_out: int, n_residual: int) -> nn.Sequential:
    """Double the size, then refine `n_residual` times.

    Nearest neighbour and a convolution, not a transposed convolution, which leaves a chequerboard.
    Source: Odena, Dumoulin and Olah 2016, "Deconvolution and checkerboard artifacts".
    """
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"),
        convolution(n_in, n_out),
        *(Residual(n_out) for _ in range(n_residual)),
    )


class Whitening(nn.Module):
    """Fixed linear change of coordinates that travels inside an exported graph.

    Parameters
    ----------
    shift : Tensor (dim,)
        What becomes zero.
    matrix : Tensor (dim, dim)
        ``(x - shift) @ matrix`` are the new coordinates; must be invertible.
    """

    shift: Tensor
    matrix: Tensor
    back: Tensor

    def __init__(self, shift: Tensor, matrix: Tensor) -> None:
        super().__init__()
        self.register_buffer("shift", shift.detach().clone())
        self.register_buffer("matrix", matrix.detach().clone())
        self.register_buffer("back", torch.linalg.inv(matrix.detach().double()).to(matrix.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """New coordinates of (batch, dim)."""
        return (x - self.shift) @ self.matrix

    def inverse(self, x: Tensor) -> Tensor:
        """Undo `forward`."""
        return x @ self.back + self.shift

    @classmethod
    def identity(cls, dim: int) -> Whitening:
        """No change."""
        return cls(torch.zeros(dim), torch.eye(dim))


class _SumOfProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes. A loss is one of the terms of a sum too, so its gradient is summed alike."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """Same shape, same values on every process."""
        total = x.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def setup_context(ctx: object, inputs: tuple[Tensor], output: Tensor) -> None:
        """Nothing is kept."""

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        """Again a sum, which can be differentiated once more."""
        total: Tensor = _SumOfProcesses.apply(gradients[0])  # type: ignore[no-untyped-call]
        return total


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes.

    torch has one for accelerators alone (`nn.SyncBatchNorm`); this one gives the same on any device, so that a run on
    several processes can be compared with a run on one. It can be differentiated twice.
    """

    @classmethod
    def convert(cls, network: nn.Module) -> None:
        """Make every batch normalisation of a network global, in place, values and names kept."""
        for module in network.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = cls

    def forward(self, input: Tensor) -> Tensor:
        """Map (batch, n_channels, h, w) to the same shape, with the statistics of all processes in training."""
        if not (self.training and torch.distributed.is_available() and torch.distributed.is_initialized()):
            return super().forward(input)
        with torch.no_grad():
            mean, variance, n = _moments_of_processes(*_moments(input))
        self._remember(mean, variance, n)
        ones, zeros = torch.ones_like(mean), torch.zeros_like(mean)
        weight, bias = (self.weight, self.bias) if self.affine else (ones, zeros)
        out: Tensor = _Normalise.apply(input, weight, bias, mean, variance, n, self.eps)  # type: ignore[no-untyped-call]
        return out

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, n: Tensor) -> None:
        """Running statistics as `nn.BatchNorm2d` keeps them: the variance without bias."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        momentum = self.momentum if self.momentum is not None else 0.1
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_((variance * n / (n - 1)).to(variance.dtype), momentum)


class _Normalise(torch.autograd.Function):
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` with moments of all processes, which depend on x.

    torch's own kernels do the work on each process; what is missing in their gradient is that the moments move with x.
    """

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, n: Tensor, eps: float
    ) -> Tensor:
        return functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:-1])
        ctx.eps = inputs[-1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, variance, n = ctx.saved_tensors
        (gradient,) = gradients
        if torch.is_grad_enabled():  # it is to be differentiated once more
            out = _normalised(x, weight, bias, ctx.eps)
            wanted = [each for each in (x, weight, bias) if each.requires_grad]
            found = iter(torch.autograd.grad(out, wanted, gradient, create_graph=True))
            return *(next(found) if each.requires_grad else None for each in (x, weight, bias)), None, None, None, None
        of_x, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient.to(x.dtype), x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        both = torch.cat([of_weight, of_bias])
        torch.distributed.all_reduce(both)
        scale = weight * torch.rsqrt(variance + ctx.eps)
        # what the mean and the variance pass on: the mean gradient, and the part along the normalised x itself
        along, common = (scale * each / n.to(scale.dtype) for each in both.chunk(2))
        passed = functional.batch_norm(x, mean, variance, along, common, False, 0.0, ctx.eps)
        return of_x.sub_(passed), of_weight, of_bias, None, None, None, None


def _normalised(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """The same in steps that can be differentiated twice."""
    wide = x if x.dtype == torch.float64 else x.float()
    variance, mean = torch.var_mean(wide, dim=(0, 2, 3), correction=0)
    mean, variance, _ = _moments_of_processes(mean, variance, x.numel() // x.shape[1])
    centred = (wide - mean[:, None, None]) * torch.rsqrt(variance + eps)[:, None, None]
    return (centred * weight[:, None, None] + bias[:, None, None]).to(x.dtype)


def _moments(x: Tensor) -> tuple[Tensor, Tensor, int]:
    """Mean and variance (n_channels,) of this process's (batch, n_channels, h, w), and the places they are from."""
    wide = x if x.dtype == torch.float64 else x.float()
    if x.device.type == "cpu":  # twenty times as fast there where channels lie side by side
        mean, variance = torch.batch_norm_update_stats(wide, None, None, 0.0)
    else:
        variance, mean = torch.var_mean(wide, dim=(0, 2, 3), correction=0)
    return mean, variance, x.numel() // x.shape[1]


def _moments_of_processes(mean: Tensor, variance: Tensor, n_here: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance over all processes from those of each, and the places they are from.

    They are put together in double precision: the square of a mean that is far from zero leaves too few digits for the
    variance otherwise.
    """
    wide_mean, wide_variance, n = mean.double(), variance.double(), mean.new_full((1,), n_here, dtype=torch.float64)
    sums: Tensor = torch.cat([n * wide_mean, n * (wide_variance + wide_mean.square()), n])
    sums = _SumOfProcesses.apply(sums)  # type: ignore[no-untyped-call]
    n = sums[-1].detach()
    all_mean, square = sums[:-1].div(n).chunk(2)
    return all_mean.to(mean.dtype), (square - all_mean.square()).clamp_min(0.0).to(mean.dtype), n
