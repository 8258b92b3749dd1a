"""Attention over channels before the temporal-spatial convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.encoders.nice import Nice


class ChannelAttention(nn.Module):
    """Each channel looks at all others and at its whole course in time; the window keeps its size.

    Sources: Vaswani et al. 2017, "Attention is all you need", equation 1; Liu et al. 2024, "iTransformer" (ICLR), section
    3.1, for a course in time as one token; layer normalisation stands before each part, beside the shortcut.

    Parameters
    ----------
    n_channels, n_times : int
        Size of a window.
    width : int
        Numbers that a channel is described with.
    n_heads : int
        Must divide the width.
    dropout : float
        Share that a training step leaves out.

    Raises
    ------
    ValueError
        If the heads do not divide the width.
    """

    def __init__(self, n_channels: int, n_times: int, width: int = 64, n_heads: int = 4, dropout: float = 0.25) -> None:
        super().__init__()
        if width % n_heads:
            raise ValueError(f"{n_heads} heads must divide a width of {width} evenly. Choose another width")
        self.n_heads, self.dropout = n_heads, dropout
        self.enter = nn.Linear(n_times, width)
        self.places = nn.Parameter(0.02 * torch.randn(n_channels, width))
        self.asking = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3 * width))
        self.answer = nn.Linear(width, width)
        self.beside = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )
        self.leave = nn.Linear(width, n_times)

    def forward(self, window: Tensor) -> Tensor:
        """Windows (batch, n_channels, n_times) to the same shape; what was found is added to them."""
        tokens = self.enter(window) + self.places
        tokens = tokens + self.answer(self._look(tokens))
        tokens = tokens + self.beside(tokens)
        out: Tensor = window + self.leave(tokens)
        return out

    def _look(self, tokens: Tensor) -> Tensor:
        n_channels, width = tokens.shape[1:]
        parts = self.asking(tokens).reshape(-1, n_channels, 3, self.n_heads, width // self.n_heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(query @ key.transpose(2, 3) * (width // self.n_heads) ** -0.5, dim=3)  # eq. 1
        seen = functional.dropout(weights, self.dropout, self.training) @ value
        joined: Tensor = seen.transpose(1, 2).reshape(-1, n_channels, width)
        return joined


class AttentionNice(nn.Module):
    """`ChannelAttention` and then `Nice`, as the adaptive thinking mapper orders them.

    Source: Li et al. 2024, "Visual decoding and reconstruction via EEG embeddings with guided diffusion" (NeurIPS). The
    subject's token of the paper is a `models.encoders.reader.SubjectLayer` here.

    Parameters
    ----------
    n_channels, n_times, dim : int
        Size of a window, and numbers that come out.
    width, n_heads : int
        See `ChannelAttention`.
    n_filters, kernel, pool, stride, dropout
        See `Nice`; the attention leaves out half as many.

    Raises
    ------
    ValueError
        If the window is too short, or the heads do not divide the width.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        width: int = 64,
        n_heads: int = 4,
        n_filters: int = 40,
        kernel: int = 25,
        pool: int = 51,
        stride: int = 5,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.attention = ChannelAttention(n_channels, n_times, width, n_heads, dropout / 2)
        self.nice = Nice(n_channels, n_times, dim, n_filters, kernel, pool, stride, dropout)

    def forward(self, window: Tensor) -> Tensor:
        """Features (batch, dim) of windows (batch, n_channels, n_times)."""
        features: Tensor = self.nice(self.attention(window))
        return features
