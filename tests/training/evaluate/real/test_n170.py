"""Faces and houses: the trials, the views of them, and the score by participant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import RecordingError
from training.evaluate.real import n170

CHANNELS, SFREQ = ("TP9", "AF7", "AF8", "TP10"), 256.0


def _run(folder: Path, name: str, seed: int, n: int = 24, artefact: bool = False) -> None:
    """Two-second trials; a face is followed by a wave at TP9 and TP10 after 170 ms, a house by one of the other sign."""
    import mne

    rng = np.random.default_rng(seed)
    data = 3 * rng.normal(size=(4, int(SFREQ * (2 + 2 * n))))
    onsets, labels = 1.0 + 2 * np.arange(n), ["face", "house"] * (n // 2)
    wave = 12 * np.hanning(30)
    for onset, label in zip(onsets, labels, strict=True):
        start = round((onset + 0.17) * SFREQ) - 15
        data[[0, 3], start : start + 30] += wave * (1 if label == "face" else -1)
    if artefact:
        data[1, round(onsets[3] * SFREQ) + 50 : round(onsets[3] * SFREQ) + 80] += 900
    raw = mne.io.RawArray(1e-6 * data, mne.create_info(list(CHANNELS), SFREQ, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations(onsets, 0.2, labels))
    raw.save(folder / f"{name}_eeg.fif", verbose="error")


def test_trials_beyond_the_threshold_are_left_out_for_both_readers(tmp_path: Path) -> None:
    _run(tmp_path, "sub-3_ses-1_run-1", 0, artefact=True)
    trials, plain = n170.read_trials(tmp_path)
    assert trials.labels == plain.labels
    assert trials.labels == ("face", "house", "face") + ("face", "house") * 10
    assert trials.notes[-1] == "Left out 1 of 24 trials in which a channel spans more than 100 uV."
    assert trials.windows.shape == (23, 4, 26 + 205)
    assert not np.array_equal(trials.windows, plain.windows)


def test_views_begin_at_the_marker_and_are_each_corner_with_each_end_and_each_lag() -> None:
    found = n170.views(26 + 205, SFREQ)
    assert len(found) == 8
    assert {view.lags for view in found} == {(), (12,)}
    assert {view.times.shape for view in found} == {(231, 205), (231, 154)}
    # causal: what is kept at a sample depends on nothing after it, and on the sample itself
    for view in found:
        assert not np.tril(view.times, -27).any()
        assert (view.times[np.arange(26, 26 + view.times.shape[1]), np.arange(view.times.shape[1])] > 0.5).all()


def test_each_participant_is_read_in_runs_that_were_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(n170, "CORNERS_HZ", (1.0,))
    for name, seed in (("sub-1_ses-1_run-1", 0), ("sub-1_ses-1_run-2", 1), ("sub-2_ses-1_run-1", 2)):
        _run(tmp_path, name, seed)
    told: list[tuple[int, int, str]] = []
    found = n170.measure(tmp_path, lambda *each: told.append(each))
    assert found.value > 0.9
    assert found.baseline > 0.8
    assert 0.2 < found.noise < 0.8
    assert [each.score.held_out for each in found.finding[1:]] == [
        "each run in turn, not trained on",
        "5 folds by trial, as there is one run only",
    ]
    assert [each.score.n for each in found.finding] == [72, 48, 24]
    assert "faces and houses differ most" in found.notes[0]
    peak_ms = int(found.notes[0].split("differ most ")[1].split()[0])
    assert abs(peak_ms - 175) < 30  # and the delay of the filter
    assert told[-1][0] == told[-1][1]


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"eeg\.fif"):
        n170.measure(tmp_path)
