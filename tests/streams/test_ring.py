"""The ring against a rolling buffer that cannot be wrong."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from bci_app.contract.errors import SignalError
from bci_app.contract.signal import Chunk
from bci_app.contract.windowing import HopWindows, WindowSpec
from bci_app.streams.ring import Ring

SFREQ = 100.0


def chunk(start: int, n_times: int, gap: bool = False, n_channels: int = 2, at: float = 0.0) -> Chunk:
    numbers = np.arange(start, start + n_times)
    data = numbers + 1000.0 * np.arange(n_channels)[:, None]
    return Chunk(data.astype(np.float32), at + numbers / SFREQ, start, arrived_s=float(start), gap_before=gap)


@pytest.mark.parametrize("seed", range(5))
def test_ring_equals_a_rolling_buffer_for_any_writes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ring, length = Ring(2, SFREQ, 0.5), 50
    data, times = np.zeros((2, 0), np.float32), np.zeros(0)
    for n_times in rng.integers(0, 130, 60):
        new = chunk(data.shape[1], int(n_times))
        ring.write(new)
        data, times = np.hstack([data, new.data]), np.hstack([times, new.times])
        assert (ring.oldest, ring.newest) == (max(data.shape[1] - length, 0), data.shape[1])
        start, stop = np.sort(rng.integers(ring.oldest, ring.newest + 1, 2))
        got, stamps = ring.read(int(start), int(stop))
        np.testing.assert_array_equal(got, data[:, start:stop])
        np.testing.assert_array_equal(stamps, times[start:stop])
        if ring.newest:
            assert ring.index_at(times[ring.oldest] + 0.004) == ring.oldest
            assert ring.arrived_at(ring.newest - 1) == new.arrived_s or n_times == 0


@pytest.mark.parametrize(("start", "stop"), [(9, 20), (50, 61), (30, 20), (-3, 0)])
def test_ring_refuses_samples_that_are_overwritten_or_not_there(start: int, stop: int) -> None:
    ring = Ring(2, SFREQ, 0.5)
    ring.write(chunk(0, 60))
    with pytest.raises(SignalError, match="holds 10 to 60"):
        ring.read(start, stop)


def test_copies_do_not_change_when_more_is_written() -> None:
    ring = Ring(2, SFREQ, 0.5)
    ring.write(chunk(0, 50))
    data, _ = ring.read(0, 50)
    ring.write(chunk(50, 50))
    np.testing.assert_array_equal(data[0], np.arange(50))


def test_gaps_are_kept_as_long_as_their_samples() -> None:
    ring = Ring(2, SFREQ, 0.5)
    for start, gap in ((0, True), (20, True), (30, False), (40, True)):
        ring.write(chunk(start, 10 if start else 20, gap))
    assert ring.first_gap(0, 50) == 20
    assert ring.first_gap(20, 50) == 40
    assert ring.first_gap(20, 40) is None
    assert ring.last_gap == 40
    ring.write(chunk(50, 45, True))
    assert ring.first_gap(45, 95) == 50


def test_gap_before_a_chunk_that_decimation_left_empty_is_not_forgotten() -> None:
    ring = Ring(2, SFREQ, 0.5)
    ring.write(chunk(0, 10))
    ring.write(chunk(10, 0, gap=True))
    ring.write(chunk(10, 10))
    assert ring.first_gap(0, 20) == 10


def test_times_before_the_first_and_after_the_last_sample_have_no_index() -> None:
    ring = Ring(2, SFREQ, 0.5)
    assert ring.index_at(0.0) is None
    ring.write(chunk(0, 60))
    assert ring.index_at(0.05) is None
    assert ring.index_at(0.60) is None
    assert ring.index_at(0.594) == 59


def test_after_the_clock_was_set_back_times_lead_to_the_new_samples() -> None:
    ring = Ring(2, SFREQ, 0.5)
    ring.write(chunk(0, 20, at=100.0))
    ring.write(chunk(20, 20, gap=True, at=50.0))
    assert ring.index_at(50.25) == 25
    assert ring.index_at(100.05) is None


def test_reader_waits_until_something_is_written() -> None:
    ring = Ring(2, SFREQ, 0.5)
    assert not ring.wait_newer(0, 0.01)
    writer = threading.Timer(0.05, ring.write, [chunk(0, 5)])
    writer.start()
    assert ring.wait_newer(0, 5.0)
    writer.join()


def test_whoever_waits_for_something_else_as_well_is_woken_for_it() -> None:
    ring, there = Ring(2, SFREQ, 1.0), list[int]()
    other = threading.Timer(0.02, lambda: (there.append(1), ring.nudge()))
    other.start()
    assert ring.wait_newer(0, 5.0, lambda: bool(there))
    other.join()
    assert ring.newest == 0


def test_window_iterator_reads_the_ring_as_it_reads_an_array() -> None:
    ring, windows = Ring(2, SFREQ, 1.0), HopWindows(WindowSpec(window_s=0.2, hop_s=0.1), SFREQ)
    found = []
    for start in range(0, 100, 7):
        ring.write(chunk(start, 7))
        found += list(windows.due(ring))
    assert [window.first_sample for window in found] == list(range(0, 81, 10))
    assert all(window.data[0, 0] == window.first_sample for window in found)


def test_readers_never_see_a_half_written_chunk() -> None:
    ring, torn, stop = Ring(4, SFREQ, 0.5), [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            newest = ring.newest
            if newest > 20:
                try:
                    data, times = ring.read(newest - 20, newest)
                except SignalError:  # overwritten since: the reader was slow
                    continue
                if (np.diff(data[0]) != 1).any() or (np.round(times * SFREQ) != data[0]).any():
                    torn.append(newest)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for start in range(0, 20_000, 8):
        ring.write(chunk(start, 8, n_channels=4))
    stop.set()
    for reader in readers:
        reader.join()
    assert not torn


@pytest.mark.parametrize(("n_channels", "seconds"), [(0, 1.0), (2, 0.0)])
def test_ring_that_would_hold_nothing_is_refused(n_channels: int, seconds: float) -> None:
    with pytest.raises(SignalError, match="at least one sample"):
        Ring(n_channels, SFREQ, seconds)


def test_chunk_of_other_channels_is_refused() -> None:
    with pytest.raises(SignalError, match="shape"):
        Ring(2, SFREQ, 1.0).write(chunk(0, 5, n_channels=3))
