"""What is done to standardised windows while training: small shifts in time, channels left out, noise.

Whitened windows have channels of unit spread, so that a noise level is a share of each channel's own spread.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.reader_recipe import AugmentationSettings


def augment(window: Tensor, rng: np.random.Generator, settings: AugmentationSettings, spread: Tensor) -> Tensor:
    """Each window changed by its own numbers.

    Parameters
    ----------
    window : Tensor (batch, n_channels, n_times)
    rng : numpy.random.Generator
        Made from seed and step, so that a step sees the same in every run.
    settings : AugmentationSettings
        What is done and how much; nothing by default.
    spread : Tensor (n_channels,)
        Standard deviation of each channel over training trials.
    """
    shape, reach = window.shape, settings.shift_times
    if reach:
        window = shift_in_time(window, torch.from_numpy(rng.integers(-reach, reach + 1, shape[0])))
    if settings.noise:
        white = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
        window = window + settings.noise * spread[:, None] * white
    if settings.drop_channels:
        window = drop_channels(window, torch.from_numpy(rng.random(shape[:2]) < settings.drop_channels))
    return window


def shift_in_time(window: Tensor, shift: Tensor) -> Tensor:
    """Windows (batch, n_channels, n_times) moved later by `shift` (batch,) samples each.

    Nothing wraps round: what comes in from outside is the first or last sample.
    """
    n_times = window.shape[2]
    place = (torch.arange(n_times) - shift[:, None]).clamp(0, n_times - 1)
    return window.gather(2, place[:, None, :].expand(-1, window.shape[1], -1))


def drop_channels(window: Tensor, dropped: Tensor) -> Tensor:
    """Windows (batch, n_channels, n_times) with the channels of `dropped` (batch, n_channels) at zero."""
    return window.masked_fill(dropped[:, :, None], 0.0)
