"""Delays of pictures in frames of the screen."""

from __future__ import annotations

import math

import pytest

from bci_app.engine.evolution_onsets import OnsetLog


def test_delays_are_counted_in_frames_of_the_screen() -> None:
    log = OnsetLog()
    for delay_s in (0.0, 0.005, 1 / 60, 0.02, 3 / 60):
        log.add(100.0, 100.0 + delay_s)
    log.add_never()
    row = log.row()
    assert (row.n, row.late, row.worst_frames, row.never, row.refresh_hz) == (5, 3, 3, 1, 60.0)
    assert row.p50_ms == pytest.approx(1000 / 60)
    log.refresh_hz = 120.0
    assert (log.row().late, log.row().worst_frames) == (3, 6)


def test_before_the_first_picture_there_is_no_delay_and_earlier_ones_of_a_run_count() -> None:
    row = OnsetLog().row()
    assert (row.n, row.late, row.worst_frames) == (0, 0, 0)
    assert math.isnan(row.p50_ms)
    log = OnsetLog([0.0, 0.1], n_never=2)
    log.add(1.0, 0.99)  # before it was due
    assert (log.row().n, log.row().late, log.row().worst_frames, log.row().never) == (3, 1, 6, 2)
