"""What the window is given of the ring: the newest stretch, and of very many channels a selection."""

from __future__ import annotations

import numpy as np

from bci_app.contract.signal import Chunk, Marker
from bci_app.engine.snapshot import shown_rows, take_snapshot
from bci_app.streams.ring import Ring


def filled(n_channels: int, sfreq: float, n_times: int, held_s: float) -> Ring:
    """Every sample of channel c holds c + its number / 1000; samples are missing before the last five."""
    ring = Ring(n_channels, sfreq, held_s)
    data = np.arange(n_channels, dtype=np.float32)[:, None] + np.arange(n_times, dtype=np.float32) / 1000
    times = np.arange(n_times) / sfreq
    ring.write(Chunk(data[:, :-5], times[:-5], 0))
    ring.write(Chunk(data[:, -5:], times[-5:] + 10 / sfreq, 0, gap_before=True))
    return ring


def test_all_channels_of_a_cap_are_shown_and_an_even_selection_of_a_brain() -> None:
    np.testing.assert_array_equal(shown_rows(256), np.arange(256))
    rows = shown_rows(20_000)
    assert (len(rows), rows[0], rows[-1]) == (64, 0, 19_999)
    assert set(np.diff(rows)) <= {317, 318}


def test_the_snapshot_holds_the_newest_samples_of_the_selected_channels() -> None:
    ring, channels = filled(300, 0.4, 40, 75.0), tuple(f"v{number}" for number in range(300))
    rows = shown_rows(300)
    markers = (Marker(0.0, "long ago"), Marker(95.0, "house"))
    got = take_snapshot(ring, channels, rows, markers, 25.0)
    assert got is not None
    assert got.channels == tuple(f"v{row}" for row in rows)
    np.testing.assert_array_equal(
        got.data, rows.astype(np.float32)[:, None] + np.arange(30, 40, dtype=np.float32) / 1000
    )
    assert got.gaps == (35 * 2.5 + 25.0,)
    assert [marker.label for marker in got.markers] == ["house"]


def test_there_is_none_before_the_first_sample_and_one_sample_at_least_after_it() -> None:
    ring = Ring(2, 0.1, 100.0)
    assert take_snapshot(ring, ("a", "b"), shown_rows(2), (), 5.0) is None
    ring.write(Chunk(np.ones((2, 1), np.float32), np.zeros(1), 0))
    got = take_snapshot(ring, ("a", "b"), shown_rows(2), (), 5.0)
    assert got is not None
    assert got.data.shape == (2, 1)
