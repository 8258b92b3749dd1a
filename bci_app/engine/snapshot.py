"""The newest stretch of signal for the window: of very many channels a selection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SignalError
from bci_app.contract.signal import Marker
from bci_app.engine.views import SignalSnapshot
from bci_app.streams.ring import Ring

_ALL_SHOWN = 256
_SELECTED = 64


def shown_rows(n_channels: int) -> NDArray[np.intp]:
    """Which channels a window shows: all, or of more than 256 an even selection of 64."""
    if n_channels <= _ALL_SHOWN:
        return np.arange(n_channels)
    return np.linspace(0, n_channels - 1, _SELECTED).round().astype(np.intp)


def take_snapshot(
    ring: Ring, channels: Sequence[str], rows: NDArray[np.intp], markers: Sequence[Marker], seconds: float
) -> SignalSnapshot | None:
    """The newest `seconds` in the ring; None before the first sample. Any thread.

    Parameters
    ----------
    ring : Ring
        Preprocessed signal.
    channels : sequence of str
        Names of its rows.
    rows : int array
        Which of them are wanted, see `shown_rows`.
    markers : sequence of Marker
        The last ones; those within the stretch are given.
    """
    newest = ring.newest
    start = max(newest - max(int(seconds * ring.sfreq), 1), ring.oldest)
    if newest <= start:
        return None
    try:
        data, times = ring.read(start, newest, None if len(rows) == len(channels) else rows)
    except SignalError:  # overwritten between the two lines: the buffer is not longer than `seconds`
        return None
    gaps, at = [], ring.first_gap(start, newest)
    while at is not None:
        gaps.append(float(times[at - start]))
        at = ring.first_gap(at, newest)
    within = tuple(marker for marker in markers if marker.time >= times[0])
    return SignalSnapshot(tuple(channels[row] for row in rows), ring.sfreq, data, times, within, tuple(gaps))
