"""A Transformer over the words of a sentence."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class WordEncoder(nn.Module):
    """Features of each word and its place -> a vector per word that knows the others.

    DeWave takes six layers of width 840 with eight heads and a hidden width of 2,048; layer normalisation stands before each
    part here. Source: Duan et al. 2023, "DeWave: discrete EEG waves encoding for brain dynamics to text translation" (NeurIPS),
    section 3.1; Vaswani et al. 2017, "Attention is all you need", section 3.5, for the codes of places.

    Parameters
    ----------
    n_features, width : int
        Numbers per word that go in and come out.
    n_layers, n_heads, hidden : int
        Of the Transformer; the heads divide the width.
    dropout : float
        Share that a training step leaves out.
    max_words : int
        Words in a sentence at most.

    Raises
    ------
    ValueError
        If the heads do not divide the width.
    """

    places: Tensor

    def __init__(
        self,
        n_features: int,
        width: int = 840,
        n_layers: int = 6,
        n_heads: int = 8,
        hidden: int = 2048,
        dropout: float = 0.1,
        max_words: int = 56,
    ) -> None:
        super().__init__()
        if width % n_heads:
            raise ValueError(f"{n_heads} heads must divide a width of {width} evenly. Choose another width")
        self.width, self.max_steps = width, max_words
        self.enter = nn.Linear(n_features, width)
        self.register_buffer("places", place_codes(max_words, width), persistent=False)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(width, n_heads, hidden, dropout, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, n_layers, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, words: Tensor, mask: Tensor | None = None) -> Tensor:
        """Vectors (batch, n_words, width) of words (batch, n_words, n_features).

        Parameters
        ----------
        words : Tensor
            Standardised features.
        mask : bool Tensor (batch, n_words), optional
            True where there is a word.
        """
        entered = self.dropout(self.enter(words) + self.places[: words.shape[1]])
        vectors: Tensor = self.layers(entered, src_key_padding_mask=None if mask is None else ~mask)
        return vectors

    def shorten(self, mask: Tensor) -> Tensor:
        """Which of the vectors are there, by which of the words are: the same."""
        return mask


def place_codes(n: int, width: int) -> Tensor:
    """Sines and cosines (n, width) of the place, in waves from 2 pi to 10,000 times 2 pi."""
    pairs = torch.arange(0, width, 2) / width
    angles = torch.arange(n)[:, None] * torch.exp(-math.log(10000.0) * pairs)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
