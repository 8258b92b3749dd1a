"""Percentiles of what was stamped, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.latency import STEPS, LatencyLog, StepLog, algorithmic_latency, display_ms, rows_of
from bci_app.engine.views import Reconstruction


def stamped(at_s: float, steps_ms: tuple[float, ...]) -> tuple[Reconstruction, float]:
    """A result whose last sample was taken at `at_s`, and when it was handed to Qt."""
    sampled, arrived, cut, decoded, generated, handed = at_s + np.cumsum([0.0, *steps_ms]) / 1000
    image = np.zeros((2, 2, 3), np.uint8)
    result = Reconstruction(image, np.zeros(2, np.float32), None, None, arrived, cut, decoded, generated, sampled)
    return result, float(handed)


def test_there_are_no_rows_before_the_first_result() -> None:
    log = LatencyLog()
    assert log.rows() == ()
    assert log.milliseconds().shape == (0, len(STEPS))
    assert log.first_handed_s is None


def test_each_step_is_the_difference_of_its_stamps() -> None:
    log = LatencyLog()
    log.add(*stamped(50.0, (30.0, 1.0, 2.0, 3.0, 4.0)))
    rows = {row.step: row for row in log.rows()}
    assert tuple(rows) == STEPS
    for step, expected in zip(STEPS, (30.0, 1.0, 2.0, 3.0, 4.0, 10.0), strict=True):
        row = rows[step]
        assert (row.p50_ms, row.p99_ms, row.max_ms) == pytest.approx((expected,) * 3, abs=1e-6)
        assert row.n == 1
    assert log.first_handed_s == pytest.approx(50.040)


def test_percentiles_are_those_of_the_sorted_values() -> None:
    log, rng = LatencyLog(), np.random.default_rng(0)
    decoding = rng.permutation(np.arange(1.0, 102.0))
    for i, step in enumerate(decoding):
        log.add(*stamped(100.0 + i, (1.0, 1.0, float(step), 1.0, 1.0)))
    row = next(row for row in log.rows() if row.step == "decoder")
    assert (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms) == pytest.approx((51.0, 96.0, 100.0, 101.0), abs=1e-6)
    assert row.n == 101


def test_only_the_last_results_count_and_the_first_picture_is_remembered() -> None:
    log = LatencyLog(length=10)
    for i in range(50):
        log.add(*stamped(float(i), (1.0, 1.0, 100.0 if i < 40 else 2.0, 1.0, 1.0)))
    row = next(row for row in log.rows() if row.step == "decoder")
    assert row.n == 10
    assert row.max_ms == pytest.approx(2.0)
    assert log.first_handed_s == pytest.approx(0.104)


def test_a_step_that_a_result_did_not_have_counts_for_the_others_alone() -> None:
    log = StepLog(("age", "first", "next"), with_age=False)
    log.note((0.5, 0.1, float("nan")))
    assert [row.step for row in log.rows()] == ["first"]
    log.note((0.5, 0.3, 0.02))
    rows = {row.step: row for row in log.rows()}
    assert (rows["first"].n, rows["next"].n) == (2, 1)
    assert (rows["first"].p50_ms, rows["next"].max_ms) == pytest.approx((200.0, 20.0))


def test_what_is_forgotten_does_not_count_and_the_first_picture_stays_the_first() -> None:
    log = LatencyLog()
    log.add(*stamped(50.0, (30.0, 1.0, 2.0, 3.0, 4.0)))
    log.clear()
    assert log.rows() == ()
    log.add(*stamped(60.0, (30.0, 1.0, 2.0, 3.0, 4.0)))
    assert log.rows()[0].n == 1
    assert log.first_handed_s == pytest.approx(50.040)


def test_algorithmic_latency_is_the_window_and_the_delay_of_a_sine_through_the_filters() -> None:
    from scipy import signal

    spec = PreprocessingSpec.design(("a", "b"), 256.0, (1.0, 40.0), order=4)
    found = algorithmic_latency(spec, TrialSpec(start_s=-0.1, stop_s=0.6, latency_s=0.02))
    times = np.arange(256 * 20) / 256.0
    late = signal.sosfilt(np.array(spec.sos), np.sin(2 * np.pi * 10 * times) * np.exp(-(((times - 10) / 0.5) ** 2)))
    envelope = np.abs(signal.hilbert(late))
    centre_s = float((times * envelope**2).sum() / (envelope**2).sum())
    assert found.window_ms == pytest.approx(620.0)
    assert (found.filter_ms, found.at_hz) == (pytest.approx(1000 * (centre_s - 10), abs=1.0), 10.0)
    assert found.total_ms == found.window_ms + found.filter_ms
    assert algorithmic_latency(spec, WindowSpec(window_s=0.5, hop_s=0.1)).window_ms == 500.0


def test_display_is_estimated_as_a_frame_and_a_half() -> None:
    assert display_ms(60.0) == pytest.approx(25.0)
    assert display_ms(120.0) == pytest.approx(12.5)


def test_what_is_kept_of_each_result_gives_the_same_percentiles_again() -> None:
    rng, kept = np.random.default_rng(0), list[dict[str, float | None]]()
    log = StepLog(("age", "first", "total"), with_age=False)
    log.keep = lambda steps_ms: kept.append(dict(steps_ms))
    for seconds in rng.uniform(0, 0.1, (50, 3)):
        log.note((seconds[0], np.nan if seconds[1] < 0.03 else seconds[1], seconds[2]))
    assert [set(line) for line in kept] == [{"first", "total"}] * 50
    again = rows_of(("first", "total"), np.array([list(line.values()) for line in kept], np.float64))
    assert again == log.rows()
    assert again[0].n < again[1].n == 50
    log.clear()
    assert kept[-1] == {}
