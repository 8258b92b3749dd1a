"""Standard scores by what was measured in training, inside the network."""

from __future__ import annotations

from torch import Tensor, nn


class Standardise(nn.Module):
    """Subtracts the mean of the training signals and takes out their spread, or whitens them.

    Parameters
    ----------
    mean : Tensor (n_rows,)
        Of each feature, or channel.
    matrix : Tensor (n_rows, n_rows)
        What the difference from the mean is multiplied with.
    waves : bool
        Rows are the last axis but one (channels of waves); else the last (features of words).
    limit : float
        Standard deviations beyond which a value is cut: one electrode pop must not speak for the whole sentence.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, mean: Tensor, matrix: Tensor, waves: bool = False, limit: float = 8.0) -> None:
        super().__init__()
        self.waves, self.limit = waves, limit
        self.register_buffer("mean", mean.detach().clone())
        self.register_buffer("matrix", matrix.detach().clone())

    def forward(self, signal: Tensor) -> Tensor:
        """Standard scores (batch, n, n_rows), or of waves (batch, n_rows, n), of the signal, of the same shape."""
        rows = signal.transpose(-1, -2) if self.waves else signal
        scores = (rows - self.mean) @ self.matrix.T
        return (scores.transpose(-1, -2) if self.waves else scores).clamp(-self.limit, self.limit)
