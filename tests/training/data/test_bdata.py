"""BData files, as bdpy writes them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from bci_app.contract.errors import BciError, RecordingError, SettingsError, SignalError
from training.data.bdata import BDataKeys, read_bdata
from training.data.splits import check_no_leak, leave_one_out

N, N_VOXELS = 12, 6
VOXELS = np.random.default_rng(0).normal(100, 5, (N, N_VOXELS))
AREAS = {"ROI_V1": [1, 1, 0, 0, 0, 0], "ROI_HVC": [0, 0, 0, 1, 0, 1], "ROI_VC": [1, 1, 1, 1, 0, 1]}
NAMES = {1518878.005958: "n01518878_5958", 1639765.047681: "n01639765_47681", 1639765.000111: "n01639765_111"}
STIMULI = np.array([list(NAMES)[number % 3] for number in range(N)])
STIMULI[[0, 6]] = np.nan  # rest
COLUMNS = {
    "Session": np.repeat([1.0, 2.0], 6),
    "Run": np.tile(np.repeat([1.0, 2.0], 3), 2),
    "DataType": np.tile([1.0, 1.0, 2.0], 4),
    "stimulus_name": STIMULI,
    "image_index": np.full(N, 7.0),
    "category_index": np.tile([3.0, 4.0, 5.0], 4),
}


def _write(path: Path, voxels: np.ndarray = VOXELS, areas: dict = AREAS, root: str = "dataset") -> Path:
    """The layout of bdpy."""
    n_voxels = voxels.shape[1]
    values = np.full((len(areas) + 1 + len(COLUMNS), n_voxels + len(COLUMNS)), np.nan)
    values[0, :n_voxels] = 1
    for row, area in enumerate(areas.values(), start=1):
        values[row, :n_voxels] = area
    for number in range(len(COLUMNS)):
        values[len(areas) + 1 + number, n_voxels + number] = 1
    keys = ["VoxelData", *areas, *COLUMNS]
    with h5py.File(path, "w") as file:
        file[root] = np.column_stack([voxels, *(np.resize(each, len(voxels)) for each in COLUMNS.values())])
        metadata = file.create_group("metaData" if root == "dataSet" else "metadata")
        metadata["key"] = [key.encode() for key in keys]
        metadata["description"] = [b"" for _ in keys]
        metadata["value"] = values
        for number, name in NAMES.items():
            file[f"vmap/stimulus_name/{number}"] = name.encode()
    return path


def test_the_layout_here_is_that_of_bdpy(tmp_path: Path) -> None:
    bdpy = pytest.importorskip("bdpy", reason="needs bdpy, which installs on Python 3.11 alone")
    data = bdpy.BData()
    data.add(VOXELS, "VoxelData")
    for area, inside in AREAS.items():
        data.add_metadata(area, np.array(inside, float), where="VoxelData")
    for key, column in COLUMNS.items():
        data.add(column, key)
    data.add_vmap("stimulus_name", dict(NAMES))
    data.save(str(tmp_path / "theirs.h5"))
    theirs, ours = read_bdata(tmp_path / "theirs.h5"), read_bdata(_write(tmp_path / "ours.h5"))
    np.testing.assert_array_equal(theirs.windows, ours.windows)
    for key in ("pictures", "labels", "runs", "sessions"):
        assert getattr(theirs, key) == getattr(ours, key)
    # and what bdpy itself selects is what is read
    selected = data.select("ROI_VC")[np.isfinite(STIMULI)]
    np.testing.assert_allclose(theirs.windows[..., 0], selected, rtol=1e-6)
    assert theirs.pictures == tuple(name for name in data.get_labels("stimulus_name") if name != "n/a")


def test_the_voxels_of_an_area_are_read_with_their_words(tmp_path: Path) -> None:
    trials = read_bdata(_write(tmp_path / "sub-01.h5"))
    shown = np.isfinite(STIMULI)
    np.testing.assert_allclose(trials.windows[..., 0], VOXELS[shown][:, [0, 1, 2, 3, 5]], rtol=1e-6)
    assert trials.windows.dtype == np.float32
    assert trials.preprocessing.channels == ("voxel-0", "voxel-1", "voxel-2", "voxel-3", "voxel-5")
    assert trials.pictures[:3] == ("n01639765_47681", "n01639765_111", "n01518878_5958")
    assert trials.labels[:3] == ("n01639765", "n01639765", "n01518878")
    assert trials.runs == ("1",) * 2 + ("2",) * 3 + ("1",) * 2 + ("2",) * 3
    assert trials.sessions == ("1",) * 5 + ("2",) * 5
    assert (set(trials.subjects), trials.kind) == ({"sub-01"}, "fmri-decoder")
    assert trials.notes[0] == "'sub-01.h5': left out 2 samples of rest or not asked for."
    assert len(leave_one_out(trials, "run")) == 4


def test_areas_are_joined_and_samples_are_chosen(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.h5", root="dataSet")  # as older files have it
    trials = read_bdata(path, BDataKeys(areas=("ROI_HVC", "ROI_V1")), only={"DataType": 2})
    rows = np.flatnonzero((COLUMNS["DataType"] == 2) & np.isfinite(STIMULI))
    np.testing.assert_allclose(trials.windows[..., 0], VOXELS[rows][:, [0, 1, 3, 5]], rtol=1e-6)


def test_numbers_that_begin_anew_in_the_test_part_are_no_shared_pictures(tmp_path: Path) -> None:
    keys = BDataKeys(stimulus="image_index", category="category_index", part="DataType")
    trials = read_bdata(_write(tmp_path / "a.h5"), keys)
    assert trials.pictures == ("1/7", "1/7", "2/7") * 4
    assert trials.labels == ("3", "4", "5") * 4
    is_test = np.array([each.startswith("2/") for each in trials.pictures])
    check_no_leak(trials, np.flatnonzero(~is_test), np.flatnonzero(is_test), "picture")


def test_numbers_without_words_keep_all_their_digits(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["vmap"]
    trials = read_bdata(path)
    assert trials.pictures[:3] == ("1639765.047681", "1639765.000111", "1518878.005958")
    assert set(trials.labels) == {""}


def test_voxels_are_scaled_within_each_run_only_when_asked_for(tmp_path: Path) -> None:
    voxels = VOXELS + 50 * COLUMNS["Run"][:, None] + 500 * COLUMNS["Session"][:, None]
    keys = BDataKeys(stimulus="image_index")
    trials = read_bdata(_write(tmp_path / "a.h5", voxels), keys, scaling="run")
    for session in "12":
        for run in "12":
            rows = [(s, r) == (session, run) for s, r in zip(trials.sessions, trials.runs, strict=True)]
            np.testing.assert_allclose(trials.windows[rows].mean(axis=0), 0, atol=1e-4)
            np.testing.assert_allclose(trials.windows[rows].std(axis=0), 1, rtol=1e-3)
    assert "cannot run live" in trials.notes[-1]
    assert not any("cannot run live" in note for note in read_bdata(tmp_path / "a.h5", keys).notes)


def test_pictures_are_known_by_their_pixels(tmp_path: Path) -> None:
    grey, white = np.full((4, 4, 3), 99, np.uint8), np.full((4, 4, 3), 255, np.uint8)
    images = dict(zip(NAMES.values(), (grey, white, grey.copy()), strict=True))
    trials = read_bdata(_write(tmp_path / "a.h5"), images=images)
    assert trials.pictures[:3] == ("n01639765_47681", "n01518878_5958", "n01518878_5958")
    with pytest.raises(SettingsError, match=r"2 of which are not among the 1 given"):
        read_bdata(tmp_path / "a.h5", images={"n01518878_5958": grey})


def test_columns_outside_the_area_are_never_all_in_memory(tmp_path: Path) -> None:
    n, n_voxels = 600, 5000
    area = np.zeros(n_voxels)
    area[[5, 4990]] = 1  # at both ends, so that all between is passed over
    path = _write(tmp_path / "a.h5", np.ones((n, n_voxels)), {"ROI_VC": area})
    read_bdata(path)
    tracemalloc.start()
    trials = read_bdata(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert trials.windows.nbytes == len(trials) * 2 * 4
    assert peak < n * n_voxels * 8 / 3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"keys": BDataKeys(areas=("ROI_V9",))}, SettingsError, r"has no 'ROI_V9'; it has VoxelData, ROI_V1"),
        ({"keys": BDataKeys(stimulus="VoxelData")}, SettingsError, r"one column of 'a.h5'; it is 6"),
        ({"only": {"DataType": 9}}, SettingsError, r"No sample of 'a.h5' has a stimulus_name and \{'DataType': 9\}"),
        ({"keys": BDataKeys(run="Runs")}, SettingsError, "no 'Runs'"),
    ],
)
def test_what_is_not_in_the_file_is_named(tmp_path: Path, options: dict, error: type[BciError], message: str) -> None:
    with pytest.raises(error, match=message):
        read_bdata(_write(tmp_path / "a.h5"), **options)


def test_voxels_that_hold_nothing_are_named(tmp_path: Path) -> None:
    voxels = VOXELS.copy()
    voxels[3, 1] = np.nan
    with pytest.raises(SignalError, match=r"voxel-1 hold NaN"):
        read_bdata(_write(tmp_path / "a.h5", voxels))
    voxels[:, 1] = 4.0
    with pytest.raises(SignalError, match=r"session 1, run 1; 1 of 5 do not vary, such as voxel-1"):
        read_bdata(_write(tmp_path / "a.h5", voxels), scaling="run")


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="must be a BData file"):
        read_bdata(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_bytes(b"nothing" * 99)
    with pytest.raises(RecordingError, match="must be a BData file"):
        read_bdata(tmp_path / "text.h5")
    path = _write(tmp_path / "a.h5")
    (tmp_path / "cut.h5").write_bytes(path.read_bytes()[:3000])
    with pytest.raises(RecordingError, match="Fetch it again"):
        read_bdata(tmp_path / "cut.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(RecordingError, match="must hold dataset and metadata"):
        read_bdata(tmp_path / "other.h5")
    with h5py.File(path, "a") as file:
        del file["dataset"]
        file["dataset"] = np.zeros((4, 3))
    with pytest.raises(RecordingError, match=r"got \(4, 3\) and \(10, 12\)"):
        read_bdata(path)
    path = _write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file[f"vmap/stimulus_name/{1639765.047681}"]
    with pytest.raises(RecordingError, match=r"1639765\.047681 has none"):
        read_bdata(path)
