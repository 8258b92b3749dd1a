"""Trials of the UCI EEG database, and the score of participants who were not learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.contract.windowing import TrialSpec
from training.evaluate.real import uci

CHANNELS, SFREQ = ("FP1", "X", "OZ", "PZ", "nd", "Y"), 256
WHOLE = TrialSpec(start_s=0.0, stop_s=1.0)


def _archive(path: Path, n_subjects: int = 3, effect: float = 0.0, **changes: object) -> Path:
    """Ten trials of each condition and participant; after 0.3 s "S2 nomatch" is higher at OZ by `effect` integers."""
    rng = np.random.default_rng(0)
    condition = np.array(["S1 obj", "S2 match", "S2 nomatch"] * 10 * n_subjects)
    eeg = 500 * rng.normal(size=(len(condition), 6, 256))
    eeg[condition == "S2 nomatch", 2, 77:120] += effect
    content = {
        "eeg": eeg.astype(np.int16),
        "scale_uV": np.float32(0.02),
        "ch": np.array(CHANNELS),
        "fs": SFREQ,
        "condition": condition,
        "subject": np.repeat([f"co{each}" for each in range(n_subjects)], 30),
    }
    np.savez(path, **(content | changes))
    return path


def test_trials_are_microvolts_of_electrodes_on_their_average(tmp_path: Path) -> None:
    path = _archive(tmp_path / "a.npz")
    trials = uci.read_trials(path, WHOLE, None)
    eeg, condition = (np.load(path)[key] for key in ("eeg", "condition"))
    wanted = 0.02 * eeg[condition != "S1 obj"][:, [0, 2, 3]].astype(float)
    np.testing.assert_allclose(trials.windows, wanted - wanted.mean(axis=1, keepdims=True), atol=1e-3)
    assert trials.preprocessing.channels == ("FP1", "OZ", "PZ")
    assert trials.labels == ("S2 match", "S2 nomatch") * 30
    assert trials.subjects == ("co0",) * 20 + ("co1",) * 20 + ("co2",) * 20


def test_the_filter_begins_as_if_the_first_20_ms_had_stood_there_for_ever(tmp_path: Path) -> None:
    path = _archive(tmp_path / "a.npz", 1)
    plain, filtered = (uci.read_trials(path, WHOLE, corner).windows for corner in (None, 1.0))
    level = plain[:, :, : round(0.02 * SFREQ)].mean(axis=2, keepdims=True)
    wanted = signal.sosfilt(signal.butter(1, 1.0, "highpass", fs=SFREQ, output="sos"), plain - level, axis=2)
    np.testing.assert_allclose(filtered, wanted, atol=1e-3)


def test_a_difference_is_read_in_a_new_participant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uci, "SHRINKAGES", (0.5, 0.9))
    monkeypatch.setattr(uci, "LOADINGS", (1.0,))
    _archive(tmp_path / "a.npz", 3, effect=700)
    found = uci.measure(tmp_path)
    assert found.value > 0.9
    assert found.finding[0].score.name == "AUC, all trials pooled, interval over participants"
    assert found.finding[0].score.held_out == "each subject in turn, not trained on"
    assert 0.2 < found.noise < 0.8
    assert 0.5 < found.baseline <= 1


def test_one_participant_alone_is_scored_in_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uci, "SHRINKAGES", (0.5, 0.9))
    monkeypatch.setattr(uci, "LOADINGS", (1.0,))
    _archive(tmp_path / "a.npz", 1, effect=1500)
    found = uci.measure(tmp_path)
    assert found.value > 0.8
    assert found.finding[0].score.held_out == "5 folds by trial, as there is one subject only"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"condition": np.array(["S1 obj"] * 30)}, SettingsError, "none of S2 match, S2 nomatch"),
        ({"subject": np.array(["a"] * 29)}, RecordingError, r"\(30, 6, 256\), 30, 29 and 6"),
        ({"ch": np.array(["A"])}, RecordingError, "30 and 1"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, changes: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        uci.read_trials(_archive(tmp_path / "a.npz", 1, **changes), WHOLE, None)


def test_a_damaged_or_other_archive_is_refused(tmp_path: Path) -> None:
    path = _archive(tmp_path / "a.npz", 1)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(RecordingError, match="archive of plain arrays"):
        uci.read_trials(path, WHOLE, None)
    np.savez(path, eeg=np.zeros(3))
    with pytest.raises(RecordingError, match="lacks scale_uV, ch, fs"):
        uci.read_trials(path, WHOLE, None)
