"""Sweep mode: new samples overwrite the old ones in place, from left to right, behind a gap that moves with them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

AHEAD = 0.04
"""Width of the gap before the newest sample, as a share of the picture."""

Floats = npt.NDArray[np.float64]


def swept(seconds: Floats, newest: float, span_s: float) -> Floats:
    """Where in the picture samples stand.

    Parameters
    ----------
    seconds : float64 array (n,)
        Before the newest sample, so not above 0.
    newest : float
        Time of the newest sample: the picture is turned over whenever this is a multiple of `span_s`.
    span_s : float
        Length of the picture.

    Returns
    -------
    float64 array (n,)
        From -`span_s` at the left edge to 0 at the right.
    """
    return np.mod(seconds + newest, span_s) - span_s


def pen_up(seconds: Floats, x: Floats, span_s: float) -> npt.NDArray[np.bool_]:
    """Which points (n,) are not drawn: those in the gap, and the last one before the right edge, from which the trace goes on
    at the left; `seconds` and `x` as in `swept`."""
    up: npt.NDArray[np.bool_] = seconds < -(1 - AHEAD) * span_s
    up[:-1] |= np.diff(x) < 0
    return up


def swept_pieces(start: float, stop: float, newest: float, span_s: float) -> tuple[tuple[float, float], ...]:
    """Where in the picture the time from `start` to `stop` stands, in seconds of the clock as `newest` is.

    What is older than the picture is left out. There are two pieces where it goes on at the left edge.
    """
    first, last = swept(np.array([max(start, newest - span_s), stop]) - newest, newest, span_s).tolist()
    return ((first, last),) if first <= last else ((first, 0.0), (-span_s, last))
