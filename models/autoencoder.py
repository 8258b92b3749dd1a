"""Convolutional variational autoencoder: picture -> latent distribution, latent -> picture.

Source: Kingma and Welling 2014, "Auto-encoding variational Bayes". Both networks work on half the picture size and
fold 2 x 2 pixels into channels (Shi et al. 2016, sub-pixel convolution), which makes them four times cheaper on a
processor without an accelerator.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.layers import convolution, down, up

START = 4
"""Side of the smallest feature map."""


def picture_size(widths: Sequence[int]) -> int:
    """Side in pixels of the pictures of a network with these channel widths, one per resolution."""
    return int(START * 2 ** len(widths))


class Encoder(nn.Module):
    """Picture -> mean and log variance of its latent.

    Parameters
    ----------
    latent_dim : int
        Components of the latent.
    widths : sequence of int
        Channels at each resolution, largest map first.
    residuals : sequence of int
        Residual blocks at each resolution, as many as `widths`.
    """

    def __init__(self, latent_dim: int, widths: Sequence[int], residuals: Sequence[int]) -> None:
        super().__init__()
        if len(widths) != len(residuals):
            raise ValueError(f"The encoder needs one residual count per width; got {len(residuals)} for {len(widths)}.")
        self.latent_dim = latent_dim
        self.size = picture_size(widths)
        steps = zip(widths[:-1], widths[1:], residuals[1:], strict=True)
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),
            convolution(12, widths[0]),
            *(down(n_in, n_out, n_residual) for n_in, n_out, n_residual in steps),
        )
        self.head = nn.Linear(widths[-1] * START**2, 2 * latent_dim)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, each (batch, latent_dim), of images (batch, 3, size, size) in -1 to 1."""
        mean, log_variance = self.head(self.body(image).flatten(1)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-10.0, 4.0)


class Generator(nn.Module):
    """Latent -> picture.

    Parameters
    ----------
    latent_dim : int
        Components of the latent.
    widths : sequence of int
        Channels at each resolution, smallest map first.
    residuals : sequence of int
        Residual blocks at each resolution, as many as `widths`.
    """

    def __init__(self, latent_dim: int, widths: Sequence[int], residuals: Sequence[int]) -> None:
        super().__init__()
        if len(widths) != len(residuals):
            raise ValueError(
                f"The generator needs one residual count per width; got {len(residuals)} for {len(widths)}."
            )
        self.latent_dim = latent_dim
        self.size = picture_size(widths)
        self.first = (widths[0], START, START)
        self.stem = nn.Linear(latent_dim, widths[0] * START**2)
        steps = zip(widths[:-1], widths[1:], residuals[1:], strict=True)
        self.body = nn.Sequential(
            convolution(widths[0], widths[0]),
            *(up(n_in, n_out, n_residual) for n_in, n_out, n_residual in steps),
            nn.Conv2d(widths[-1], 12, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, latent: Tensor) -> Tensor:
        """Images (batch, 3, size, size), about -1 to 1 but not clipped, of latents (batch, latent_dim)."""
        image: Tensor = self.body(self.stem(latent).unflatten(1, self.first))
        return image.float()


class LinearView(nn.Module):
    """Latent -> small picture by one matrix; used in training only.

    It keeps the coarse picture a linear function of the latent: a latent that is read with an error, or shrunk
    towards the mean as every regression shrinks it, then draws a paler picture instead of another one.

    Parameters
    ----------
    latent_dim : int
        Components of the latent.
    size : int
        Side of the small picture in pixels.
    """

    def __init__(self, latent_dim: int, size: int = 16) -> None:
        super().__init__()
        self.size = size
        self.weights = nn.Linear(latent_dim, 3 * size**2)

    def forward(self, latent: Tensor) -> Tensor:
        """Images (batch, 3, size, size) of latents (batch, latent_dim)."""
        image: Tensor = self.weights(latent).unflatten(1, (3, self.size, self.size))
        return image


def sample_posterior(mean: Tensor, log_variance: Tensor, noise: torch.Generator | None) -> Tensor:
    """One latent of each distribution, differentiable in both parameters (Kingma and Welling 2014, section 2.4)."""
    draw = torch.randn(mean.shape, generator=noise)
    return mean + torch.exp(0.5 * log_variance) * draw
