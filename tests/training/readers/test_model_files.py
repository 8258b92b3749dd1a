"""A model on disk: what is read back reads as before, and goes on only where it fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import BundleCorruptError, SettingsError
from tests.training.readers.problem import SFREQ, TUNED, tiny_recipe, trials, two_participants
from training.data.division import divide
from training.reader_recipe import NamedSplit
from training.readers.fitting import Fitting
from training.readers.model_files import TENSORS, WORDS, check_goes_on, read_model
from training.run_folder import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Fitting]:
    """A run of Ada and Ben together, and what fitted it."""
    made, latents = two_participants()
    division = divide(made, NamedSplit(), 0, "Ben")
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    fitting = Fitting(tiny_recipe(subject="Ben"), made, division, folder)
    train = division.folds[0][0]
    fitting(made.windows[train], latents[train], tuple(np.array(made.pictures)[train]), 0)
    return folder, fitting


def test_a_model_read_back_reads_as_before_for_each_participant(run: tuple[RunFolder, Fitting]) -> None:
    saved, windows = read_model(run[0].path), trials(5, seed=9)[0]
    assert saved.words.subjects == saved.model.subjects == ("Ada", "Ben")
    assert (saved.words.sfreq, saved.words.channels) == (SFREQ, tuple("ABCDEF"))
    np.testing.assert_array_equal(saved.model.reader("Ben").read(windows), run[1].fitted[0].read(windows))
    assert not np.allclose(saved.model.reader("Ada").read(windows), run[1].fitted[0].read(windows))


def test_a_new_participant_goes_on_from_a_run(run: tuple[RunFolder, Fitting], tmp_path: Path) -> None:
    made, latents = two_participants()
    cleo = replace(made.take(np.arange(120)), subjects=("Cleo",) * 120, pictures=tuple(f"new {n}" for n in range(120)))
    recipe = tiny_recipe(subject="Cleo", fine_tuning=TUNED | {"model": str(run[0].path)})
    fitting = Fitting(recipe, cleo, divide(cleo, NamedSplit(), 0), RunFolder(tmp_path))
    train = fitting.division.folds[0][0]
    reader = fitting(cleo.windows[train], latents[train], tuple(np.array(cleo.pictures)[train]), 0)
    assert reader.read(cleo.windows[:3]).shape == (3, latents.shape[1])
    assert len(set(fitting.taught)) == 160
    assert not (tmp_path / "others").exists()


def test_pictures_that_are_scored_must_not_have_been_taught_before(
    run: tuple[RunFolder, Fitting], tmp_path: Path
) -> None:
    made, latents = two_participants()
    shown = run[1].trials.pictures[:120]  # Ada's; turned round, 40 that she was trained on are scored
    cleo = replace(made.take(np.arange(120)), subjects=("Cleo",) * 120, pictures=shown[::-1])
    recipe = tiny_recipe(subject="Cleo", fine_tuning=TUNED | {"model": str(run[0].path)})
    fitting = Fitting(recipe, cleo, divide(cleo, NamedSplit(), 0), RunFolder(tmp_path))
    train = fitting.division.folds[0][0]
    with pytest.raises(SettingsError, match=r"40 that are scored were shown to the participants of fine_tuning.model"):
        fitting(cleo.windows[train], latents[train], cleo.pictures[:80], 0)


def test_a_model_goes_on_with_its_own_reader_channels_and_rate_alone(run: tuple[RunFolder, Fitting]) -> None:
    words = read_model(run[0].path).words
    check_goes_on(words, words.reader, words.channels, words.sfreq)
    with pytest.raises(SettingsError, match="channels and sfreq differ"):
        check_goes_on(words, words.reader, ("Oz",), 100.0)


def test_a_folder_without_a_model_and_files_that_do_not_belong_together_are_said(
    run: tuple[RunFolder, Fitting], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"with model\.json and model\.safetensors; .* is none"):
        read_model(tmp_path)
    text = (run[0].path / WORDS).read_text("utf-8").replace('"n_filters":2', '"n_filters":3').replace(
        '"n_filters": 2', '"n_filters": 3'
    )  # fmt: skip
    (tmp_path / WORDS).write_text(text, "utf-8")
    (tmp_path / TENSORS).write_bytes((run[0].path / TENSORS).read_bytes())
    with pytest.raises(BundleCorruptError, match="must fit the recipe beside it"):
        read_model(tmp_path)
