"""Recordings on disk as trials."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.errors import (
    BciError,
    ChannelError,
    RateError,
    RecordingError,
    SettingsError,
    SignalError,
    UnitError,
)
from bci_app.contract.preprocessing import cut_trials
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import TrialSpec
from bci_app.streams.recordings import read_recording, write_recording
from tests.training.data.trials import numbered_trials
from training.data.recordings import read_recordings, require_classes
from training.data.splits import leave_one_out

RECIPE = CalibrationRecipe(
    band_hz=(1.0, 20.0), notch_hz=None, decimation=2, cut=TrialSpec(start_s=-0.1, stop_s=0.3, baseline_s=(-0.1, 0.0))
)
LABELS = ("face", "house", "face", "house")


def _recording(labels: tuple[str, ...] = LABELS, seed: int = 0, **changes: object) -> Recording:
    """Three channels of noise at 100 Hz, a marker each second from 1 s on."""
    data = 10 * np.random.default_rng(seed).normal(size=(3, 600)).astype(np.float32)
    markers = tuple(Marker(1.0 + number, label) for number, label in enumerate(labels))
    whole = Recording(data, np.arange(600) / 100, ("A", "B", "C"), 100.0, markers, "one")
    return replace(whole, **changes)


def _write(folder: Path, name: str, recording: Recording) -> Path:
    write_recording(recording, folder / name)
    return folder / name


def _run_folder(folder: Path, recording: Recording, bad: tuple[str, ...]) -> Path:
    folder.mkdir()
    about = {"channels": recording.channels, "sfreq": recording.sfreq, "unit": recording.unit}
    (folder / "eeg.json").write_text(json.dumps(about))
    recording.data.T.astype(np.float32).tofile(folder / "eeg.f32")
    recording.times.tofile(folder / "eeg_times.f64")
    lines = (json.dumps({"time": marker.time, "label": marker.label}) for marker in recording.markers)
    (folder / "markers.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (folder / "bad_channels.json").write_text(json.dumps({"bad": bad}))
    return folder


def test_a_channel_marked_bad_in_one_run_is_left_out_of_all_and_that_is_noted(tmp_path: Path) -> None:
    recordings = [_recording(seed=seed) for seed in (0, 1)]
    marks: tuple[tuple[str, ...], ...] = ((), ("B",))
    folders = [
        _run_folder(tmp_path / f"run-{n}", each, bad)
        for n, (each, bad) in enumerate(zip(recordings, marks, strict=True))
    ]
    trials = read_recordings(folders, RECIPE)
    assert trials.preprocessing.channels == ("A", "C")
    assert trials.notes == ("Left out, as marked bad: B.",)
    expected = cut_trials(
        replace(recordings[0], data=recordings[0].data[[0, 2]], channels=("A", "C")),
        RECIPE.preprocessing(("A", "C"), 100.0),
        RECIPE.cut,
    )[0]
    np.testing.assert_allclose(trials.windows[0], expected[0].window.data, atol=1e-4)


def test_trials_are_those_of_the_live_code(tmp_path: Path) -> None:
    recordings = [_recording(seed=seed) for seed in (0, 1)]
    files = [_write(tmp_path, f"sub-7_ses-2_run-{n}_eeg.npz", each) for n, each in enumerate(recordings, start=1)]
    trials = read_recordings(files, RECIPE)
    expected = [
        trial.window.data
        for each in recordings
        for trial in cut_trials(each, RECIPE.preprocessing(each.channels, each.sfreq), RECIPE.cut)[0]
    ]
    np.testing.assert_array_equal(trials.windows, np.stack(expected))
    assert trials.labels == LABELS * 2
    assert trials.pictures == ("",) * 8
    assert (trials.subjects, trials.sessions) == (("7",) * 8, ("2",) * 8)
    assert trials.runs == ("1",) * 4 + ("2",) * 4
    assert len(leave_one_out(trials, "run")) == 2


def test_a_file_without_a_telling_name_is_a_run_of_the_participant_given(tmp_path: Path) -> None:
    files = [_write(tmp_path, name, _recording()) for name in ("monday.npz", "tuesday.npz")]
    trials = read_recordings(files, RECIPE, subjects=["x", "y"])
    assert trials.subjects == ("x",) * 4 + ("y",) * 4
    assert set(trials.runs) == {"monday", "tuesday"}
    with pytest.raises(SettingsError, match="2 files and 1 participants"):
        read_recordings(files, RECIPE, subjects=["x"])
    with pytest.raises(SettingsError, match="0 files"):
        read_recordings([], RECIPE)


def test_categories_come_from_a_list_and_the_rest_is_counted(tmp_path: Path) -> None:
    file = _write(tmp_path, "a.npz", _recording(("f1", "h1", "pause", "f2")))
    trials = read_recordings([file], RECIPE, labels={"f1": "face", "f2": "face", "h1": "house"})
    assert trials.labels == ("face", "house", "face")
    assert trials.notes == ("'one': left out 1 markers that name no known picture or category.",)


def test_our_own_markers_tell_picture_and_category(tmp_path: Path) -> None:
    square, circle = "shapes/red-square/0123456789ab", "shapes/circle/ba9876543210"
    file = _write(tmp_path, "a.npz", _recording((f"shown/{square}", "trial/2", f"shown/{circle}")))
    trials = read_recordings([file], RECIPE)
    assert (trials.pictures, trials.labels) == ((square, circle), ("red-square", "circle"))
    named = read_recordings([file], RECIPE, labels={circle: "round"})
    assert (named.pictures, named.labels) == ((circle,), ("round",))
    seen = read_recordings([file], RECIPE, pictures={square: np.zeros((4, 4, 3), np.uint8)})
    assert (seen.pictures, seen.labels) == ((square,), ("red-square",))


def test_a_run_folder_of_this_program_is_a_recording_of_its_participant(tmp_path: Path) -> None:
    recording = _recording()
    folder = _run_folder(tmp_path / "2026-01-02_run", recording, ())
    trials = read_recordings([folder], RECIPE)
    np.testing.assert_array_equal(
        trials.windows, read_recordings([_write(tmp_path, "a.npz", recording)], RECIPE).windows
    )
    assert (trials.runs, trials.subjects) == (("2026-01-02_run",) * 4, ("",) * 4)
    (folder / "session.json").write_text(json.dumps({"participant": "P07"}))
    assert read_recordings([folder], RECIPE).subjects == ("P07",) * 4


def test_equal_pictures_under_two_names_are_one(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    pictures = {"cat": pixels[0], "dog": pixels[1], "copy-of-cat": pixels[0].copy()}
    file = _write(tmp_path, "a.npz", _recording(("cat", "shown/copy-of-cat", "dog", "pause")))
    trials = read_recordings([file], RECIPE, pictures=pictures)
    assert trials.pictures == ("cat", "cat", "dog")
    assert trials.labels == ("", "", "")
    np.testing.assert_array_equal(trials.images["dog"], pixels[1])
    named = read_recordings([file], RECIPE, pictures=pictures, labels={"cat": "animal", "dog": "animal"})
    assert (named.pictures, named.labels) == (("cat", "dog"), ("animal", "animal"))


def test_trials_beyond_the_threshold_are_left_out_and_counted(tmp_path: Path) -> None:
    data = _recording().data.copy()
    data[1, 205:210] += 2000  # 50 ms after the second marker
    file = _write(tmp_path, "a.npz", _recording(data=data))
    assert len(read_recordings([file], RECIPE)) == 4
    trials = read_recordings([file], RECIPE, reject_uv=300)
    assert trials.labels == ("face", "face", "house")
    assert trials.notes == ("'one': left out 1 trials in which a channel spans more than 300 uV.",)


def test_trials_beyond_the_recording_are_counted(tmp_path: Path) -> None:
    file = _write(tmp_path, "a.npz", _recording(("a", "b", "a", "b", "a")))  # the last at 5 s of 6 s
    late = _write(tmp_path, "b.npz", _recording(("a", "b"), markers=(Marker(1, "a"), Marker(5.9, "b"))))
    assert read_recordings([file], RECIPE).notes == ()
    assert read_recordings([late], RECIPE).notes == (
        "'one': left out 1 trials with missing samples, or beyond the recording.",
    )


_NAN = _recording().data.copy()
_NAN[2, 17] = np.nan
_FLAT = _recording().data.copy()
_FLAT[0] = 3.0


@pytest.mark.parametrize(
    ("second", "error", "message"),
    [
        ({"channels": ("A", "B", "X")}, ChannelError, r"'two' lacks C and also has X, compared with 'one'"),
        ({"channels": ("B", "A", "C")}, ChannelError, "another order"),
        ({"sfreq": 50.0, "times": np.arange(600) / 50}, RateError, r"'two' has 50 Hz, 'one' 100 Hz"),
        ({"data": _NAN}, SignalError, r"'two'.*channel\(s\) C hold NaN"),
        ({"data": _FLAT}, SignalError, r"'two'.*channel\(s\) A are flat"),
        ({"unit": "au"}, UnitError, "'two' is in 'au'"),
        ({"markers": ()}, SettingsError, "'two' has none. Record the marker stream"),
    ],
)
def test_what_cannot_be_learnt_from_is_named(tmp_path: Path, second: dict, error: type[BciError], message: str) -> None:
    files = [
        _write(tmp_path, "1.npz", _recording()),
        _write(tmp_path, "2.npz", _recording(**({"name": "two"} | second))),
    ]
    with pytest.raises(error, match=message):
        read_recordings(files, RECIPE)


def test_lists_of_another_recording_are_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, "a.npz", _recording())
    with pytest.raises(SettingsError, match=r"are face, house; none .* categories, which has left, right"):
        read_recordings([file], RECIPE, labels={"left": "hand", "right": "hand"})
    with pytest.raises(SettingsError, match=r"list of pictures, which has cat"):
        read_recordings([file], RECIPE, pictures={"cat": np.zeros((4, 4, 3), np.uint8)})


def test_a_recording_all_of_whose_trials_are_left_out_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, "a.npz", _recording())
    with pytest.raises(SettingsError, match=r"'mine' has no trial to learn from. 'one': left out 4 trials in which"):
        read_recordings([file], RECIPE, reject_uv=0.1, name="mine")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, "a.npz", _recording())
    file.write_bytes(file.read_bytes()[:4000])
    with pytest.raises(RecordingError, match="cut or damaged"):
        read_recordings([file], RECIPE)


def test_one_category_is_no_classification() -> None:
    assert require_classes(numbered_trials(labels=["b", "a", "b"])) == ("a", "b")
    with pytest.raises(SettingsError, match=r"at least 2.* has a \(2\)"):
        require_classes(numbered_trials(labels=["a", "a"]))
    with pytest.raises(SettingsError, match=r"has without category \(1\), a \(1\), b \(1\)"):
        require_classes(numbered_trials(labels=["a", "b", ""]))


def test_real_faces_and_houses_are_told_apart_in_runs_that_were_left_out(shared_data: Path) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.metrics import roc_auc_score

    files = sorted((shared_data / "muse-n170").glob("sub-1_*_eeg.fif"))
    recipe = CalibrationRecipe(
        notch_hz=None, reference="none", decimation=4, cut=TrialSpec(start_s=-0.1, stop_s=0.8, baseline_s=(-0.1, 0))
    )
    trials = read_recordings(files, recipe, reject_uv=100.0)
    n_markers = sum(len(read_recording(file).markers) for file in files)
    n_left_out = sum(int(note.split("left out ")[1].split()[0]) for note in trials.notes)
    assert len(trials) + n_left_out == n_markers
    assert require_classes(trials) == ("face", "house")
    flat, is_face = trials.windows.reshape(len(trials), -1), np.array(trials.labels) == "face"
    scores = []
    for split in leave_one_out(trials, "run"):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(flat[split.train], is_face[split.train])
        scores.append(roc_auc_score(is_face[split.test], model.decision_function(flat[split.test])))
    assert 0.64 < np.mean(scores) < 0.74  # 0.68 with the same filters by another code
