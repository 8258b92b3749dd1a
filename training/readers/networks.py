"""From the recipe's words to a network: lengths in seconds become samples."""

from __future__ import annotations

import torch
from torch import nn

from bci_app.contract.errors import SettingsError
from models.encoders.attention import AttentionNice
from models.encoders.eegnet import EegNet
from models.encoders.nice import Nice
from models.encoders.reader import ReaderNetwork
from training.reader_recipe import AttentionSettings, DeepSettings, EegNetSettings


def build_network(
    settings: DeepSettings,
    window: tuple[int, int],
    sfreq: float,
    latent_dim: int,
    embedding_dim: int,
    n_subjects: int,
    seed: int,
) -> ReaderNetwork:
    """An untrained network, initialised from `seed` alone.

    Parameters
    ----------
    settings : EegNetSettings, NiceSettings or AttentionSettings
    window : (n_channels, n_times)
    sfreq : float
        Rate of the preprocessed windows in Hz.
    latent_dim, embedding_dim, n_subjects, seed : int
        See `models.encoders.reader.ReaderNetwork`.

    Raises
    ------
    SettingsError
        If the window is too short for the filters, or the heads do not divide the width.
    """
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            encoder = _encoder(settings, *window, sfreq)
            return ReaderNetwork(encoder, n_subjects, window[0], settings.width, latent_dim, embedding_dim)
    except ValueError as error:
        raise SettingsError(
            f"reader.kind={settings.kind} does not fit windows of {window[1]} samples at {sfreq:g} Hz: {error} "
            "(reader.*_s, in seconds)."
        ) from None


def _encoder(settings: DeepSettings, n_channels: int, n_times: int, sfreq: float) -> nn.Module:
    def samples(seconds: float) -> int:
        return max(round(seconds * sfreq), 1)

    size = (n_channels, n_times, settings.width)
    if isinstance(settings, EegNetSettings):
        return EegNet(
            *size,
            n_filters=settings.n_filters,
            depth=settings.depth,
            n_separable=settings.n_separable,
            kernel=samples(settings.kernel_s),
            pool=samples(settings.pool_s),
            separable_kernel=settings.separable_kernel,
            separable_pool=settings.separable_pool,
            dropout=settings.dropout,
        )
    kernel, pool, stride = (samples(seconds) for seconds in (settings.kernel_s, settings.pool_s, settings.stride_s))
    if isinstance(settings, AttentionSettings):
        attention = (settings.token_width, settings.n_heads)
        return AttentionNice(*size, *attention, settings.n_filters, kernel, pool, stride, settings.dropout)
    return Nice(*size, settings.n_filters, kernel, pool, stride, settings.dropout)
