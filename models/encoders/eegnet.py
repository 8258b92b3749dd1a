"""EEGNet: a few filters in time, each with a few patterns of channels, then a filter over what they give."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PATTERN_NORM, DENSE_NORM = 1.0, 0.25
"""Largest norm of a channel pattern and of a row of the last layer (Lawhern et al. 2018, table 2)."""


class EegNet(nn.Module):
    """Compact convolutional network for EEG.

    Source: Lawhern et al. 2018, "EEGNet: a compact convolutional neural network for EEG-based brain-computer
    interfaces", J. Neural Eng. 15, table 2; its lengths are for 128 Hz.

    Parameters
    ----------
    n_channels, n_times : int
        Size of a window.
    dim : int
        Numbers that come out.
    n_filters : int
        Filters in time (F1).
    depth : int
        Channel patterns of each (D).
    n_separable : int
        Filters of the second block (F2).
    kernel, pool : int
        Samples of a filter in time, and of those averaged after the channel patterns.
    separable_kernel, separable_pool : int
        The same in the second block, counted in averaged samples.
    dropout : float
        Share of the features that a training step leaves out.

    Raises
    ------
    ValueError
        If the window is too short to be averaged.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        n_filters: int = 8,
        depth: int = 2,
        n_separable: int = 16,
        kernel: int = 64,
        pool: int = 4,
        separable_kernel: int = 16,
        separable_pool: int = 8,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        n_left = n_times // pool // separable_pool
        if n_left < 1:
            raise ValueError(
                f"EEGNet averages {pool} samples and then {separable_pool} of these, so it needs windows of at least "
                f"{pool * separable_pool} samples; got {n_times}. Make the cut longer or the averages shorter"
            )
        n_patterns = n_filters * depth
        self.temporal = nn.Sequential(
            _keeping_length(kernel), nn.Conv2d(1, n_filters, (1, kernel), bias=False), nn.BatchNorm2d(n_filters)
        )
        self.patterns = nn.Conv2d(n_filters, n_patterns, (n_channels, 1), groups=n_filters, bias=False)
        self.first = nn.Sequential(nn.BatchNorm2d(n_patterns), nn.ELU(), nn.AvgPool2d((1, pool)), nn.Dropout(dropout))
        self.separable = nn.Sequential(
            _keeping_length(separable_kernel),
            nn.Conv2d(n_patterns, n_patterns, (1, separable_kernel), groups=n_patterns, bias=False),
            nn.Conv2d(n_patterns, n_separable, 1, bias=False),
            nn.BatchNorm2d(n_separable),
            nn.ELU(),
            nn.AvgPool2d((1, separable_pool)),
            nn.Dropout(dropout),
        )
        self.dense = nn.Linear(n_separable * n_left, dim)
        self.constrain()

    def forward(self, window: Tensor) -> Tensor:
        """Features (batch, dim) of windows (batch, n_channels, n_times)."""
        maps = self.first(self.patterns(self.temporal(window.unsqueeze(1))))
        features: Tensor = self.dense(self.separable(maps).flatten(1))
        return features

    @torch.no_grad()
    def constrain(self) -> None:
        """Scale channel patterns and rows of the last layer down to their largest norm, after each update."""
        for weight, largest in ((self.patterns.weight, PATTERN_NORM), (self.dense.weight, DENSE_NORM)):
            weight.copy_(torch.renorm(weight, p=2, dim=0, maxnorm=largest))


def _keeping_length(kernel: int) -> nn.ZeroPad2d:
    """Zeros round the time axis; torch's own padding="same" warns of kernels of even length."""
    return nn.ZeroPad2d(((kernel - 1) // 2, kernel // 2, 0, 0))


def constrain(network: nn.Module) -> None:
    """Heed the norms of every EEGNet inside a network."""
    for module in network.modules():
        if isinstance(module, EegNet):
            module.constrain()
