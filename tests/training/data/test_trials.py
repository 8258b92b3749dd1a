"""Every kind of data that a recipe may name becomes trials with their pictures, and their latents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bci_app.contract.errors import BciError, SettingsError
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import resize
from tests.tiny import SIZE, tiny_generator
from tests.training.data.volumes import numbered_volumes, write_mask, write_nifti
from training.data.trials import read_trials, with_latents
from training.reader_recipe import ReaderRecipe


def _pictures(folder: Path, names: Iterable[str]) -> str:
    """A picture of its own for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return str(folder)


def _spikes(folder: Path) -> dict:
    counts = np.random.default_rng(0).poisson(3, (6, 4))
    np.savez(folder / "s.npz", counts=counts, neurons=list("abcd"), bin_s=0.1, pictures=["cat", "dog", "cup"] * 2)
    return {
        "kind": "spikes",
        "counts": str(folder / "s.npz"),
        "pictures": _pictures(folder / "p", ["cat", "dog", "cup"]),
    }


def _things(folder: Path) -> dict:
    for subject in ("sub-01", "sub-02"):
        (folder / subject).mkdir()
        for side, n in (("training", 3), ("test", 2)):
            eeg = np.random.default_rng(n).normal(size=(n, 4, 2, 50))
            content = {"preprocessed_eeg_data": eeg, "ch_names": ["Pz", "Oz"], "times": np.arange(50) / 100}
            np.savez(folder / subject / f"preprocessed_eeg_{side}.npz", **content)
    for side, names in (("training", ["a", "b", "c"]), ("test", ["d", "e"])):
        for number, name in enumerate(names):
            _pictures(folder / "set" / f"{side}_images" / f"{number + 1:05d}_{name}", [f"{name}_01b"])
            path = folder / "set" / f"{side}_images" / f"{number + 1:05d}_{name}" / f"{name}_01b.png"
            Image.fromarray(np.full((20, 20, 3), 40 * number + len(side), np.uint8)).save(path)
    folders = [str(folder / subject) for subject in ("sub-01", "sub-02")]
    return {"kind": "things_eeg2", "folders": folders, "pictures": str(folder / "set")}


def _bdata(folder: Path) -> dict:
    import h5py

    rng, names = np.random.default_rng(0), {1.0: "cat", 2.0: "dog", 3.0: "cup"}
    columns = {"Run": np.repeat([1.0, 2.0], 3), "Session": np.ones(6), "DataType": np.repeat([1.0, 2.0], [4, 2]),
               "stimulus_name": np.array([1.0, 2.0, 1.0, 2.0, 3.0, 3.0])}  # fmt: skip
    belongs = np.full((1 + len(columns), 5 + len(columns)), np.nan)
    belongs[0, :5] = 1
    belongs[range(1, 1 + len(columns)), range(5, 5 + len(columns))] = 1
    with h5py.File(folder / "s1.h5", "w") as file:
        file["dataset"] = np.column_stack([rng.normal(size=(6, 5)), *columns.values()])
        file["metadata/key"] = [key.encode() for key in ("ROI_VC", *columns)]
        file["metadata/value"] = belongs
        for number, name in names.items():
            file[f"vmap/stimulus_name/{number}"] = name.encode()
    chosen = {"only": {"DataType": 1}, "test_only": {"DataType": 2}}
    return {
        "kind": "bdata",
        "files": [str(folder / "s1.h5")],
        "pictures": _pictures(folder / "p", names.values()),
        **chosen,
    }


def _openneuro(folder: Path) -> dict:
    place = folder / "sub-01" / "ses-a" / "func" / "sub-01_ses-a_task-perception_run-01"
    write_nifti(Path(f"{place}_bold.nii.gz"), numbered_volumes(16))
    rows = [("onset", "duration", "event_type", "stimulus_name"), (8, 4, 1, "cat"), (12, 4, 1, "dog")]
    Path(f"{place}_events.tsv").write_text("\n".join("\t".join(map(str, row)) for row in rows))
    mask, pictures = write_mask(folder), _pictures(folder / "p", ["cat", "dog"])
    return {"kind": "openneuro", "folder": str(folder), "pictures": pictures, "masks": [str(mask)], "subject": "01"}


def _nifti(folder: Path) -> dict:
    bold, mask = write_nifti(folder / "bold.nii.gz", numbered_volumes(24)), write_mask(folder)
    run = "{0} rest\n" * 2 + "{0} face\n" * 3 + "{0} rest\n" + "{0} cat\n" * 3 + "{0} rest\n" * 3
    lines = [" ".join(reversed(line.split())) for number in (0, 1) for line in run.format(number).splitlines()]
    (folder / "labels.txt").write_text("\n".join(lines))
    return {"kind": "nifti", "bold": str(bold), "table": str(folder / "labels.txt"), "masks": [str(mask)],
            "pictures": _pictures(folder / "p", ["face", "cat"])}  # fmt: skip


@pytest.mark.parametrize(
    ("make", "n_trials", "shape", "sessions", "n_pictures"),
    [
        (_spikes, 6, (4, 1), {""}, 3),
        (_things, 10, (2, 50), {"training", "test"}, 5),
        (_bdata, 6, (5, 1), {"1", "test"}, 3),
        (_openneuro, 2, (3, 1), {"a"}, 2),
        (_nifti, 4, (3, 1), {""}, 2),
    ],
)
def test_each_kind_of_data_becomes_trials_with_the_pictures_shown(
    tmp_path: Path,
    make: Callable[[Path], dict],
    n_trials: int,
    shape: tuple[int, int],
    sessions: set[str],
    n_pictures: int,
) -> None:
    trials = read_trials(ReaderRecipe.model_validate({"data": make(tmp_path)}), SIZE)
    assert trials.windows.shape == (n_trials, *shape)
    assert set(trials.sessions) == sessions
    assert len(set(trials.pictures)) == n_pictures
    assert set(trials.pictures) <= set(trials.images)


def test_real_recordings_find_their_pictures_by_marker(shared_data: Path, tmp_path: Path) -> None:
    files = str(shared_data / "muse-n170" / "sub-2_*_eeg.fif")
    cutting = {"cut": {"start_s": 0.05, "stop_s": 0.5}}
    pictures = _pictures(tmp_path / "p", ["face", "house"])
    recipe = ReaderRecipe.model_validate(
        {"data": {"kind": "recordings", "files": [files], "pictures": pictures, "cutting": cutting}}
    )
    trials = read_trials(recipe, SIZE)
    assert set(trials.pictures) == {"face", "house"}
    assert set(trials.runs) == {"1", "2"}
    assert trials.windows.shape[1] == 4


def test_the_latent_of_each_trial_is_that_of_its_picture(tmp_path: Path) -> None:
    generator = Generator.open(tiny_generator(tmp_path / "generator"), "cpu")
    trials = read_trials(ReaderRecipe.model_validate({"data": _spikes(tmp_path)}), SIZE)
    kept, latents = with_latents(trials, generator)
    assert len(kept) == 6
    for number, picture in enumerate(trials.pictures):
        wanted = generator.encode(resize(trials.images[picture], SIZE)[np.newaxis])[0]
        np.testing.assert_allclose(latents[number], wanted, atol=1e-5)


def test_trials_without_their_picture_are_left_out_and_said_and_none_at_all_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    generator = Generator.open(tiny_generator(tmp_path / "generator"), "cpu")
    trials = read_trials(ReaderRecipe.model_validate({"data": _spikes(tmp_path)}), SIZE)
    fewer = replace(trials, images={key: image for key, image in trials.images.items() if key != "dog"})
    kept, latents = with_latents(fewer, generator)
    assert (len(kept), len(latents)) == (4, 4)
    assert kept.notes[-1] == "2 trials were left out: their picture is not at hand."
    with pytest.raises(SettingsError, match=r"no picture of the 6 trials .* Name the place of the pictures"):
        with_latents(replace(trials, images={}), generator)


def test_files_that_do_not_exist_are_said() -> None:
    data = {"kind": "recordings", "files": ["nowhere/*.fif"], "pictures": "nowhere"}
    with pytest.raises(BciError, match="nowhere"):
        read_trials(ReaderRecipe.model_validate({"data": data}), SIZE)
