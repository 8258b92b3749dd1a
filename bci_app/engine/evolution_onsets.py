"""How well pictures came on time, in frames of the screen they are shown on."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable

import numpy as np

from bci_app.engine.evolution_views import OnsetRow

_REFRESH_HZ = 60.0
_EXACT_S = 1e-6
"""Onsets are exact to a microsecond, so that one a whole frame late counts as one."""


class OnsetLog:
    """Delays of all pictures shown; any thread.

    Parameters
    ----------
    delays_s : iterable of float
        Of pictures shown before, in a run that is resumed; `n_never` were never painted.

    Attributes
    ----------
    refresh_hz : float
        Frames per second of the screen; 60 until the window knows better.
    """

    def __init__(self, delays_s: Iterable[float] = (), n_never: int = 0) -> None:
        self.refresh_hz = _REFRESH_HZ
        self._delays = list(delays_s)
        self._never = n_never
        self._lock = threading.Lock()

    def add(self, due_s: float, onset_s: float) -> None:
        """A picture that was due at `due_s` came at `onset_s`."""
        with self._lock:
            self._delays.append(onset_s - due_s)

    def add_never(self) -> None:
        """A picture was not painted at all."""
        with self._lock:
            self._never += 1

    def row(self) -> OnsetRow:
        """All delays so far; of a picture that came before it was due, none."""
        with self._lock:
            delays, never = np.array(self._delays, np.float64), self._never
        frames = np.floor((delays + _EXACT_S) * self.refresh_hz).clip(min=0)
        p50, p99 = 1000 * np.percentile(delays, (50, 99)) if delays.size else (math.nan, math.nan)
        return OnsetRow(
            n=delays.size,
            late=int(np.count_nonzero(frames)),
            worst_frames=int(frames.max(initial=0)),
            p50_ms=float(p50),
            p99_ms=float(p99),
            never=never,
            refresh_hz=self.refresh_hz,
        )
