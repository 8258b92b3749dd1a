"""Blocks that the networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
        x = input if input.dtype == torch.float64 else input.float()
        mean, variance, n = _moments_of_processes(x)
        self._remember(mean.detach(), variance.detach(), n)
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        centred = x - mean[:, None, None]
        shifted = centred * scale[:, None, None]
        return (shifted + self.bias[:, None, None] if self.affine else shifted).to(input.dtype)

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


def _moments_of_processes(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance (n_channels,) of (batch, n_channels, h, w) over all processes, and the places they are from.

    What the processes have is put together in double precision: the square of a mean that is far from zero leaves too
    few digits for the variance otherwise.
    """
    variance, mean = (each.double() for each in torch.var_mean(x, dim=(0, 2, 3), correction=0))
    n_here = mean.new_full((1,), float(x.numel() // x.shape[1]))
    sums: Tensor = torch.cat([n_here * mean, n_here * (variance + mean.square()), n_here])
    sums = _SumOfProcesses.apply(sums)  # type: ignore[no-untyped-call]
    n = sums[-1].detach()
    mean, square = sums[:-1].div(n).chunk(2)
    return mean.to(x.dtype), (square - mean.square()).clamp_min(0.0).to(x.dtype), n
