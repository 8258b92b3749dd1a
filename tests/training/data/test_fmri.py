"""Voxels as trials, by the code that runs live."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError, SignalError
from bci_app.contract.preprocessing import Preprocessor
from bci_app.contract.signal import Recording
from training.data.fmri import Event, FmriRecipe, Place, cut_events, z_score

TR_S = 2.0
VOXELS = 100 + np.random.default_rng(0).normal(size=(3, 60)).astype(np.float32).cumsum(axis=1)


def _recording() -> Recording:
    return Recording(VOXELS, np.arange(60) * TR_S, ("u", "v", "w"), 1 / TR_S, name="run", unit="au")


EVENTS = [Event(32.0, 8.0, "a", "p", "1"), Event(40.0, 8.0, "b", "q", "1"), Event(60.0, 8.0, "a", "r", "1")]


@pytest.mark.parametrize(("shift_s", "first"), [(0.0, 16), (4.0, 18), (5.0, 19)])
def test_a_trial_is_the_mean_of_its_block_after_the_shift(shift_s: float, first: int) -> None:
    trials = cut_events(_recording(), EVENTS, FmriRecipe(shift_s=shift_s), Place("s", "1"))
    assert trials.windows.shape == (3, 3, 1)
    for window, start in zip(trials.windows, (first, first + 4, first + 14), strict=True):
        np.testing.assert_allclose(window[:, 0], VOXELS[:, start : start + 4].mean(axis=1), rtol=1e-5)
    assert (trials.labels, trials.pictures, trials.runs) == (("a", "b", "a"), ("p", "q", "r"), ("1",) * 3)
    assert (trials.kind, trials.preprocessing.unit, trials.notes) == ("fmri-decoder", "au", ())
    assert (trials.subjects, trials.sessions) == (("s",) * 3, ("1",) * 3)


def test_all_volumes_of_a_block_can_be_kept() -> None:
    trials = cut_events(_recording(), EVENTS, FmriRecipe(shift_s=4.0, average=False), Place())
    np.testing.assert_array_equal(trials.windows, np.stack([VOXELS[:, each : each + 4] for each in (18, 22, 32)]))
    assert trials.preprocessing.sos == ()


@pytest.mark.parametrize("n", [2, 3, 4, 9, 15])
def test_the_mean_of_a_block_runs_live_volume_by_volume(n: int) -> None:
    spec = FmriRecipe().preprocessing(("u", "v", "w"), TR_S, n)
    live = Preprocessor(spec)
    seen = np.concatenate([live.process(chunk).data for chunk in _recording().chunks(1)], axis=1)
    for last in range(n - 1, 60):
        np.testing.assert_allclose(seen[:, last], VOXELS[:, last - n + 1 : last + 1].mean(axis=1), rtol=1e-5)


def test_the_causal_filter_takes_out_the_level_and_keeps_blocks() -> None:
    times = np.arange(600) * TR_S
    blocks = np.tile(np.repeat([0.0, 1.0], 4), 75)
    recording = Recording((1000 + blocks)[None].astype(np.float32), times, ("v",), 1 / TR_S, name="run", unit="au")
    events = [Event(float(times[each]), 8.0, "on" if blocks[each] else "off") for each in range(300, 590, 4)]
    trials = cut_events(recording, events, FmriRecipe(shift_s=0.0, scaling="causal"), Place())
    means = {label: trials.windows[np.array(trials.labels) == label].mean() for label in ("on", "off")}
    assert abs(means["on"] + means["off"]) < 0.1
    assert means["on"] - means["off"] == pytest.approx(1.0, abs=0.05)


def test_z_scores_have_mean_0_and_spread_1_and_are_not_live() -> None:
    scaled = z_score(VOXELS, ("u", "v", "w"), "run 1")
    np.testing.assert_allclose(scaled.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=1), 1, rtol=1e-5)
    assert scaled.dtype == np.float32
    assert "cannot run live" in cut_events(_recording(), EVENTS, FmriRecipe(scaling="run"), Place()).notes[-1]
    with pytest.raises(SignalError, match=r"run 1; 1 of 2 do not vary, such as v"):
        z_score(np.stack([VOXELS[0], np.ones(60)]).astype(np.float32), ("u", "v"), "run 1")


def test_a_response_beyond_the_run_is_left_out_and_counted() -> None:
    trials = cut_events(_recording(), [*EVENTS, Event(110.0, 8.0, "late")], FmriRecipe(), Place())
    assert trials.labels == ("a", "b", "a")
    assert trials.notes == ("'run': left out 1 trials whose response lies beyond the run.",)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "0 events of no s"),
        ([Event(10, 8), Event(20, 12)], "2 events of 8, 12 s"),
        ([Event(10, 0.5)], r"at least a volume \(2 s\)"),
        ([Event(10, 8, "a"), Event(10, 8, "b")], "two events at one onset"),
    ],
)
def test_blocks_that_cannot_be_cut_alike_are_refused(events: list[Event], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        cut_events(_recording(), events, FmriRecipe(), Place())
