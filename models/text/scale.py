"""Standard scores by what was measured in training, inside the network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Subtracts the mean of the training signals and divides by their spread.

    Parameters
    ----------
    mean, spread : Tensor
        Of each row, shaped to broadcast: (n_features,) for words, (n_channels, 1) for waves.
    limit : float
        Standard deviations beyond which a value is cut: one electrode pop must not speak for the whole sentence.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, mean: Tensor, spread: Tensor, limit: float = 8.0) -> None:
        super().__init__()
        self.limit = limit
        self.register_buffer("mean", mean.detach().clone())
        self.register_buffer("spread", spread.detach().clone().clamp(min=torch.finfo(torch.float32).eps))

    def forward(self, signal: Tensor) -> Tensor:
        """Standard scores of the signal, of the same shape."""
        scores: Tensor = ((signal - self.mean) / self.spread).clamp(-self.limit, self.limit)
        return scores
