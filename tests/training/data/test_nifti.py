"""Masks, voxels and labelled volumes in NIfTI files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import BciError, RecordingError, SettingsError, SignalError
from tests.training.data.volumes import GRID, INSIDE, VOXELS, numbered_volumes, numbered_voxels, write_mask, write_nifti
from training.data.fmri import FmriRecipe
from training.data.nifti import read_labelled_volumes, read_mask, read_voxels
from training.data.splits import k_folds, leave_one_out


def test_voxels_are_those_of_the_mask_with_the_headers_repetition_time(tmp_path: Path) -> None:
    bold = write_nifti(tmp_path / "bold.nii.gz", numbered_volumes(40), tr_s=2.5)
    mask = read_mask([write_mask(tmp_path)])
    voxels, tr_s = read_voxels(bold, mask)
    np.testing.assert_array_equal(voxels, numbered_voxels(40))
    assert (voxels.dtype, tr_s, mask.voxels) == (np.float32, 2.5, VOXELS)
    assert read_voxels(bold, mask, 1.5)[1] == 1.5


def test_masks_are_joined(tmp_path: Path) -> None:
    left, right = np.zeros(GRID), np.zeros(GRID)
    left[0, 0, 0], right[2, 3, 1] = 1, 7
    mask = read_mask([write_mask(tmp_path, left, "l.nii"), write_mask(tmp_path, right, "r.nii")])
    assert mask.voxels == ("voxel-0-0-0", "voxel-2-3-1")
    assert mask.name == "l.nii, r.nii"


def test_a_run_is_never_all_in_memory(tmp_path: Path) -> None:
    n_volumes, shape = 400, (20, 20, 10)
    values = np.random.default_rng(0).integers(0, 999, (*shape, n_volumes)).astype(np.int16)
    bold = write_nifti(tmp_path / "bold.nii.gz", values)
    inside = np.zeros(shape)
    inside[5:8, 5:8, 5] = 1
    mask = read_mask([write_mask(tmp_path, inside)])
    read_voxels(bold, mask)  # imports and caches
    tracemalloc.start()
    voxels, _ = read_voxels(bold, mask)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert voxels.nbytes == 9 * n_volumes * 4
    assert peak < values.nbytes / 5  # and in doubles it would be four times as large


def _nan() -> np.ndarray:
    values = numbered_volumes(10)
    values[1, 2, 0, 4] = np.nan
    return values


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        (numbered_volumes(10)[..., 0], {}, RecordingError, r"over time, \(x, y, z, volumes\); it has \(3, 4, 2\)"),
        (
            numbered_volumes(10)[:2],
            {},
            SettingsError,
            r"'bold.nii.gz' has \(2, 4, 2\) voxels, mask.nii.gz \(3, 4, 2\)\.",
        ),
        (numbered_volumes(10), {"shift_mm": 3.0}, SettingsError, "in another place. Resample the mask"),
        (numbered_volumes(10), {"tr_s": 0.0}, RecordingError, "header says 0 s. Set tr_s"),
        (_nan(), {}, SignalError, r"1 of 3 in 'bold.nii.gz' hold NaN or infinity, such as voxel-1-2-0"),
    ],
)
def test_volumes_that_do_not_fit_are_refused(
    tmp_path: Path, values: np.ndarray, options: dict, error: type[BciError], message: str
) -> None:
    bold = write_nifti(tmp_path / "bold.nii.gz", values, **options)
    with pytest.raises(error, match=message):
        read_voxels(bold, read_mask([write_mask(tmp_path)]))


def test_files_that_are_missing_foreign_or_cut_are_refused(tmp_path: Path) -> None:
    mask = read_mask([write_mask(tmp_path)])
    with pytest.raises(RecordingError, match="does not exist"):
        read_voxels(tmp_path / "none.nii", mask)
    (tmp_path / "link.nii.gz").symlink_to(tmp_path / "annexed")
    with pytest.raises(RecordingError, match="its content was not fetched"):
        read_voxels(tmp_path / "link.nii.gz", mask)
    (tmp_path / "text.nii").write_bytes(b"no volumes" * 100)
    with pytest.raises(RecordingError, match="no readable NIfTI"):
        read_voxels(tmp_path / "text.nii", mask)
    for name in ("bold.nii.gz", "bold.nii"):
        bold = write_nifti(tmp_path / name, np.random.default_rng(0).normal(size=(*GRID, 40)).astype(np.float32))
        bold.write_bytes(bold.read_bytes()[:2000])
        with pytest.raises(RecordingError, match=f"'{name}' is cut or damaged"):
            read_voxels(bold, mask)


def test_a_mask_without_a_voxel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"above 0; mask.nii.gz holds none"):
        read_mask([write_mask(tmp_path, np.zeros(GRID))])
    with pytest.raises(SettingsError, match="at least one mask"):
        read_mask([])
    for several in (np.ones((*GRID, 2)), np.ones(GRID[:2])):
        with pytest.raises(SettingsError, match=r"one volume \(x, y, z\)"):
            read_mask([write_mask(tmp_path, several, "several.nii")])
    with pytest.raises(SettingsError, match="one grid"):
        read_mask([write_mask(tmp_path), write_mask(tmp_path, INSIDE[:2], "other.nii.gz")])


def _table(folder: Path, text: str) -> Path:
    (folder / "labels.txt").write_text(text)
    return folder / "labels.txt"


LINES = ["rest 0"] * 2 + ["face 0"] * 3 + ["rest 0"] + ["cat 0"] * 3 + ["rest 0"] * 3
TWO_RUNS = "\n".join([*LINES, *(line.replace("0", "1") for line in LINES)])


def test_volumes_with_a_table_of_labels_become_trials(tmp_path: Path) -> None:
    bold = write_nifti(tmp_path / "bold.nii.gz", numbered_volumes(24))
    table, mask = _table(tmp_path, TWO_RUNS), read_mask([write_mask(tmp_path)])
    recording, trials = read_labelled_volumes(bold, mask, table, FmriRecipe(shift_s=4.0), subject="x")
    onsets = np.array([2, 3, 4, 6, 7, 8, 14, 15, 16, 18, 19, 20])
    np.testing.assert_array_equal(trials.windows[..., 0], numbered_voxels(24)[:, onsets + 2].T)
    assert trials.labels == ("face",) * 3 + ("cat",) * 3 + ("face",) * 3 + ("cat",) * 3
    assert trials.runs == ("0",) * 6 + ("1",) * 6
    assert (recording.unit, recording.sfreq, recording.channels) == ("au", 0.5, VOXELS)
    assert [marker.label for marker in recording.markers] == list(trials.labels)
    np.testing.assert_array_equal(recording.data, numbered_voxels(24))


def test_blocks_are_averaged(tmp_path: Path) -> None:
    bold = write_nifti(tmp_path / "bold.nii.gz", numbered_volumes(24))
    table, mask = _table(tmp_path, TWO_RUNS), read_mask([write_mask(tmp_path)])
    _, trials = read_labelled_volumes(bold, mask, table, FmriRecipe(shift_s=4.0), per="block")
    expected = [numbered_voxels(24)[:, start : start + 3].mean(axis=1) for start in (4, 8, 16, 20)]
    np.testing.assert_allclose(trials.windows[..., 0], expected, rtol=1e-6)
    assert trials.labels == ("face", "cat", "face", "cat")


def test_no_trial_reaches_into_the_next_run(tmp_path: Path) -> None:
    bold = write_nifti(tmp_path / "bold.nii.gz", numbered_volumes(24))
    table, mask = _table(tmp_path, TWO_RUNS), read_mask([write_mask(tmp_path)])
    _, trials = read_labelled_volumes(bold, mask, table, FmriRecipe(shift_s=10.0))
    # the response to the last cat of each run would come two volumes after the end of it
    assert trials.labels == (("face",) * 3 + ("cat",)) * 2
    assert "left out 4 trials whose response lies beyond the run" in trials.notes[0]


def test_runs_are_scaled_each_by_itself(tmp_path: Path) -> None:
    volumes = numbered_volumes(24)
    volumes[..., 12:] *= 3
    bold, mask = write_nifti(tmp_path / "bold.nii.gz", volumes), read_mask([write_mask(tmp_path)])
    recording, trials = read_labelled_volumes(bold, mask, _table(tmp_path, TWO_RUNS), FmriRecipe(scaling="run"))
    for run in (slice(12), slice(12, 24)):
        np.testing.assert_allclose(recording.data[:, run].mean(axis=1), 0, atol=1e-4)
        np.testing.assert_allclose(recording.data[:, run].std(axis=1), 1, rtol=1e-4)
    assert "cannot run live" in trials.notes[-1]


@pytest.mark.parametrize(
    ("text", "message"), [("face 0\n" * 9, "10 volumes; it has 9 lines"), ("face\n" * 10, r"such as \['face'\]")]
)
def test_a_table_of_another_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    bold = write_nifti(tmp_path / "bold.nii.gz", numbered_volumes(10))
    with pytest.raises(SettingsError, match=message):
        read_labelled_volumes(bold, read_mask([write_mask(tmp_path)]), _table(tmp_path, text), FmriRecipe())


def test_real_categories_are_told_apart_in_runs_that_were_left_out(shared_data: Path) -> None:
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folder = shared_data / "haxby-slice"
    mask = read_mask([folder / "mask.nii.gz"])
    files = (folder / "bold.nii.gz", mask, folder / "attributes_literal.txt", FmriRecipe(shift_s=5.0, scaling="run"))
    recording, trials = read_labelled_volumes(*files, per="block")
    assert (recording.data.shape, trials.windows.shape) == ((530, 1452), (96, 530, 1))
    assert recording.sfreq == pytest.approx(0.4)
    patterns, labels = trials.windows[..., 0], np.array(trials.labels)
    model = make_pipeline(StandardScaler(), RidgeClassifier(1e3))
    scores = [
        (
            model.fit(patterns[split.train], labels[split.train]).predict(patterns[split.test]) == labels[split.test]
        ).mean()
        for split in leave_one_out(trials, "run")
    ]
    assert 0.58 < np.mean(scores) < 0.70  # 0.646 by another code, chance 1/8


def test_real_blocks_may_not_be_torn_apart(shared_data: Path) -> None:
    folder = shared_data / "haxby-slice"
    mask = read_mask([folder / "mask.nii.gz"])
    _, trials = read_labelled_volumes(folder / "bold.nii.gz", mask, folder / "attributes_literal.txt", FmriRecipe())
    assert len(trials) == 864
    object.__setattr__(trials, "pictures", tuple(map(str, range(864))))
    with pytest.raises(SettingsError, match="blocks of one category"):
        k_folds(trials, "picture")
