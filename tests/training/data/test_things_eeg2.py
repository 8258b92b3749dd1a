"""THINGS-EEG2 in the two layouts in which it is published, small."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import ChannelError, RecordingError, SettingsError
from bci_app.contract.windowing import samples_per_window
from training.data.brain import BrainTrials
from training.data.repeats import average_repeats
from training.data.splits import check_no_leak, hold_out
from training.data.stimuli import picture_hash
from training.data.things_eeg2 import read_things_eeg2

CHANNELS = ["Pz", "P3", "P7", "O1"]
TRAINING = ["00001_aardvark/aardvark_01b.jpg", "00001_aardvark/aardvark_02s.jpg", "00002_abacus/abacus_01b.jpg"]
TEST = ["00001_aircraft_carrier/aircraft_carrier_06s.jpg", "00002_antelope/antelope_01b.jpg"]


def _eeg(n_pictures: int, n_repeats: int, n_times: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_pictures, n_repeats, len(CHANNELS), n_times))


def _published(folder: Path, layout: str) -> tuple[Path, np.ndarray, np.ndarray]:
    """Both sides, as the data set's authors (100 Hz, numpy) or later ones (250 Hz from the onset, pickle) wrote them."""
    subject = folder / "sub-03"
    subject.mkdir()
    n_times, times = (100, np.arange(-20, 80) / 100) if layout == "authors" else (250, np.arange(-50, 250) / 250)
    training, test = _eeg(3, 4, n_times, 0), _eeg(2, 8, n_times, 1)
    for side, data in (("training", training), ("test", test)):
        content = {"preprocessed_eeg_data": data, "ch_names": CHANNELS, "times": times}
        path = subject / f"preprocessed_eeg_{side}.npy"
        if layout == "authors":
            np.save(path, content)
        else:
            path.write_bytes(pickle.dumps(content, 4))
    return subject, training, test


def _pictures(folder: Path) -> Path:
    for number, (side, name) in enumerate(
        [("training", each) for each in TRAINING] + [("test", each) for each in TEST]
    ):
        path = folder / "set" / f"{side}_images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6, 3), 40 * number, np.uint8)).save(path)
    return folder / "set"


def _metadata(place: Path, training: list[str] = TRAINING) -> None:
    sides = {"train": training, "test": TEST}
    content = {f"{side}_img_concepts": [name.rpartition("/")[0] for name in names] for side, names in sides.items()}
    content |= {f"{side}_img_files": [name.rpartition("/")[2] for name in names] for side, names in sides.items()}
    np.save(place / "image_metadata.npy", content)


@pytest.mark.parametrize(("layout", "sfreq", "start_s", "stop_s"), [("authors", 100, -0.2, 0.8), ("later", 250, 0, 1)])
def test_both_published_layouts_are_read(
    tmp_path: Path, layout: str, sfreq: float, start_s: float, stop_s: float
) -> None:
    folder, training, test = _published(tmp_path, layout)
    trials = read_things_eeg2(folder)
    np.testing.assert_allclose(trials.windows[:12], training.reshape(12, 4, -1), rtol=1e-6)
    np.testing.assert_allclose(trials.windows[12:], test.reshape(16, 4, -1), rtol=1e-6)
    assert trials.windows.dtype == np.float32
    assert trials.preprocessing.channels == tuple(CHANNELS)
    assert (trials.preprocessing.unit, trials.preprocessing.sfreq) == ("au", sfreq)
    assert (trials.cut.start_s, trials.cut.stop_s) == (start_s, stop_s)
    assert samples_per_window(trials.cut, sfreq) == trials.windows.shape[2]
    assert trials.sessions == ("training",) * 12 + ("test",) * 16
    assert set(trials.subjects) == {"03"}
    assert trials.pictures[3:5] == ("training/00000", "training/00001")
    assert "cannot run live" in trials.notes[0]


def test_pictures_are_named_by_their_bytes_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder, place = _published(tmp_path, "authors")[0], _pictures(tmp_path)
    trials = read_things_eeg2(folder, place)
    for number, name in enumerate(TRAINING):
        file = place / "training_images" / name
        assert set(trials.pictures[4 * number : 4 * number + 4]) == {picture_hash(file.read_bytes())}
        np.testing.assert_array_equal(trials.images[trials.pictures[4 * number]], np.asarray(Image.open(file)))
    assert trials.labels[::4][:3] == ("aardvark", "aardvark", "abacus")
    assert trials.labels[12::8] == ("aircraft_carrier", "antelope")


def test_the_metadata_tell_the_order_and_names_alone_will_do(tmp_path: Path) -> None:
    folder, place = _published(tmp_path, "authors")[0], _pictures(tmp_path)
    _metadata(place, TRAINING[::-1])
    assert read_things_eeg2(folder, place).labels[:12:4] == ("abacus", "aardvark", "aardvark")
    (tmp_path / "names").mkdir()
    _metadata(tmp_path / "names")
    named = read_things_eeg2(folder, tmp_path / "names")
    assert named.pictures[::4][:3] == tuple(TRAINING)
    assert not named.images


@pytest.mark.parametrize("layout", ["authors", "later"])
def test_averages_while_reading_are_those_of_single_trials(tmp_path: Path, layout: str) -> None:
    folder = _published(tmp_path, layout)[0]
    averages, singles = read_things_eeg2(folder, average=True), average_repeats(read_things_eeg2(folder))
    np.testing.assert_allclose(averages.windows, singles.windows, atol=1e-6)
    assert (averages.pictures, averages.sessions) == (singles.pictures, singles.sessions)
    assert "average of 4 repeats" in averages.notes[1]
    assert "average of 8 repeats" in averages.notes[2]


def test_channels_and_window_are_chosen(tmp_path: Path) -> None:
    folder, training, _ = _published(tmp_path, "authors")
    trials = read_things_eeg2(folder, sides=["training"], channels=["O1", "Pz"], window_s=(0.0, 0.5))
    np.testing.assert_allclose(trials.windows, training.reshape(12, 4, -1)[:, [3, 0], 20:70], rtol=1e-6)
    assert trials.preprocessing.channels == ("O1", "Pz")
    with pytest.raises(ChannelError, match="Cz"):
        read_things_eeg2(folder, channels=["Cz"])
    for window_s in ((-0.3, 0.5), (0.0, 0.9), (0.5, 0.5)):
        with pytest.raises(SettingsError, match=r"published -0.2 to 0.8 s"):
            read_things_eeg2(folder, window_s=window_s)


def test_no_picture_is_on_both_sides_of_a_split(tmp_path: Path) -> None:
    trials: BrainTrials = read_things_eeg2(_published(tmp_path, "authors")[0], _pictures(tmp_path))
    hold_out(trials, "picture", test=0.4)
    sessions = np.array(trials.sessions)
    check_no_leak(trials, np.flatnonzero(sessions == "training"), np.flatnonzero(sessions == "test"), "picture")


def test_pictures_that_do_not_belong_to_the_trials_are_refused(tmp_path: Path) -> None:
    folder, place = _published(tmp_path, "authors")[0], _pictures(tmp_path)
    (place / "test_images" / TEST[0]).unlink()
    with pytest.raises(SettingsError, match=r"test side has trials of 2 pictures; .* names 1"):
        read_things_eeg2(folder, place)
    _metadata(place)
    with pytest.raises(SettingsError, match=r"1 of 2 pictures are missing, such as .*aircraft_carrier_06s"):
        read_things_eeg2(folder, place)
    _metadata(place, ["../x", *TRAINING[1:]])
    with pytest.raises(RecordingError, match=r"names without folders; got '\.\.'"):
        read_things_eeg2(folder, place)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ch_names": CHANNELS[:3]}, r"3 channels as in ch_names, 100 times\); got float64 \(3, 4, 4, 100\)"),
        ({"times": np.arange(50) / 100}, "50 times"),
        ({"preprocessed_eeg_data": np.zeros((3, 4))}, r"got float64 \(3, 4\)"),
        ({"ch_names": None}, "must hold preprocessed_eeg_data, ch_names and times"),
    ],
)
def test_a_file_of_another_layout_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    folder, training, _ = _published(tmp_path, "authors")
    content = {"preprocessed_eeg_data": training, "ch_names": CHANNELS, "times": np.arange(-20, 80) / 100}
    np.save(folder / "preprocessed_eeg_training.npy", content | change)
    with pytest.raises(RecordingError, match=message):
        read_things_eeg2(folder)


def test_what_the_user_has_turned_into_an_archive_is_read(tmp_path: Path) -> None:
    folder, training, _ = _published(tmp_path, "authors")
    for side in ("training", "test"):
        path = folder / f"preprocessed_eeg_{side}.npy"
        saved = np.load(path, allow_pickle=True).item()
        np.savez(path.with_suffix(".npz"), **saved)
        path.write_bytes(b"broken")
    trials = read_things_eeg2(folder)
    np.testing.assert_allclose(trials.windows[:12], training.reshape(12, 4, -1), rtol=1e-6)
