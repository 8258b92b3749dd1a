"""DCGAN: deep convolutional generator and discriminator.

Source: Radford, Metz and Chintala 2015, "Unsupervised representation learning with deep convolutional generative
adversarial networks", section 3. At 64 pixels, three channels and a width of 64 the generator has 3,576,704 weights
and the discriminator 2,765,568. Every doubling of the picture adds one layer at the narrow end of the generator.
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from models.gan.strided import DoublingConv2d, HalvingConv2d

SIZES = (32, 64, 128)
SLOPE = 0.2


def n_doublings(size: int) -> int:
    """Doublings from a map of 4 x 4 to a picture of `size` pixels.

    Raises
    ------
    ValueError
        If `size` is none of `SIZES`.
    """
    if size not in SIZES:
        raise ValueError(f"A GAN makes pictures of {', '.join(map(str, SIZES))} pixels; got {size}.")
    return (size // 4).bit_length() - 1


class DcganGenerator(nn.Module):
    """Latent -> picture, by transposed convolutions alone.

    Parameters
    ----------
    latent_dim : int
        Components of the latent.
    size : int
        Side of the picture: 32, 64 or 128.
    n_channels : int
        Channels of the picture.
    width : int
        Channels of the largest hidden map; each smaller one has twice as many.
    """

    def __init__(self, latent_dim: int = 100, size: int = 64, n_channels: int = 3, width: int = 64) -> None:
        super().__init__()
        self.latent_dim, self.size, self.n_channels = latent_dim, size, n_channels
        widths = [width * 2**step for step in reversed(range(n_doublings(size)))]
        self.body = nn.Sequential(
            _up(latent_dim, widths[0], stride=1),
            *(_up(n_in, n_out, stride=2) for n_in, n_out in itertools.pairwise(widths)),
            DoublingConv2d(widths[-1], n_channels),
            nn.Tanh(),
        )

    def forward(self, latent: Tensor) -> Tensor:
        """Images (batch, n_channels, size, size) in -1 to 1 of latents (batch, latent_dim)."""
        image: Tensor = self.body(latent[:, :, None, None])
        return image.float()


class DcganDiscriminator(nn.Module):
    """Picture -> logit of being real, by strided convolutions alone.

    The sigmoid of the paper is part of the loss, which is safer in floating point and the same number.

    Parameters
    ----------
    size : int
        Side of the picture: 32, 64 or 128.
    n_channels : int
        Channels of the picture.
    width : int
        Channels of the largest hidden map; each smaller one has twice as many.
    batch_norm : bool
        The paper's batch normalisation from the second layer on; spectral normalisation goes without.
    """

    def __init__(self, size: int = 64, n_channels: int = 3, width: int = 64, batch_norm: bool = True) -> None:
        super().__init__()
        self.size, self.n_channels = size, n_channels
        widths = [width * 2**step for step in range(n_doublings(size))]
        self.body = nn.Sequential(
            HalvingConv2d(n_channels, widths[0]),
            nn.LeakyReLU(SLOPE, inplace=True),
            *(_down(n_in, n_out, batch_norm) for n_in, n_out in itertools.pairwise(widths)),
        )
        self.head = nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False)

    def features(self, image: Tensor) -> Tensor:
        """The last map, flat (batch, 16 x channels), of images (batch, n_channels, size, size) in -1 to 1."""
        hidden: Tensor = self.body(image)
        return hidden.flatten(1).float()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch,) of images (batch, n_channels, size, size) in -1 to 1."""
        logit: Tensor = self.head(self.body(image))
        return logit.flatten().float()


def _up(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    first = nn.ConvTranspose2d(n_in, n_out, 4, 1, 0, bias=False)
    return nn.Sequential(
        first if stride == 1 else DoublingConv2d(n_in, n_out), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)
    )


def _down(n_in: int, n_out: int, batch_norm: bool) -> nn.Sequential:
    norm = [nn.BatchNorm2d(n_out)] if batch_norm else []
    return nn.Sequential(HalvingConv2d(n_in, n_out), *norm, nn.LeakyReLU(SLOPE, inplace=True))
