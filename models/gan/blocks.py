"""Blocks of the BigGAN family, and what is done to the weights of any network.

Source: Brock, Donahue and Simonyan 2019, "Large scale GAN training for high fidelity natural image synthesis",
appendix B; Zhang et al. 2019, "Self-attention generative adversarial networks", section 3.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

Initialisation = Literal["normal", "orthogonal"]
_WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
_SETTLING = 50
"""Power iterations before a spectral norm is taken for good; in training there is one per forward pass."""


class ConditionalNorm(nn.Module):
    """Batch normalisation whose gain and bias are linear in a chunk of the latent (skip-z).

    Source: Brock et al. 2019, appendix B, figure 15: gain is centred at one.

    Parameters
    ----------
    n_channels : int
        Channels of the map.
    chunk_dim : int
        Components of the latent that this layer sees; 0 makes it an ordinary batch normalisation.
    """

    def __init__(self, n_channels: int, chunk_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n_channels, affine=chunk_dim == 0)
        self.gain = nn.Linear(chunk_dim, n_channels, bias=False) if chunk_dim else None
        self.bias = nn.Linear(chunk_dim, n_channels, bias=False) if chunk_dim else None

    def forward(self, x: Tensor, chunk: Tensor | None = None) -> Tensor:
        """Map (batch, n_channels, h, w) to the same shape, with the latent chunk (batch, chunk_dim)."""
        normal: Tensor = self.norm(x)
        if self.gain is None or self.bias is None:
            return normal
        shaped: Tensor = normal * (1.0 + self.gain(chunk))[:, :, None, None] + self.bias(chunk)[:, :, None, None]
        return shaped


class UpBlock(nn.Module):
    """Residual block of the generator that doubles the map.

    Source: Brock et al. 2019, figure 15b: norm, rectifier, upsampling, convolution, norm, rectifier, convolution.
    """

    def __init__(self, n_in: int, n_out: int, chunk_dim: int = 0) -> None:
        super().__init__()
        self.norm1, self.norm2 = ConditionalNorm(n_in, chunk_dim), ConditionalNorm(n_out, chunk_dim)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.shortcut = nn.Conv2d(n_in, n_out, 1)

    def forward(self, x: Tensor, chunk: Tensor | None = None) -> Tensor:
        """Map (batch, n_in, h, w) to (batch, n_out, 2h, 2w)."""
        hidden = functional.relu(self.norm1(x, chunk))
        hidden = self.conv1(functional.interpolate(hidden, scale_factor=2.0, mode="nearest"))
        hidden = self.conv2(functional.relu(self.norm2(hidden, chunk)))
        # A 1 x 1 convolution commutes with nearest-neighbour upsampling, and is four times cheaper before it.
        out: Tensor = hidden + functional.interpolate(self.shortcut(x), scale_factor=2.0, mode="nearest")
        return out


class DownBlock(nn.Module):
    """Residual block of discriminator and encoder.

    Source: Brock et al. 2019, figure 15c: rectifier (not in the first block), convolution, rectifier, convolution,
    average pooling; the encoder has batch normalisation before each rectifier.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    halve : bool
        Whether the map is halved.
    first : bool
        The block that sees the picture itself: nothing before its first convolution.
    batch_norm : bool
        Normalise before each rectifier.
    """

    def __init__(
        self, n_in: int, n_out: int, halve: bool = True, first: bool = False, batch_norm: bool = False
    ) -> None:
        super().__init__()
        self.halve, self.first = halve, first
        self.norm1 = nn.BatchNorm2d(n_in) if batch_norm and not first else nn.Identity()
        self.norm2 = nn.BatchNorm2d(n_out) if batch_norm else nn.Identity()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.shortcut = nn.Conv2d(n_in, n_out, 1) if halve or n_in != n_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, n_in, h, w) to (batch, n_out, h / 2, w / 2), or to the same size."""
        hidden = x if self.first else functional.relu(self.norm1(x))
        hidden = self.conv2(functional.relu(self.norm2(self.conv1(hidden))))
        if not self.halve:
            return hidden + self.shortcut(x)  # type: ignore[no-any-return]
        # Pooling is linear and commutes with the 1 x 1 convolution: pool the sum, and the shortcut's input.
        return functional.avg_pool2d(hidden, 2) + self.shortcut(functional.avg_pool2d(x, 2))  # type: ignore[no-any-return]


class SelfAttention(nn.Module):
    """Each place of the map looks at all others; added with a gain that starts at zero.

    Source: Zhang et al. 2019, section 3, with the pooled keys and values of Brock et al. 2019.

    Parameters
    ----------
    n_channels : int
        Channels of the map, at least 8.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        if n_channels < 8:
            raise ValueError(
                f"Self-attention divides its channels by eight; {n_channels} are too few. Widen the network."
            )
        self.query = nn.Conv2d(n_channels, n_channels // 8, 1, bias=False)
        self.key = nn.Conv2d(n_channels, n_channels // 8, 1, bias=False)
        self.value = nn.Conv2d(n_channels, n_channels // 2, 1, bias=False)
        self.out = nn.Conv2d(n_channels // 2, n_channels, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, n_channels, h, w), h and w even, to the same shape."""
        query = self.query(x).flatten(2)
        key = functional.max_pool2d(self.key(x), 2).flatten(2)
        value = functional.max_pool2d(self.value(x), 2).flatten(2)
        weight = torch.softmax(query.transpose(1, 2) @ key, dim=-1)  # eq. 1, without the square root of the width
        seen = (value @ weight.transpose(1, 2)).view(*value.shape[:2], *x.shape[2:])
        return x + self.gain * self.out(seen)  # type: ignore[no-any-return]  # eq. 3


class ResidualDense(nn.Module):
    """Two linear layers beside a shortcut, for the latent and joint parts of the discriminator."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, dim) to the same shape."""
        return x + self.second(functional.leaky_relu(self.first(functional.leaky_relu(x, 0.2)), 0.2))  # type: ignore[no-any-return]


def initialise(network: nn.Module, how: Initialisation) -> None:
    """Set all weights: N(0, 0.02) with gains N(1, 0.02) (Radford et al. 2015), or orthogonal (Saxe et al. 2014).

    Biases become zero.
    """
    for module in network.modules():
        if isinstance(module, _WEIGHTED):
            if how == "orthogonal":
                nn.init.orthogonal_(module.weight)
            else:
                nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            if how == "normal":
                nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def add_spectral_norm(network: nn.Module, eps: float = 1e-6) -> None:
    """Divide every weight matrix by its largest singular value, one power iteration per forward pass in training.

    Source: Miyato et al. 2018, "Spectral normalization for generative adversarial networks", algorithm 1.
    """
    for module in list(network.modules()):
        if isinstance(module, _WEIGHTED):
            parametrizations.spectral_norm(module, eps=eps)


def remove_spectral_norm(network: nn.Module) -> None:
    """Put the divided weights in place of the parametrised ones, as a network leaves the workshop.

    In training the singular value lags one power iteration behind the weights; here it is let settle first. A network
    that this one was copied from keeps its own.
    """
    for module in list(network.modules()):
        if not parametrize.is_parametrized(module, "weight"):
            continue
        module.parametrizations["weight"].train()  # type: ignore[index, union-attr]
        with torch.no_grad():
            for _ in range(_SETTLING):
                _ = module.weight
        shared = type(module)  # torch removes a property of the class, which a copy shares with its original
        module.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
        parametrize.remove_parametrizations(module, "weight")
