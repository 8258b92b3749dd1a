"""Networks as they leave the workshop: pictures are uint8 outside, and everything fitted is inside the graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.layers import Whitening


class PortableGenerator(nn.Module):
    """Standardised latent -> picture as bytes.

    Parameters
    ----------
    generator : nn.Module
        Latent (batch, dim) -> image (batch, 3, h, w) in -1 to 1.
    standard : Whitening
        What takes the generator's own latents to unit covariance.
    """

    def __init__(self, generator: nn.Module, standard: Whitening) -> None:
        super().__init__()
        self.generator = generator
        self.standard = standard

    def forward(self, latent: Tensor) -> Tensor:
        """Images uint8 (batch, h, w, 3) of latents float32 (batch, dim)."""
        image = self.generator(self.standard.inverse(latent))
        scaled = torch.clamp(torch.round((image + 1.0) * 127.5), 0.0, 255.0)
        return scaled.permute(0, 2, 3, 1).to(torch.uint8)


class PortableEncoder(nn.Module):
    """Picture as bytes -> standardised mean latent.

    Parameters
    ----------
    encoder : nn.Module
        Image (batch, 3, h, w) in -1 to 1 -> mean and log variance (batch, dim).
    standard : Whitening
        What takes the encoder's latents to unit covariance.
    """

    def __init__(self, encoder: nn.Module, standard: Whitening) -> None:
        super().__init__()
        self.encoder = encoder
        self.standard = standard

    def forward(self, image: Tensor) -> Tensor:
        """Latents float32 (batch, dim) of images uint8 (batch, h, w, 3)."""
        scaled = image.to(torch.float32).permute(0, 3, 1, 2) / 127.5 - 1.0
        mean, _ = self.encoder(scaled)
        standardised: Tensor = self.standard(mean)
        return standardised
