"""Blocks become chunks: order, scale, gaps, times."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.streams.cutting import ChunkCutter

SFREQ = 100.0


def cutter(n_channels: int = 2, **options: float) -> ChunkCutter:
    return ChunkCutter(np.arange(n_channels), np.ones(n_channels), SFREQ, **options)


def grid(start: int, stop: int) -> np.ndarray:
    return 5.0 + np.arange(start, stop) / SFREQ


def test_takes_columns_in_the_order_asked_for_and_scales_them() -> None:
    block = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.int16)
    chunk = ChunkCutter(np.array([2, 0]), np.array([1.0, 1e6]), SFREQ).cut(block, grid(0, 2), 9.0)[0]
    assert chunk.data.dtype == np.float32
    np.testing.assert_array_equal(chunk.data, [[3, 6], [1e6, 4e6]])
    assert chunk.arrived_s == 9.0


def test_nan_is_passed_on() -> None:
    chunk = cutter(1).cut(np.array([[np.nan], [1.0]]), grid(0, 2), 0.0)[0]
    np.testing.assert_array_equal(chunk.data, [[np.nan, 1.0]])


def test_splits_a_block_at_each_gap_and_goes_on_counting() -> None:
    times = np.concatenate([grid(0, 4), grid(7, 9), grid(20, 23)])
    chunks = cutter().cut(np.zeros((9, 2)), times, 0.0)
    assert [chunk.n_times for chunk in chunks] == [4, 2, 3]
    assert [chunk.gap_before for chunk in chunks] == [False, True, True]
    assert [chunk.first_sample for chunk in chunks] == [0, 4, 6]


def test_sees_a_gap_between_two_blocks() -> None:
    cut = cutter()
    cut.cut(np.zeros((4, 2)), grid(0, 4), 0.0)
    assert not cut.cut(np.zeros((4, 2)), grid(4, 8), 0.0)[0].gap_before
    assert cut.cut(np.zeros((4, 2)), grid(11, 15), 0.0)[0].gap_before


def test_a_step_that_is_late_by_a_sample_and_a_half_is_no_gap() -> None:
    assert len(cutter().cut(np.zeros((2, 2)), np.array([5.0, 5.0249]), 0.0)) == 1
    assert len(cutter().cut(np.zeros((2, 2)), np.array([5.0, 5.0251]), 0.0)) == 2


def test_lateness_within_the_declared_jitter_is_no_gap() -> None:
    assert len(cutter(jitter_s=0.05).cut(np.zeros((2, 2)), np.array([5.0, 5.055]), 0.0)) == 1


def test_sender_that_stamps_on_arrival_is_not_accused_of_losing_samples() -> None:
    rng = np.random.default_rng(0)
    arrivals = np.repeat(np.arange(200) * 0.08 + rng.uniform(0, 0.03, 200), 8)  # chunks of 8, up to 30 ms late
    times = arrivals + np.tile(np.arange(-7, 1) / SFREQ, 200)
    cut, chunks = cutter(), []
    for start in range(0, len(times), 8):
        chunks += cut.cut(np.zeros((8, 2)), times[start : start + 8], 0.0)
    assert sum(chunk.gap_before for chunk in chunks[20:]) == 0
    assert (np.diff(np.concatenate([chunk.times for chunk in chunks])) > 0).all()


def test_stall_that_is_made_up_in_one_block_is_no_gap() -> None:
    times = np.concatenate([grid(0, 5), np.full(5, grid(9, 10)[0]) + 1e-4 * np.arange(5), grid(10, 15)])
    chunks = cutter().cut(np.zeros((15, 2)), times, 0.0)
    assert [chunk.n_times for chunk in chunks] == [15]


def test_gap_of_a_sender_that_is_faster_than_it_declares_is_seen() -> None:
    cut = cutter()
    cut.cut(np.zeros((4000, 2)), 5.0 + np.arange(4000) / (2 * SFREQ), 0.0)
    assert cut.tolerance_s <= 0.4
    assert cut.cut(np.zeros((1, 2)), np.array([25.5]), 0.0)[0].gap_before


def test_clock_that_is_set_back_is_a_gap() -> None:
    cut = cutter()
    cut.cut(np.zeros((4, 2)), grid(100, 104), 0.0)
    chunk = cut.cut(np.zeros((4, 2)), grid(0, 4), 0.0)[0]
    assert chunk.gap_before
    np.testing.assert_array_equal(chunk.times, grid(0, 4))


def test_interruption_is_a_gap_even_if_the_times_go_on() -> None:
    cut = cutter()
    cut.interrupt()
    assert not cut.cut(np.zeros((4, 2)), grid(0, 4), 0.0)[0].gap_before
    cut.interrupt()
    assert cut.cut(np.zeros((4, 2)), grid(4, 8), 0.0)[0].gap_before


@pytest.mark.parametrize("size", [1, 7, 64])
def test_gaps_do_not_depend_on_the_blocks(size: int) -> None:
    rng = np.random.default_rng(3)
    ticks = np.cumsum(rng.choice([1, 1, 1, 1, 1, 4], 300))
    cut, chunks = cutter(1), []
    for start in range(0, 300, size):
        piece = ticks[start : start + size]
        chunks += cut.cut(np.zeros((len(piece), 1)), 5.0 + piece / SFREQ, 0.0)
    found = [chunk.first_sample for chunk in chunks if chunk.gap_before]
    np.testing.assert_array_equal(found, np.flatnonzero(np.diff(ticks) > 2) + 1)


def test_the_quick_way_gives_what_the_careful_way_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    steps = np.where(rng.random(4000) < 0.01, rng.uniform(-2, 6, 4000), 1 + 0.05 * rng.normal(size=4000))
    stamps = np.cumsum(steps) / 500
    block = rng.normal(size=(4000, 3)).astype(np.float32)
    sizes = rng.integers(1, 20, 1000).cumsum()

    def cut_all() -> list[tuple[int, int, bool, float, float]]:
        cutter = ChunkCutter(np.array([2, 0]), np.ones(2), 500.0)
        pieces = zip(np.split(block, sizes[sizes < 4000]), np.split(stamps, sizes[sizes < 4000]), strict=True)
        chunks = [chunk for data, times in pieces for chunk in cutter.cut(data, times, 0.0)]
        return [(c.first_sample, c.n_times, c.gap_before, float(c.times.sum()), float(c.data.sum())) for c in chunks]

    quick = cut_all()
    monkeypatch.setattr(ChunkCutter, "_is_even", lambda self, times: False)
    assert quick == cut_all()
    assert any(gap for _, _, gap, _, _ in quick)
