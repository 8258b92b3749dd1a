"""Windows by hop and trials by marker: each exactly once, none across a gap."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.contract.signal import Marker, Window
from bci_app.contract.windowing import (
    ArrayStore,
    HopWindows,
    MarkerTrials,
    TrialSpec,
    WindowSpec,
    marker_latency_s,
    reach_s,
)

SFREQ = 100.0


def store_of(n: int, gaps: tuple[int, ...] = ()) -> ArrayStore:
    """Every sample holds its own number; a gap lasts 0.3 s."""
    times = np.arange(n) / SFREQ
    for gap in gaps:
        times[gap:] += 0.3
    return ArrayStore(np.arange(n, dtype=np.float32)[None], times, SFREQ, gaps)


def growing(store: ArrayStore, steps: list[int]) -> list[ArrayStore]:
    return [ArrayStore(store.data[:, :n], store.times[:n], SFREQ, tuple(g for g in store.gaps if g < n)) for n in steps]


def test_windows_stand_a_hop_apart_and_end_when_their_last_sample_is_there() -> None:
    windows = HopWindows(WindowSpec(window_s=0.5, hop_s=0.2), SFREQ)
    found = list(windows.due(store_of(99)))
    assert [w.first_sample for w in found] == [0, 20, 40]
    assert windows.next_end == 110
    for window in found:
        np.testing.assert_array_equal(window.data[0], np.arange(window.first_sample, window.first_sample + 50))


def test_the_same_windows_come_however_the_samples_arrive() -> None:
    store = store_of(1000, gaps=(333,))
    whole = [w.first_sample for w in HopWindows(WindowSpec(window_s=0.4, hop_s=0.07), SFREQ).due(store)]
    piecewise = HopWindows(WindowSpec(window_s=0.4, hop_s=0.07), SFREQ)
    steps = [*sorted(np.random.default_rng(0).integers(1, 1000, 60).tolist()), 1000]
    found = [w.first_sample for part in growing(store, steps) for w in piecewise.due(part)]
    assert found == whole


def test_no_window_spans_a_gap_and_counting_begins_anew_after_it() -> None:
    found = [w.first_sample for w in HopWindows(WindowSpec(window_s=0.5, hop_s=0.2), SFREQ).due(store_of(300, (137,)))]
    assert found == [0, 20, 40, 60, 80, 137, 157, 177, 197, 217, 237]


def test_only_the_latest_window_is_given_when_asked_and_the_rest_is_counted() -> None:
    windows = HopWindows(WindowSpec(window_s=0.5, hop_s=0.2), SFREQ)
    assert [w.first_sample for w in windows.due(store_of(200), latest_only=True)] == [140]
    assert windows.skipped == 7


def test_a_window_shorter_than_a_sample_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least one sample"):
        HopWindows(WindowSpec(window_s=0.001, hop_s=0.2), SFREQ)


def test_a_trial_waits_for_its_last_sample() -> None:
    trials = MarkerTrials(TrialSpec(start_s=-0.1, stop_s=0.3), SFREQ)
    trials.add(Marker(1.0, "face"))
    assert trials.due(store_of(129)) == []
    (trial,) = trials.due(store_of(130))
    np.testing.assert_array_equal(trial.window.data[0], np.arange(90, 130))
    assert trials.due(store_of(400)) == []


def test_markers_may_come_before_or_after_their_samples_and_trials_keep_their_order() -> None:
    trials = MarkerTrials(TrialSpec(start_s=0, stop_s=0.1), SFREQ)
    for time in (2.0, 0.5, 1.0):
        trials.add(Marker(time, f"at {time}"))
    assert [t.marker.time for t in trials.due(store_of(150))] == [0.5, 1.0]
    assert [t.marker.time for t in trials.due(store_of(300))] == [2.0]


@pytest.mark.parametrize(
    ("marker_s", "reason"),
    [
        (0.05, "never, held"),
        (-3.0, "before the first"),
        (1.35, "missing inside"),
        (1.5, "missing"),
        (1.36 + 0.15, "missing"),
    ],
)
def test_a_trial_that_cannot_be_is_dropped_with_the_reason(marker_s: float, reason: str) -> None:
    trials = MarkerTrials(TrialSpec(start_s=-0.1, stop_s=0.3), SFREQ)
    trials.add(Marker(marker_s, "face"))
    assert trials.due(store_of(400, gaps=(137,))) == []
    ((_, said),) = trials.dropped
    assert reason in said


@pytest.mark.parametrize(("before_s", "n_trials"), [(0.007, 0), (0.0055, 0), (0.0045, 1), (0.0, 1)])
def test_after_a_gap_the_first_sample_serves_only_markers_that_are_nearest_to_it(
    before_s: float, n_trials: int
) -> None:
    """A sample lasts 10 ms: what lies more than 5 ms before the first one that came belongs to one that did not."""
    store = store_of(400, gaps=(137,))
    trials = MarkerTrials(TrialSpec(start_s=0.0, stop_s=0.3), SFREQ)
    trials.add(Marker(float(store.times[137]) - before_s, "face"))
    assert len(trials.due(store)) == n_trials
    assert len(trials.dropped) == 1 - n_trials


@pytest.mark.parametrize("decimation", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("error_s", [-2e-4, 2e-4])
def test_a_clock_error_does_not_move_a_marker_that_stands_on_a_raw_sample(decimation: int, error_s: float) -> None:
    store = store_of(300)
    for raw in range(100 * decimation, 103 * decimation):
        exact, off = (MarkerTrials(TrialSpec(start_s=0, stop_s=0.1), SFREQ, decimation) for _ in range(2))
        time = raw / (SFREQ * decimation)
        exact.add(Marker(time, "m"))
        off.add(Marker(time + error_s, "m"))
        assert exact.due(store)[0].window.first_sample == off.due(store)[0].window.first_sample


def test_a_marker_of_another_clock_is_not_waited_for() -> None:
    trials = MarkerTrials(TrialSpec(start_s=0, stop_s=0.1), SFREQ)
    trials.add(Marker(1.7e9, "unix time"))
    assert trials.due(store_of(300)) == []
    assert "another clock" in trials.dropped[0][1]


@pytest.mark.parametrize(("ahead_s", "waits"), [(10.0, False), (60.0, True)])
def test_how_far_ahead_a_marker_is_waited_for_can_be_chosen(ahead_s: float, waits: bool) -> None:
    trials = MarkerTrials(TrialSpec(start_s=0, stop_s=0.1), SFREQ, ahead_s=ahead_s)
    trials.add(Marker(30.0, "of a fast replay"))
    assert trials.due(store_of(300)) == []
    assert bool(trials.pending) is waits
    assert [trial.marker.time for trial in trials.due(store_of(3100))] == ([30.0] if waits else [])


def test_the_baseline_is_subtracted() -> None:
    trials = MarkerTrials(TrialSpec(start_s=-0.1, stop_s=0.3, baseline_s=(-0.1, 0.0)), SFREQ)
    trials.add(Marker(1.0, "face"))
    (trial,) = trials.due(store_of(200))
    assert trial.window.data[0, :10].mean() == pytest.approx(0)
    assert trial.window.data[0, -1] == pytest.approx(129 - 94.5)


@pytest.mark.parametrize(
    "spec",
    [{"start_s": 0.5, "stop_s": 0.5}, {"start_s": 0.0, "stop_s": 0.5, "baseline_s": (-0.2, 0.0)}],
)
def test_impossible_trials_are_refused(spec: dict) -> None:
    with pytest.raises(SettingsError):
        TrialSpec(**spec)


def test_a_latency_cuts_later_and_leaves_length_and_baseline_as_they_are() -> None:
    def trial(latency_s: float) -> Window:
        cutter = MarkerTrials(TrialSpec(start_s=-0.1, stop_s=0.3, baseline_s=(-0.1, 0.0), latency_s=latency_s), SFREQ)
        cutter.add(Marker(2.0, "x"))
        (cut,) = cutter.due(store_of(1000))
        return cut.window

    assert trial(0.07).first_sample == trial(0.0).first_sample + 7
    np.testing.assert_array_equal(trial(0.0).data, trial(0.07).data)  # a straight line without its baseline


@pytest.mark.parametrize(
    ("cut", "needed_s"),
    [
        (TrialSpec(start_s=0.1, stop_s=0.6), 0.6),  # from the marker on, which must be found
        (TrialSpec(start_s=-0.2, stop_s=0.6), 0.8),
        (TrialSpec(start_s=-0.5, stop_s=-0.2), 0.5),
        (TrialSpec(start_s=-0.2, stop_s=0.6, latency_s=0.3), 0.9),
        (TrialSpec(start_s=4.0, stop_s=6.5), 6.5),
        (WindowSpec(window_s=2.0, hop_s=0.5), 2.0),
    ],
)
def test_a_store_that_holds_what_is_needed_gives_the_trial(cut: TrialSpec | WindowSpec, needed_s: float) -> None:
    assert reach_s(cut) == pytest.approx(needed_s)
    assert marker_latency_s(cut) == getattr(cut, "latency_s", 0.0)


@pytest.mark.parametrize("error_s", [-1e-3, 1e-3])
@pytest.mark.parametrize("sfreq", [0.1, 0.4, 2.0])
def test_a_marker_half_way_between_two_volumes_is_not_moved_by_the_error_of_a_clock(
    sfreq: float, error_s: float
) -> None:
    times = 50.0 + np.arange(20) / sfreq
    store = ArrayStore(np.arange(20, dtype=np.float32)[None], times, sfreq)
    for volume in range(3, 9):
        cutter = MarkerTrials(TrialSpec(start_s=0.0, stop_s=1 / sfreq), sfreq)
        cutter.add(Marker(50.0 + (volume + 0.5) / sfreq + error_s, "house"))
        (trial,) = cutter.due(store)
        assert trial.window.first_sample == volume


def test_a_marker_before_the_next_volume_is_waited_for_however_slow_the_scanner() -> None:
    cutter = MarkerTrials(TrialSpec(start_s=0.0, stop_s=10.0), 0.1)
    cutter.add(Marker(59.0, "house"))
    times = 10.0 * np.arange(10)
    assert cutter.due(ArrayStore(np.zeros((1, 4), np.float32), times[:4], 0.1)) == []
    assert cutter.dropped == []
    (trial,) = cutter.due(ArrayStore(np.zeros((1, 8), np.float32), times[:8], 0.1))
    assert trial.window.first_sample == 6


@pytest.mark.parametrize(
    ("start_s", "stop_s", "marker_s"),
    [
        (0.2, 0.4, 1.30),  # 0.3 s are missing after 1.36 s: a window counted on from the marker would come later
        (0.07, 0.3, 1.30),  # the window begins with the very sample before which they are missing
        (-0.5, -0.2, 1.36 + 0.31 + 0.1),  # the same for a window before its marker
        (-0.5, -0.1, 1.36 + 0.31 + 0.1),
    ],
)
def test_samples_missing_between_a_marker_and_its_window_cost_the_trial_offline_and_live(
    start_s: float, stop_s: float, marker_s: float
) -> None:
    store = store_of(400, gaps=(137,))
    outcomes = []
    for parts in ([store], growing(store, list(range(1, 401, 7)))):
        trials = MarkerTrials(TrialSpec(start_s=start_s, stop_s=stop_s), SFREQ)
        trials.add(Marker(marker_s, "face"))
        assert [trial for part in parts for trial in trials.due(part)] == []
        outcomes.append([reason for _, reason in trials.dropped])
    assert outcomes == [["samples are missing between its marker and it"]] * 2


def test_samples_missing_beyond_marker_and_window_cost_nothing() -> None:
    for start_s, stop_s, marker_s in ((0.02, 0.04, 1.30), (-0.1, -0.05, 1.67), (0.1, 0.2, 1.67)):
        trials = MarkerTrials(TrialSpec(start_s=start_s, stop_s=stop_s), SFREQ)
        trials.add(Marker(marker_s + (0.1 if start_s < 0 else 0.0), "face"))
        (trial,) = trials.due(store_of(400, gaps=(137,)))
        assert trial.window.times[0] == pytest.approx(trial.marker.time + start_s)
