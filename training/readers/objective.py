"""What a deep reader minimises: how far its latents are off, and how badly windows and pictures find each other."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.reader_recipe import ObjectiveSettings

FIRST_TEMPERATURE, LARGEST_SCALE = 0.07, 100.0
"""Where the temperature begins, and the largest factor before the softmax (Radford et al. 2021, section 2.5)."""


def squared_error(latent: Tensor, target: Tensor) -> Tensor:
    """Mean over trials and components of the squared difference of latents (batch, latent_dim)."""
    return functional.mse_loss(latent, target)


def cosine_distance(latent: Tensor, target: Tensor) -> Tensor:
    """Mean over trials of 1 - the cosine between latents (batch, latent_dim)."""
    return 1.0 - functional.cosine_similarity(latent, target, dim=1).mean()


class Temperature(nn.Module):
    """The learned factor of `info_nce`, kept as its logarithm; it begins at 1 / 0.07 and stays below 100."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1.0 / FIRST_TEMPERATURE)))

    def forward(self) -> Tensor:
        """The factor."""
        return self.log_scale.exp()

    @torch.no_grad()
    def constrain(self) -> None:
        """Clamp it, after each update."""
        self.log_scale.clamp_(max=math.log(LARGEST_SCALE))


def info_nce(embedding: Tensor, target: Tensor, scale: Tensor, picture: Tensor) -> Tensor:
    """Symmetric cross-entropy of finding the picture of each window, and the window of each picture, in the batch.

    Parameters
    ----------
    embedding, target : Tensor (batch, dim)
        Of the window and of its picture; their lengths do not matter.
    scale : Tensor ()
        One over the temperature.
    picture : Tensor (batch,)
        Number of the picture; the same one shown again is not held against a window.

    Source: Radford et al. 2021, "Learning transferable visual models from natural language supervision", figure 3, which
    is equations 2 to 4 of Zhang et al. 2022 (ConVIRT) with equal weights.
    """
    found = scale * functional.normalize(embedding, dim=1) @ functional.normalize(target, dim=1).T
    own = torch.eye(len(picture), dtype=torch.bool, device=picture.device)
    found = found.masked_fill((picture[:, None] == picture) & ~own, -torch.inf)
    place = torch.arange(len(picture), device=picture.device)
    return 0.5 * (functional.cross_entropy(found, place) + functional.cross_entropy(found.T, place))  # eq. 4


def parts_of_loss(
    read: tuple[Tensor, Tensor],
    target: Tensor,
    compared: Tensor,
    picture: Tensor,
    temperature: Temperature,
    weights: ObjectiveSettings,
) -> dict[str, Tensor]:
    """The loss as the recipe mixes it, and those of its parts that count.

    Parameters
    ----------
    read : (Tensor (batch, latent_dim), Tensor (batch, embedding_dim))
        Latents and embeddings of the windows.
    target : Tensor (batch, latent_dim)
        Latents of the pictures shown.
    compared : Tensor (batch, embedding_dim)
        What the embeddings are compared with: image features, or the latents again.
    picture : Tensor (batch,)
        Number of the picture of each.
    temperature : Temperature
    weights : ObjectiveSettings
    """
    latent, embedding = read
    parts = {}
    if weights.squared_error:
        parts["squared_error"] = squared_error(latent, target)
    if weights.cosine:
        parts["cosine"] = cosine_distance(latent, target)
    if weights.contrastive:
        parts["contrastive"] = info_nce(embedding, compared, temperature(), picture)
    total = sum((getattr(weights, name) * part for name, part in parts.items()), torch.zeros(()))
    return {"loss": total, **parts}
