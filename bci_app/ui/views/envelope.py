"""Thinning of traces for the screen: at most a lowest and a highest point per column of pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LONG = 16
"""Samples from which on it is faster to go bin by bin than sample by sample: five times with 54 of them."""


def envelope(data: npt.NDArray[np.float32], step: int, skip: int) -> npt.NDArray[np.float32]:
    """Lowest and highest sample of every run of `step` samples, alternating.

    No peak is lost, whatever the step: a pop of one sample stays visible.

    Parameters
    ----------
    data : float32 array (n_channels, n_times)
        Traces, any unit.
    step : int
        Samples per bin; 1 returns the samples themselves.
    skip : int
        Samples left out at the start, so that bins stay on the same samples while the picture scrolls.

    Returns
    -------
    float32 array (n_channels, 2 * n_bins), or (n_channels, n_times - skip) for a step of 1
        Low, high, low, high, ...
    """
    kept = data[:, skip:]
    if step == 1:
        return kept
    n_channels, n_bins = data.shape[0], kept.shape[1] // step
    kept = kept[:, : n_bins * step]
    points = np.empty((n_channels, n_bins, 2), dtype=np.float32)
    low, high = points[:, :, 0], points[:, :, 1]
    if step >= _LONG:
        starts = np.arange(0, n_bins * step, step)
        low[:] = np.minimum.reduceat(kept, starts, axis=1)
        high[:] = np.maximum.reduceat(kept, starts, axis=1)
        return points.reshape(n_channels, 2 * n_bins)
    bins = kept.reshape(n_channels, n_bins, step)
    low[:] = high[:] = bins[:, :, 0]
    for sample in range(1, step):
        np.minimum(low, bins[:, :, sample], out=low)
        np.maximum(high, bins[:, :, sample], out=high)
    return points.reshape(n_channels, 2 * n_bins)


def step_for(n_times: int, n_channels: int, width_px: int, most_points: int = 24_000) -> int:
    """Samples per bin that keep a picture within 2 points per pixel and `most_points` in all.

    Parameters
    ----------
    n_times, n_channels : int
        Shape of the traces.
    width_px : int
        Width of the plot in pixels.
    most_points : int
        Limit over all channels: it bounds the time of one paint, during which no result can be taken.

    Returns
    -------
    int
        At least 1.
    """
    columns = max(1, min(width_px, most_points // (2 * max(1, n_channels))))
    return max(1, -(-n_times // columns)) if n_times > 2 * columns else 1
