"""A reader round an encoder: in training with a mixing of channels per subject, outside with all of it in one matrix."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SubjectLayer(nn.Module):
    """A mixing of channels of each subject's own; all begin as the identity.

    Source: the subject layer of Défossez et al. 2023, "Decoding speech perception from non-invasive brain recordings",
    Nature Machine Intelligence 5, there after a mixing of channels by their place.

    Parameters
    ----------
    n_subjects, n_channels : int
    """

    def __init__(self, n_subjects: int, n_channels: int) -> None:
        super().__init__()
        self.mixing = nn.Parameter(torch.eye(n_channels).repeat(n_subjects, 1, 1))

    def forward(self, window: Tensor, subject: Tensor) -> Tensor:
        """Windows (batch, n_channels, n_times) mixed by the matrix of the subject (batch,) of each."""
        return self.mixing[subject] @ window

    def matrix(self, subject: int | None) -> Tensor:
        """The mixing (n_channels, n_channels) of a subject; of one that is not known, the mean of all."""
        mixing = self.mixing.detach()
        return mixing.mean(dim=0) if subject is None else mixing[subject]


class ReaderNetwork(nn.Module):
    """Subject layer, encoder, and two linear heads.

    Parameters
    ----------
    encoder : nn.Module
        Windows (batch, n_channels, n_times) -> features (batch, width).
    n_subjects, n_channels, width : int
    latent_dim : int
        Of the generator.
    embedding_dim : int
        Of what a contrastive objective compares with.
    """

    def __init__(
        self, encoder: nn.Module, n_subjects: int, n_channels: int, width: int, latent_dim: int, embedding_dim: int
    ) -> None:
        super().__init__()
        self.subjects = SubjectLayer(n_subjects, n_channels)
        self.encoder = encoder
        self.latent = nn.Linear(width, latent_dim)
        self.embedding = nn.Linear(width, embedding_dim)

    def forward(self, window: Tensor, subject: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (batch, latent_dim) and embeddings (batch, embedding_dim) of standardised windows."""
        features = self.features(window, subject)
        return self.latent(features), self.embedding(features)

    def features(self, window: Tensor, subject: Tensor) -> Tensor:
        """Features (batch, width) of standardised windows (batch, n_channels, n_times) of the subjects (batch,)."""
        out: Tensor = self.encoder(self.subjects(window, subject))
        return out


class PortableReader(nn.Module):
    """Window in microvolts -> latent, for one subject; nothing that was fitted is outside.

    Parameters
    ----------
    mean : Tensor (n_channels, n_times)
        Subtracted first.
    matrix : Tensor (n_channels, n_channels)
        Standardises, whitens and mixes the channels.
    encoder : nn.Module
        See `ReaderNetwork`.
    head : nn.Linear
        Features -> latent.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, mean: Tensor, matrix: Tensor, encoder: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.register_buffer("mean", mean.detach().clone())
        self.register_buffer("matrix", matrix.detach().clone())
        self.encoder = encoder
        self.head = head

    def forward(self, window: Tensor) -> Tensor:
        """Latents (batch, latent_dim) of windows (batch, n_channels, n_times)."""
        latent: Tensor = self.head(self.encoder(self.matrix @ (window - self.mean)))
        return latent
