"""A small classifier; what it computes before its last layer is a space in which pictures are compared."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from models.autoencoder import START
from models.layers import convolution, down


class Classifier(nn.Module):
    """Picture -> one score per class.

    Pixels are folded into channels first, as in `models.autoencoder`, and the last map is averaged over space.

    Parameters
    ----------
    n_channels : int
        Channels of the pictures, 1 or 3.
    n_classes : int
        Classes, at least 2.
    widths : sequence of int
        Channels at each resolution, largest map first; the last is the number of features.
    """

    def __init__(self, n_channels: int, n_classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.size = int(START * 2 ** len(widths))
        self.n_channels, self.n_features = n_channels, widths[-1]
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),
            convolution(4 * n_channels, widths[0]),
            *(down(n_in, n_out, 0) for n_in, n_out in itertools.pairwise(widths)),
        )
        self.head = nn.Linear(widths[-1], n_classes)

    def features(self, image: Tensor) -> Tensor:
        """Features (batch, widths[-1]) of images (batch, n_channels, size, size) in -1 to 1."""
        pooled: Tensor = self.body(image).mean(dim=(2, 3))
        return pooled.float()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, n_classes) of images (batch, n_channels, size, size) in -1 to 1."""
        logits: Tensor = self.head(self.features(image))
        return logits
