"""BigBiGAN: a generator, a stochastic encoder, and a discriminator that judges picture, latent and their pairing.

Source: Donahue and Simonyan 2019, "Large scale adversarial representation learning", section 2; networks after
Brock et al. 2019, appendix B. Widths are a setting, because the published ones want many accelerators.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.gan.blocks import ConditionalNorm, DownBlock, ResidualDense, SelfAttention, UpBlock
from models.gan.dcgan import n_doublings

START = 4
Pooling = Literal["sum", "flat"]


GENERATOR_WIDTHS = {32: (4, 4, 4, 4), 64: (16, 16, 8, 4, 2), 128: (16, 16, 8, 4, 2, 1)}
"""Channels of the generator's maps from 4 x 4 up, in units of a base width (Brock et al. 2019, tables 4 to 6)."""
TRUNK_WIDTHS = {32: (4, 4, 4, 4), 64: (1, 2, 4, 8, 16), 128: (1, 2, 4, 8, 16, 16)}
"""Channels that leave each block of the discriminator. At 32 pixels the published one stops at a map of 8 x 8."""


def n_maps(size: int, fold: int = 1) -> int:
    """Maps from 4 x 4 to the picture's side, or to half of it where two by two pixels are folded into channels."""
    return n_doublings(size) + 1 - (fold == 2)


def _check_widths(size: int, fold: int, widths: Sequence[int]) -> None:
    if len(widths) != n_maps(size, fold):
        raise ValueError(
            f"Pictures of {size} pixels folded by {fold} need {n_maps(size, fold)} widths, one per map from 4 x 4; "
            f"got {len(widths)}."
        )


class BigGenerator(nn.Module):
    """Latent -> picture.

    Parameters
    ----------
    latent_dim : int
        Components of the latent.
    size : int
        Side of the picture: 32, 64 or 128.
    n_channels : int
        Channels of the picture.
    widths : sequence of int
        Channels of the maps, from 4 x 4 up; see `GENERATOR_WIDTHS`.
    skip_z : bool
        The latent is cut into equal chunks: the first makes the 4 x 4 map, the others set the gains of one block each.
    attention : int, optional
        Side of the map after which self-attention is placed.
    fold : {1, 2}
        2: the largest map has half the picture's side, and each of its places draws 2 x 2 pixels.

    Raises
    ------
    ValueError
        If the widths do not lead to the size, the latent cannot be cut evenly, or there is no such map.
    """

    def __init__(
        self,
        latent_dim: int,
        size: int,
        n_channels: int,
        widths: Sequence[int],
        skip_z: bool = True,
        attention: int | None = None,
        fold: int = 1,
    ) -> None:
        super().__init__()
        _check_widths(size, fold, widths)
        n_blocks = len(widths) - 1
        if skip_z and latent_dim % (n_blocks + 1):
            raise ValueError(
                f"Skip-z cuts the latent into {n_blocks + 1} equal chunks; {latent_dim} components cannot be. "
                f"Use {latent_dim - latent_dim % (n_blocks + 1)} or {latent_dim + -latent_dim % (n_blocks + 1)}."
            )
        self.latent_dim, self.size, self.n_channels, self.skip_z = latent_dim, size, n_channels, skip_z
        self.chunk_dim = latent_dim // (n_blocks + 1) if skip_z else 0
        self.first = (widths[0], START, START)
        self.stem = nn.Linear(self.chunk_dim or latent_dim, widths[0] * START**2)
        self.blocks = nn.ModuleList(UpBlock(n_in, n_out, self.chunk_dim) for n_in, n_out in itertools.pairwise(widths))
        self.attention, self.attention_after = _attention(
            attention, [START * 2 ** (i + 1) for i in range(n_blocks)], widths[1:]
        )
        self.norm = ConditionalNorm(widths[-1], 0)
        self.head = nn.Conv2d(widths[-1], n_channels * fold**2, 3, padding=1)
        self.unfold = nn.PixelShuffle(fold) if fold == 2 else nn.Identity()

    def forward(self, latent: Tensor) -> Tensor:
        """Images (batch, n_channels, size, size) in -1 to 1 of latents (batch, latent_dim)."""
        chunks: Sequence[Tensor | None]
        if self.skip_z:
            first, *chunks = torch.split(latent, self.chunk_dim, dim=1)
        else:
            first, chunks = latent, [None] * len(self.blocks)
        hidden = self.stem(first).unflatten(1, self.first)
        for index, (block, chunk) in enumerate(zip(self.blocks, chunks, strict=True)):
            hidden = block(hidden, chunk)
            if self.attention is not None and index == self.attention_after:
                hidden = self.attention(hidden)
        return torch.tanh(self.unfold(self.head(functional.relu(self.norm(hidden)))).float())


class ImageTrunk(nn.Module):
    """Picture -> features: the body of the encoder and of the discriminator's image part F.

    Parameters
    ----------
    size, n_channels : int
        Side and channels of the picture.
    widths : sequence of int
        Channels that leave each block; all blocks but the last halve the map, down to 4 x 4. See `TRUNK_WIDTHS`.
    batch_norm : bool
        For the encoder; the discriminator has none.
    attention : int, optional
        Side of the map on which self-attention is placed.
    fold : {1, 2}
        2: two by two pixels become channels first.
    pooling : {"sum", "flat"}
        How the 4 x 4 map becomes features: summed over places as in BigGAN, or all places side by side.
    """

    def __init__(
        self,
        size: int,
        n_channels: int,
        widths: Sequence[int],
        batch_norm: bool,
        attention: int | None = None,
        fold: int = 1,
        pooling: Pooling = "sum",
    ) -> None:
        super().__init__()
        _check_widths(size, fold, widths)
        self.fold = nn.PixelUnshuffle(2) if fold == 2 else nn.Identity()
        self.pooling = pooling
        n_in = [n_channels * fold**2, *widths[:-1]]
        self.blocks = nn.ModuleList(
            DownBlock(a, b, halve=index < len(widths) - 1, first=index == 0, batch_norm=batch_norm)
            for index, (a, b) in enumerate(zip(n_in, widths, strict=True))
        )
        sides = [size // fold // 2 ** (index + 1) for index in range(len(widths) - 1)]
        self.attention, self.attention_after = _attention(attention, sides, widths)
        self.norm = nn.BatchNorm2d(widths[-1]) if batch_norm else nn.Identity()
        self.dim = widths[-1] * (START**2 if pooling == "flat" else 1)

    def forward(self, image: Tensor) -> Tensor:
        """Features (batch, dim) of images (batch, n_channels, size, size) in -1 to 1."""
        hidden = self.fold(image)
        for index, block in enumerate(self.blocks):
            hidden = block(hidden)
            if self.attention is not None and index == self.attention_after:
                hidden = self.attention(hidden)
        hidden = functional.relu(self.norm(hidden))
        return hidden.flatten(1) if self.pooling == "flat" else hidden.sum(dim=(2, 3))


def _attention(side: int | None, sides: Sequence[int], widths: Sequence[int]) -> tuple[SelfAttention | None, int]:
    if side is None:
        return None, -1
    if side not in sides:
        raise ValueError(
            f"Self-attention needs a map of its side; there are maps of {', '.join(map(str, sides))}, got {side}."
        )
    place = list(sides).index(side)
    return SelfAttention(widths[place]), place


class BigEncoder(nn.Module):
    """Picture -> mean and standard deviation of its latent.

    Parameters
    ----------
    latent_dim : int
        Components of the latent.
    trunk : ImageTrunk
        What sees the picture.
    """

    def __init__(self, latent_dim: int, trunk: ImageTrunk) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.trunk = trunk
        self.head = nn.Linear(trunk.dim, 2 * latent_dim)

    def features(self, image: Tensor) -> Tensor:
        """What the head sees, (batch, trunk.dim)."""
        features: Tensor = self.trunk(image)
        return features.float()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, each (batch, latent_dim), of images (batch, channels, size, size) in -1 to 1."""
        mean, raw = self.head(self.trunk(image)).float().chunk(2, dim=1)
        return mean, functional.softplus(raw)


class JointDiscriminator(nn.Module):
    """Three scores for a picture and a latent: of the picture, of the latent, and of the two together.

    Parameters
    ----------
    latent_dim : int
        Components of the latent.
    trunk : ImageTrunk
        F, the image part.
    dense_width, dense_blocks : int
        Units and residual blocks of H (latent) and J (joint).

    Source: Donahue and Simonyan 2019, section 2, figure 1: F, H and J.
    """

    def __init__(self, latent_dim: int, trunk: ImageTrunk, dense_width: int = 256, dense_blocks: int = 2) -> None:
        super().__init__()
        self.image = trunk
        self.latent = _dense(latent_dim, dense_width, dense_blocks)
        self.joint = _dense(trunk.dim + dense_width, dense_width, dense_blocks)
        self.image_score = nn.Linear(trunk.dim, 1)
        self.latent_score = nn.Linear(dense_width, 1)
        self.joint_score = nn.Linear(dense_width, 1)

    def forward(self, image: Tensor, latent: Tensor) -> Tensor:
        """Scores (batch, 3): s_x, s_z and s_xz, of images in -1 to 1 and latents (batch, latent_dim)."""
        seen, coded = self.image(image), self.latent(latent)
        both = self.joint(torch.cat([seen, coded.to(seen.dtype)], dim=1))
        scores = [self.image_score(seen), self.latent_score(coded), self.joint_score(both)]
        return torch.cat([score.float() for score in scores], dim=1)


def _dense(n_in: int, width: int, n_blocks: int) -> nn.Sequential:
    blocks = (ResidualDense(width) for _ in range(n_blocks))
    return nn.Sequential(nn.Linear(n_in, width), *blocks, nn.LeakyReLU(0.2))
