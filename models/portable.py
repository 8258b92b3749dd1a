"""Networks as they leave the workshop: pictures are uint8 in colour outside, and everything fitted is inside the graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.layers import Whitening

LUMA = (0.299, 0.587, 0.114)
"""Share of red, green and blue in the grey of a picture (ITU-R BT.601), as grey training pictures are made."""


class PortableGenerator(nn.Module):
    """Latent -> picture as bytes; a grey one leaves in three equal channels.

    Parameters
    ----------
    generator : nn.Module
        Latent (batch, dim) -> image (batch, 1 or 3, h, w) in -1 to 1.
    standard : Whitening, optional
        What takes the generator's own latents to the coordinates they have outside; none leaves them as they are.
    """

    def __init__(self, generator: nn.Module, standard: Whitening | None = None) -> None:
        super().__init__()
        self.generator = generator
        self.standard = standard

    def forward(self, latent: Tensor) -> Tensor:
        """Images uint8 (batch, h, w, 3) of latents float32 (batch, dim)."""
        image = self.generator(latent if self.standard is None else self.standard.inverse(latent))
        scaled = torch.clamp(torch.round((image + 1.0) * 127.5), 0.0, 255.0)
        coloured = scaled.expand(-1, 3, -1, -1) if scaled.shape[1] == 1 else scaled
        return coloured.permute(0, 2, 3, 1).to(torch.uint8)


class PortableEncoder(nn.Module):
    """Picture as bytes -> mean latent.

    Parameters
    ----------
    encoder : nn.Module
        Image (batch, n_channels, h, w) in -1 to 1 -> mean (batch, dim), and how far from it the latent may lie.
    standard : Whitening, optional
        What takes the encoder's latents to the coordinates they have outside; none leaves them as they are.
    n_channels : {1, 3}
        Channels that the encoder sees; one is the luma.
    """

    luma: Tensor

    def __init__(self, encoder: nn.Module, standard: Whitening | None = None, n_channels: int = 3) -> None:
        super().__init__()
        self.encoder = encoder
        self.standard = standard
        self.n_channels = n_channels
        self.register_buffer("luma", torch.tensor(LUMA))

    def forward(self, image: Tensor) -> Tensor:
        """Latents float32 (batch, dim) of images uint8 (batch, h, w, 3)."""
        mean, _ = self.encoder(_as_trained(image, self.luma, self.n_channels))
        return mean if self.standard is None else self.standard(mean)  # type: ignore[no-any-return]


class PortableClassifier(nn.Module):
    """Picture as bytes -> one number per class.

    Parameters
    ----------
    classifier : nn.Module
        Image (batch, n_channels, h, w) in -1 to 1 -> numbers (batch, n_classes).
    n_channels : {1, 3}
        Channels that it sees; one is the luma.
    """

    luma: Tensor

    def __init__(self, classifier: nn.Module, n_channels: int = 3) -> None:
        super().__init__()
        self.classifier = classifier
        self.n_channels = n_channels
        self.register_buffer("luma", torch.tensor(LUMA))

    def forward(self, image: Tensor) -> Tensor:
        """Numbers float32 (batch, n_classes) of images uint8 (batch, h, w, 3)."""
        return self.classifier(_as_trained(image, self.luma, self.n_channels))  # type: ignore[no-any-return]


def _as_trained(image: Tensor, luma: Tensor, n_channels: int) -> Tensor:
    """Images uint8 (batch, h, w, 3) as networks see them, (batch, n_channels, h, w) in -1 to 1."""
    numbers = image.to(torch.float32)
    if n_channels == 1:
        numbers = (numbers * luma).sum(dim=3, keepdim=True)
    return numbers.permute(0, 3, 1, 2) / 127.5 - 1.0
