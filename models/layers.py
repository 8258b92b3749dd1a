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
