"""Round numbers for scales, lengths and ticks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SCALES = tuple(digit * 10.0**power for power in range(-1, 4) for digit in (1.0, 2.0, 5.0))
"""Distances between neighbouring traces, in the unit of the signal, that the up and down keys step through."""


def step(steps: tuple[float, ...], value: float, by: int) -> float:
    """The one of `steps` that is `by` places after the one nearest to `value`; at their ends, the last."""
    nearest = min(range(len(steps)), key=lambda index: abs(steps[index] - value))
    return steps[min(max(nearest + by, 0), len(steps) - 1)]


def ticks(span_s: float, most: int) -> list[float]:
    """Round seconds from 0 to `span_s`, about `most` of them."""
    gap_s = next((gap for gap in (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0) if span_s / gap <= most), 300.0)
    return [gap_s * count for count in range(int(span_s / gap_s) + 1)]


def bar_rows(rows: int) -> int:
    """Length of the scale bar in rows: about a tenth of the picture, at least one row."""
    return next((length for length in (1, 2, 5, 10, 20) if length * 16 >= rows), 50)


def fitting_scale(data: npt.NDArray[np.float32]) -> float:
    """The least scale at which a usual channel of `data` (n_channels, n_times) swings by a third of a row."""
    spread = data.std(axis=1)
    usual = float(np.median(spread[spread > 0])) if (spread > 0).any() else 1.0
    return next((scale for scale in SCALES if scale >= 3 * usual), SCALES[-1])
