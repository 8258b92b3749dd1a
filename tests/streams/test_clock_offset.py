"""What LSL measures of a clock is followed slowly: errors of the measurement are no missing samples, missing samples are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bci_app.streams.clock_offset import ClockOffset
from bci_app.streams.cutting import ChunkCutter

SFREQ, BLOCK = 1000.0, 20
STARTS = np.arange(0, 20_000, BLOCK)

Offset = Callable[[float, float], float]


def erring(at_s: float) -> float:
    """Two seconds of each measurement, 14 ms too early and 14 ms too late."""
    return 3.0 - 0.014 * (-1) ** int(at_s // 2)


def gaps(offset: Offset, missing_at: int | None = None) -> list[int]:
    """Where a stream whose clock is three seconds behind ours seems to lack samples; three of it may really be missing."""
    ticks = np.arange(STARTS[-1] + BLOCK) + (0 if missing_at is None else 3 * (np.arange(20_000) >= missing_at))
    cutter, found = ChunkCutter(np.arange(1), np.ones(1), SFREQ), []
    for start in STARTS:
        times = ticks[start : start + BLOCK] / SFREQ - 3.0
        at_s = float(times[-1] + 3.0)
        found += cutter.cut(np.zeros((BLOCK, 1)), times + offset(erring(at_s), at_s), at_s)
    return [chunk.first_sample for chunk in found if chunk.gap_before]


def test_measurements_that_err_make_gaps_and_hide_gaps_and_followed_slowly_they_do_neither() -> None:
    assert gaps(lambda measured_s, at_s: measured_s, missing_at=7013) == [2000]
    assert gaps(ClockOffset(2.986, 0.0).follow, missing_at=7013) == [7013]
    assert gaps(ClockOffset(2.986, 0.0).follow) == []


@pytest.mark.parametrize("drift", [1e-4, -1e-4])
def test_clock_that_drifts_is_followed_exactly(drift: float) -> None:
    offset = ClockOffset(3.0, 0.0)
    at = np.arange(0.1, 60.0, 0.1)
    np.testing.assert_allclose([offset.follow(3.0 + drift * each, each) for each in at], 3.0 + drift * at, atol=1e-12)


def test_error_of_the_measurement_is_made_up_at_half_a_millisecond_per_second() -> None:
    offset = ClockOffset(3.0, 0.0)
    at = np.arange(0.1, 40.0, 0.1)
    followed = [offset.follow(3.014, each) for each in at]
    np.testing.assert_allclose(followed, 3.0 + np.minimum(5e-4 * at, 0.014), atol=1e-12)


def test_clock_that_was_set_is_believed_after_five_seconds_and_a_stray_measurement_is_not() -> None:
    offset = ClockOffset(3.0, 0.0)
    assert offset.follow(4.0, 2.0) == pytest.approx(3.001)
    assert offset.follow(3.001, 4.0) == pytest.approx(3.001)
    assert offset.follow(4.0, 6.0) == pytest.approx(3.002)
    assert offset.follow(4.0, 11.0) == pytest.approx(3.0045)
    assert offset.follow(4.0, 11.1) == 4.0


def test_time_that_stands_still_or_goes_back_moves_nothing() -> None:
    offset = ClockOffset(3.0, 10.0)
    assert [offset.follow(3.01, at_s) for at_s in (10.0, 9.0)] == [3.0, 3.0]
