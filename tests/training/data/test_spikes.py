"""Spike counts with what was shown."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import BciError, ChannelError, PictureError, RecordingError, SettingsError, SignalError
from bci_app.contract.windowing import samples_per_window
from training.data.brain import BrainTrials
from training.data.spikes import read_counts, read_photographs, read_rasters
from training.data.splits import hold_out, k_folds
from training.data.stimuli import picture_hash

COUNTS = np.random.default_rng(0).poisson(4, (6, 3)).astype(float)


def _jpeg(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 30 * number, np.uint8)).save(file, "JPEG")
    return file.getvalue()


def _photographs(folder: Path, numbers: tuple[int, ...] = (0, 1, 2, 1, 4, 5)) -> tuple[Path, Path]:
    """Six photographs, the second and the fourth of which are the same file under two names."""
    with zipfile.ZipFile(folder / "images_9.zip", "w") as archive:
        for place, number in reversed(list(enumerate(numbers))):
            archive.writestr(f"images_9/image{place:04d}.jpg", _jpeg(number))
    np.save(folder / "responses_9.npy", COUNTS.T)
    return folder / "images_9.zip", folder / "responses_9.npy"


def test_photographs_belong_to_the_columns_in_the_order_of_their_names(tmp_path: Path) -> None:
    trials = read_photographs(*_photographs(tmp_path))
    np.testing.assert_array_equal(trials.windows, COUNTS.astype(np.float32)[:, :, None])
    assert trials.pictures == tuple(picture_hash(_jpeg(number)) for number in (0, 1, 2, 1, 4, 5))
    assert (trials.kind, trials.preprocessing.unit, trials.preprocessing.sfreq) == ("spike-decoder", "count", 10.0)
    assert samples_per_window(trials.cut, 10.0) == trials.windows.shape[2] == 1
    assert trials.sessions == ("9",) * 6
    np.testing.assert_array_equal(
        trials.images[trials.pictures[4]], np.asarray(Image.open(io.BytesIO(_jpeg(4))).convert("RGB"))
    )


def test_the_same_photograph_under_two_names_is_on_one_side(tmp_path: Path) -> None:
    trials = read_photographs(*_photographs(tmp_path))
    for seed in range(10):
        split = hold_out(trials, "picture", test=0.4, seed=seed)
        assert (1 in split.test) == (3 in split.test)


@pytest.mark.parametrize(
    ("responses", "error", "message"),
    [
        (COUNTS.T[:, :5], SettingsError, r"'images_9.zip' has 6 photographs, 'responses_9.npy' responses to 5"),
        (COUNTS.T[0], RecordingError, r"2 dimensions; got float64 \(6,\)"),
        (-COUNTS.T, RecordingError, "with negative numbers"),
        (np.array([[None] * 6]), RecordingError, "plain arrays"),
        (np.where(np.eye(3, 6), np.nan, COUNTS.T), SignalError, "neuron-000, neuron-001, neuron-002 hold NaN"),
    ],
)
def test_responses_that_do_not_fit_are_refused(
    tmp_path: Path, responses: np.ndarray, error: type[BciError], message: str
) -> None:
    images, file = _photographs(tmp_path)
    np.save(file, responses)
    with pytest.raises(error, match=message):
        read_photographs(images, file)


def test_missing_and_cut_files_are_refused(tmp_path: Path) -> None:
    images, file = _photographs(tmp_path)
    with pytest.raises(RecordingError, match="No such file"):
        read_photographs(images, tmp_path / "none.npy")
    with pytest.raises(PictureError, match="No such file"):
        read_photographs(tmp_path / "none.zip", file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(RecordingError, match=r"responses_9.npy.*Fetch it again"):
        read_photographs(images, file)


def _archive(folder: Path, **changes: object) -> Path:
    content = {
        "counts": COUNTS,
        "neurons": ["a", "b", "c"],
        "bin_s": 0.2,
        "pictures": ["x", "y", "x", "z", "z", "y"],
        "runs": [1, 1, 1, 2, 2, 2],
    }
    np.savez(folder / "a.npz", **{key: each for key, each in (content | changes).items() if each is not None})
    return folder / "a.npz"


def test_any_session_is_read_from_an_archive(tmp_path: Path) -> None:
    trials = read_counts(_archive(tmp_path))
    np.testing.assert_array_equal(trials.windows[..., 0], COUNTS)
    assert trials.preprocessing.channels == ("a", "b", "c")
    assert (trials.pictures, trials.runs) == (("x", "y", "x", "z", "z", "y"), ("1", "1", "1", "2", "2", "2"))
    assert (trials.labels, trials.subjects) == (("",) * 6, ("",) * 6)
    binned = read_counts(_archive(tmp_path, counts=COUNTS.astype(np.uint8).reshape(2, 3, 3), pictures=None, runs=None))
    assert binned.windows.shape == (2, 3, 3)
    assert samples_per_window(binned.cut, binned.preprocessing.output_sfreq) == 3


def test_pictures_of_a_session_are_known_by_their_pixels(tmp_path: Path) -> None:
    grey, white = np.full((4, 4, 3), 99, np.uint8), np.full((4, 4, 3), 255, np.uint8)
    trials = read_counts(_archive(tmp_path), {"x": grey, "y": white, "z": grey.copy()})
    assert trials.pictures == ("x", "y", "x", "x", "x", "y")
    np.testing.assert_array_equal(trials.images["y"], white)
    with pytest.raises(
        SettingsError, match=r"'a.npz' shows 3 pictures, 1 of which are not among the 2 given, such as 'z'"
    ):
        read_counts(_archive(tmp_path), {"x": grey, "y": white})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"neurons": None}, RecordingError, "neurons is missing"),
        ({"neurons": ["a", "b"]}, RecordingError, r"6 trials and 3 neurons.*neurons \(2\)"),
        ({"neurons": ["a", "b", "b"]}, ChannelError, "doubled: b"),
        ({"pictures": ["x"]}, RecordingError, r"pictures \(1\)"),
        ({"counts": COUNTS[0]}, RecordingError, "2 or 3 dimensions"),
        ({"counts": COUNTS[:0]}, RecordingError, r"got float64 \(0, 3\)"),
        ({"counts": COUNTS - 20}, RecordingError, "negative"),
        ({"bin_s": 0}, SettingsError, "bin_s, is 0.001 to 60 s; got 0"),
    ],
)
def test_an_archive_that_is_no_session_is_refused(
    tmp_path: Path, changes: dict, error: type[BciError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_counts(_archive(tmp_path, **changes))


def _rasters(folder: Path, **changes: object) -> Path:
    """Two neurons, 100 ms, onset at the 41st; neuron 0 fires in the n-th trial of an object n times after 60 ms."""
    stims, places = np.array(["face", "car"] * 6), np.array(["left"] * 6 + ["right"] * 6)
    first, second = np.zeros((12, 100), np.uint8), np.zeros((11, 100), np.uint8)
    for trial in range(12):
        first[trial, 60 : 60 + trial] = 1
    second[:, 39] = 1  # the last millisecond before the onset
    second[:, 40] = 1
    content = {"names": ["u", "v"], "n_ms": 100, "onset_ms": 41}
    for number, spikes in enumerate((first, second)):
        n = len(spikes)
        content |= {
            f"n{number:03d}_spk": np.packbits(spikes, axis=1),
            f"n{number:03d}_stim": stims[:n],
            f"n{number:03d}_pos": places[:n],
        }
    np.savez(folder / "a.npz", **(content | changes))
    return folder / "a.npz"


def test_neurons_recorded_one_at_a_time_are_put_together_by_what_was_shown(tmp_path: Path) -> None:
    trials = read_rasters(_rasters(tmp_path), window_s=(0.0, 0.06))
    # the second neuron saw two cars on the right, everything else three times
    assert trials.windows.shape == (2 * 4, 2, 1)
    np.testing.assert_array_equal(trials.windows[:, 1, 0], 1)  # from the onset on, to the millisecond
    for trial, picture, label in zip(trials.windows[:, 0, 0], trials.pictures, trials.labels, strict=True):
        number = int(trial)  # it fires as often as its trial's number says
        assert picture == f"{('face', 'car')[number % 2]}/{'left' if number < 6 else 'right'}"
        assert label == picture.split("/")[0]
    assert len(set(trials.windows[:, 0, 0])) == 8  # each real trial once
    assert trials.runs == ("0",) * 4 + ("1",) * 4


def test_spikes_are_counted_in_bins(tmp_path: Path) -> None:
    trials = read_rasters(_rasters(tmp_path), window_s=(0.0, 0.06), bin_s=0.01)
    assert trials.windows.shape == (8, 2, 6)
    whole = read_rasters(_rasters(tmp_path), window_s=(0.0, 0.06))
    np.testing.assert_array_equal(trials.windows.sum(axis=2), whole.windows[..., 0])
    np.testing.assert_array_equal(trials.windows[:, 1], [[1, 0, 0, 0, 0, 0]] * 8)
    assert samples_per_window(trials.cut, trials.preprocessing.output_sfreq) == 6


@pytest.mark.parametrize(
    ("window_s", "bin_s"), [((0.0, 0.07), None), ((-0.05, 0.0), None), ((0.0, 0.05), 0.02), ((0.1, 0.0), 0.01)]
)
def test_windows_that_do_not_fit_are_refused(tmp_path: Path, window_s: tuple, bin_s: float | None) -> None:
    with pytest.raises(SettingsError, match=r"whole bins from -0.04 to 0.06 s"):
        read_rasters(_rasters(tmp_path), window_s=window_s, bin_s=bin_s)


def test_a_neuron_that_was_not_shown_everything_is_named(tmp_path: Path) -> None:
    path = _rasters(tmp_path, n001_pos=np.array(["left"] * 11))
    with pytest.raises(RecordingError, match=r"Neuron 'v' .*; car right, face right is missing"):
        read_rasters(path, window_s=(0.0, 0.06))
    with pytest.raises(RecordingError, match="n001_spk"):
        read_rasters(_without(path, "n001_spk"))
    with pytest.raises(RecordingError, match=r"of each trial; 'v' does not"):
        read_rasters(_rasters(tmp_path, n001_pos=np.array(["left"] * 10)))


def _without(path: Path, key: str) -> Path:
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive if name != key}
    np.savez(path, **kept)
    return path


def _identified(read: np.ndarray, shown: np.ndarray) -> float:
    n = len(read)
    correlations = np.corrcoef(read, shown)[:n, n:]
    return float((np.diag(correlations)[:, None] > correlations).sum() / (n * (n - 1)))


def test_real_photographs_are_identified_from_v4(shared_data: Path) -> None:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import RidgeCV

    folder = shared_data / "macaque-v4"
    trials = read_photographs(folder / "images_210305.zip", folder / "responses_210305.npy")
    assert trials.windows.shape == (400, 70, 1)
    small = np.stack([trials.images[each][::4, ::4].ravel() / 255 for each in trials.pictures])
    split, counts = hold_out(trials, "picture"), trials.windows[..., 0]
    pca = PCA(30, random_state=0).fit(small[split.train])
    targets = pca.transform(small) / pca.transform(small[split.train]).std(axis=0)
    features = (counts - counts[split.train].mean(axis=0)) / counts[split.train].std(axis=0)
    ridge = RidgeCV(np.logspace(1, 4, 4), alpha_per_target=True).fit(features[split.train], targets[split.train])
    score = _identified(ridge.predict(features[split.test]), targets[split.test])
    assert 0.82 < score < 0.95  # 0.86 to 0.91 over twelve splits, by chance 0.5


def test_real_objects_are_told_apart_by_it(shared_data: Path) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    trials: BrainTrials = read_rasters(shared_data / "macaque-it" / "rasters.npz")
    assert trials.windows.shape == (19 * 21, 132, 1)
    roots, labels, right = np.sqrt(trials.windows[..., 0]), np.array(trials.labels), []
    for split in k_folds(trials, "run", 5):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        right += list(
            model.fit(roots[split.train], labels[split.train]).predict(roots[split.test]) == labels[split.test]
        )
    assert np.mean(right) > 0.90  # 0.957 by another code, chance 1/7
