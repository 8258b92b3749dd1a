"""How long each step took, over the last results: kept as stamps, published as percentiles."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

from bci_app.engine.views import LatencyRow, Reconstruction

STEPS = (
    "transport age",
    "filter, ring, window",
    "decoder",
    "generator",
    "hand-over to Qt",
    "total software",
)
"""Transport age: time stamp of the newest sample to its arrival, which includes the sender's chunking. Total software:
arrival of the last sample to the picture given to Qt."""


class LatencyLog:
    """The last `length` results with the time of each step; any thread may add and read.

    Parameters
    ----------
    length : int
        Results held.
    with_age : bool
        Whether time stamps tell when samples were taken; if not, the transport age is left out of `rows`.
    """

    def __init__(self, length: int = 2000, with_age: bool = True) -> None:
        self._first_row = 0 if with_age else 1
        self._lock = threading.Lock()
        self._steps: deque[tuple[float, ...]] = deque(maxlen=length)
        self.first_handed_s: float | None = None

    def add(self, result: Reconstruction, handed_s: float) -> None:
        """Note `result`, whose picture was given to Qt at `handed_s` (LSL seconds)."""
        steps = (
            result.arrived_s - result.sampled_s,
            result.cut_s - result.arrived_s,
            result.decoded_s - result.cut_s,
            result.generated_s - result.decoded_s,
            handed_s - result.generated_s,
            handed_s - result.arrived_s,
        )
        with self._lock:
            self._steps.append(steps)
            if self.first_handed_s is None:
                self.first_handed_s = handed_s

    def milliseconds(self) -> NDArray[np.float64]:
        """All results held (n, len(STEPS)), in milliseconds."""
        with self._lock:
            rows = list(self._steps)
        return 1000 * np.array(rows, dtype=np.float64).reshape(-1, len(STEPS))

    def rows(self) -> tuple[LatencyRow, ...]:
        """Percentiles of each step; empty before the first result."""
        steps = self.milliseconds()
        if len(steps) == 0:
            return ()
        p50, p95, p99, top = (*np.percentile(steps, (50, 95, 99), axis=0), steps.max(axis=0))
        return tuple(
            LatencyRow(step, float(p50[i]), float(p95[i]), float(p99[i]), float(top[i]), len(steps))
            for i, step in enumerate(STEPS)
            if i >= self._first_row
        )
