"""NICE: filters in time, averages, then patterns of channels; and the projector behind them.

Source: Song et al. 2024, "Decoding natural images from EEG for object recognition" (ICLR), and its published code; lengths
are for 63 channels and one second at 250 Hz, where 1,440 features come out.
"""

from __future__ import annotations

from torch import Tensor, nn

SPREAD = 0.02
"""Standard deviation of the weights at the beginning."""


class TemporalSpatial(nn.Module):
    """Filters in time, averages over time, patterns of channels, one more mixing of filters.

    Parameters
    ----------
    n_channels, n_times : int
        Size of a window.
    n_filters : int
        Of each kind.
    kernel : int
        Samples of a filter.
    pool, stride : int
        Samples averaged, and from one average to the next.
    dropout : float
        Share of the features that a training step leaves out.

    Attributes
    ----------
    n_features : int
        Features of a window.

    Raises
    ------
    ValueError
        If the window is shorter than a filter and an average.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_filters: int = 40,
        kernel: int = 25,
        pool: int = 51,
        stride: int = 5,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if n_times < kernel + pool - 1:
            raise ValueError(
                f"A filter of {kernel} samples and an average over {pool} need windows of at least {kernel + pool - 1} "
                f"samples; got {n_times}. Make the cut longer, or filter and average shorter"
            )
        self.n_features = n_filters * ((n_times - kernel + 1 - pool) // stride + 1)
        self.layers = nn.Sequential(
            nn.Conv2d(1, n_filters, (1, kernel)),
            nn.AvgPool2d((1, pool), (1, stride)),
            nn.BatchNorm2d(n_filters),
            nn.ELU(),
            nn.Conv2d(n_filters, n_filters, (n_channels, 1)),
            nn.BatchNorm2d(n_filters),
            nn.ELU(),
            nn.Dropout(dropout),
            nn.Conv2d(n_filters, n_filters, 1),
        )

    def forward(self, window: Tensor) -> Tensor:
        """Features (batch, n_features), time by time, of windows (batch, n_channels, n_times)."""
        maps: Tensor = self.layers(window.unsqueeze(1))
        return maps.squeeze(2).transpose(1, 2).flatten(1)


class ResidualProjector(nn.Module):
    """A linear layer, another one beside a shortcut, and layer normalisation.

    Parameters
    ----------
    n_features, dim : int
        Numbers that go in and come out.
    dropout : float
        Share of the second layer's output that a training step leaves out.
    """

    def __init__(self, n_features: int, dim: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.enter = nn.Linear(n_features, dim)
        self.beside = nn.Sequential(nn.GELU(), nn.Linear(dim, dim), nn.Dropout(dropout))
        self.norm = nn.LayerNorm(dim)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, n_features) -> (batch, dim)."""
        entered = self.enter(features)
        projected: Tensor = self.norm(entered + self.beside(entered))
        return projected


class Nice(nn.Module):
    """Temporal-spatial convolution and projector, with weights from N(0, 0.02).

    Parameters
    ----------
    n_channels, n_times, dim : int
        Size of a window, and numbers that come out.
    n_filters, kernel, pool, stride, dropout
        See `TemporalSpatial`; both parts share the dropout.

    Raises
    ------
    ValueError
        If the window is too short.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        n_filters: int = 40,
        kernel: int = 25,
        pool: int = 51,
        stride: int = 5,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.convolution = TemporalSpatial(n_channels, n_times, n_filters, kernel, pool, stride, dropout)
        self.projector = ResidualProjector(self.convolution.n_features, dim, dropout)
        self.apply(initialise)

    def forward(self, window: Tensor) -> Tensor:
        """Features (batch, dim) of windows (batch, n_channels, n_times)."""
        features: Tensor = self.projector(self.convolution(window))
        return features


def initialise(module: nn.Module) -> None:
    """Weights of convolutions and linear layers from N(0, 0.02), gains of batch normalisation from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, SPREAD)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, SPREAD)
