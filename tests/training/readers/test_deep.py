"""A deep reader from trials to the bundle that the program opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from bci_app.calibration.export import write_decoder_bundle
from bci_app.calibration.ridge import fit_noise
from bci_app.contract.errors import SettingsError
from bci_app.contract.identification import pairwise_identification
from bci_app.contract.manifest import GeneratorManifest
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from tests.tiny import DIM as TINY_DIM
from tests.tiny import PROVENANCE, tiny_generator
from tests.training.readers.problem import (
    DIM,
    N_CHANNELS,
    N_TIMES,
    SFREQ,
    TINY_NICE,
    tiny_recipe,
    trials,
)
from training.readers.deep import DeepModel, DeepReader, fit_deep, held_out_pictures


@pytest.fixture(scope="module")
def model() -> DeepModel:
    return fit_deep(*trials(150), tiny_recipe(), SFREQ)


def _identification(reader: DeepReader, windows: np.ndarray, targets: np.ndarray) -> float:
    return float(pairwise_identification(reader.read(windows), targets, reader.mean_target).mean())


def test_it_reads_new_trials_and_nothing_from_noise_or_shuffled_pairs(model: DeepModel) -> None:
    windows, targets, pictures = trials(150)
    new, wanted, _ = trials(100, seed=1)
    assert _identification(model.reader(), new, wanted) > 0.8
    noise = fit_noise(windows).draw(np.random.default_rng(0), 100)
    assert _identification(model.reader(), noise, wanted) == pytest.approx(0.5, abs=0.1)
    deal = np.random.default_rng(0).permutation(150)
    misled = fit_deep(windows, targets[deal], pictures, tiny_recipe(), SFREQ).reader()
    assert _identification(misled, new, wanted) == pytest.approx(0.5, abs=0.1)


def test_a_reader_trained_to_find_pictures_alone_gives_latents_too() -> None:
    objective = {"squared_error": 0.0, "contrastive": 1.0}
    reader = fit_deep(*trials(150), tiny_recipe(reader=TINY_NICE, objective=objective), SFREQ).reader()
    new, wanted, _ = trials(100, seed=1)
    read = reader.read(new)
    assert _identification(reader, new, wanted) > 0.7
    assert np.corrcoef(read.ravel(), wanted.ravel())[0, 1] > 0.3


def test_it_compares_with_image_features_where_they_are_given_and_asks_for_missing_ones() -> None:
    windows, targets, pictures = trials(60)
    rng = np.random.default_rng(3)
    features = {picture: np.append(row, rng.normal(size=2)) for picture, row in zip(pictures, targets, strict=True)}
    recipe = tiny_recipe(objective={"squared_error": 0.0, "contrastive": 1.0})
    made = fit_deep(windows, targets, pictures, recipe, SFREQ, features=features)
    assert made.network.embedding.out_features == DIM + 2
    del features[pictures[5]]
    with pytest.raises(SettingsError, match=r"1 have none, such as 'picture 0/5'"):
        fit_deep(windows, targets, pictures, recipe, SFREQ, features=features)


def test_equal_seeds_give_equal_readers(model: DeepModel) -> None:
    windows = trials(10, seed=2)[0]
    np.testing.assert_array_equal(
        fit_deep(*trials(150), tiny_recipe(), SFREQ).reader().read(windows), model.reader().read(windows)
    )


def test_units_do_not_matter() -> None:
    windows, targets, pictures = trials(60)
    new = trials(10, seed=1)[0]
    one, two = (fit_deep(unit * windows, targets, pictures, tiny_recipe(), SFREQ).reader() for unit in (1, 1000))
    np.testing.assert_allclose(one.read(new), two.read(1000 * new), atol=1e-2)


def test_latents_come_in_their_own_units() -> None:
    windows, targets, pictures = trials(150)
    reader = fit_deep(windows, 50 + 20 * targets, pictures, tiny_recipe(), SFREQ).reader()
    read = reader.read(trials(200, seed=1)[0])
    np.testing.assert_allclose(reader.mean_target, 50, atol=6)
    assert 5 < read.std(axis=0).mean() < 25


@pytest.mark.parametrize("cut", [TrialSpec(start_s=0.0, stop_s=0.5), WindowSpec(window_s=0.5, hop_s=0.1)])
def test_the_bundle_opens_and_reads_what_torch_reads(tmp_path: Path, cut: TrialSpec | WindowSpec) -> None:
    windows, targets, pictures = trials(60)
    wide = np.concatenate([targets, targets[:, : TINY_DIM - DIM]], axis=1)
    reader = fit_deep(windows, wide, pictures, tiny_recipe(), SFREQ).reader()
    generator = tiny_generator(tmp_path / "generator")
    assert isinstance(generator.manifest, GeneratorManifest)
    bundle = write_decoder_bundle(
        tmp_path / "decoder",
        reader,
        fit_noise(windows),
        name="deep",
        preprocessing=PreprocessingSpec.design(tuple("ABCDEF"), 2 * SFREQ, (1.0, 20.0), decimation=2),
        cut=cut,
        generator=generator.manifest,
        provenance=PROVENANCE,
        metrics=(),
    )
    decoder = Decoder.open(bundle, Generator.open(generator), "cpu")
    for n in (1, 3, 60):
        np.testing.assert_allclose(decoder.decode_many(windows[:n]), reader.read(windows[:n]), atol=1e-4)
    np.testing.assert_allclose(decoder.latent_mean, reader.mean_target, atol=1e-6)
    content = bundle.read("decoder.onnx")
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    assert b".py" not in content, "the exporter left source paths of this machine in the file"


def test_each_participant_has_a_reader_and_a_stranger_the_mean_of_all() -> None:
    parts = [trials(60, seed=seed, brain=seed) for seed in (1, 2)]
    windows, targets = (np.concatenate([part[key] for part in parts]) for key in (0, 1))
    pictures, subjects = (*parts[0][2], *parts[1][2]), ["Ada"] * 60 + ["Ben"] * 60
    made = fit_deep(windows, targets, pictures, tiny_recipe(), SFREQ, subjects)
    assert made.subjects == ("Ada", "Ben")
    matrices = [made.network.subjects.matrix(number) for number in (0, 1, None)]
    torch.testing.assert_close((matrices[0] + matrices[1]) / 2, matrices[2])
    assert not torch.allclose(matrices[0], matrices[1])
    own, other = trials(60, seed=3, brain=1), trials(60, seed=4, brain=2)
    assert _identification(made.reader("Ada"), *own[:2]) > _identification(made.reader("Ben"), *own[:2])
    assert _identification(made.reader("Ben"), *other[:2]) > _identification(made.reader("Ada"), *other[:2])
    stranger = made.reader(None).network.matrix
    torch.testing.assert_close(stranger, matrices[2] @ torch.from_numpy(made.pooled.matrix))
    assert made.reader().read(windows[:0]).shape == (0, DIM)


def test_a_participant_without_a_name_is_one_too() -> None:
    windows, targets, pictures = trials(60)
    nameless = fit_deep(windows, targets, pictures, tiny_recipe(), SFREQ, [""] * 60)
    np.testing.assert_array_equal(
        nameless.reader().read(windows),
        fit_deep(windows, targets, pictures, tiny_recipe(), SFREQ).reader().read(windows),
    )


def test_a_picture_is_never_both_learnt_from_and_chosen_by() -> None:
    pictures = [f"picture {number % 40}" for number in range(200)]
    train, validation = held_out_pictures(pictures, 0.2, 0)
    assert sorted([*train, *validation]) == list(range(200))
    assert {pictures[number] for number in train}.isdisjoint(pictures[number] for number in validation)
    assert len(validation) == 40


def test_too_few_trials_or_another_kind_of_reader_are_refused_in_words() -> None:
    windows, targets, pictures = trials(19)
    with pytest.raises(SettingsError, match=r"at least 20 trials .* got 19 trials of 19"):
        fit_deep(windows, targets, pictures, tiny_recipe(), SFREQ)
    with pytest.raises(SettingsError, match=r"eegnet, nice or attention; the recipe's is linear"):
        fit_deep(*trials(30), tiny_recipe(reader={"kind": "linear"}), SFREQ)
    with pytest.raises(SettingsError, match="does not fit windows of 10 samples"):
        fit_deep(windows[:, :, :10].repeat(2, axis=0), targets.repeat(2, axis=0), pictures * 2, tiny_recipe(), SFREQ)


def test_the_window_it_reads_is_the_one_it_learnt(model: DeepModel) -> None:
    assert model.reader().network.mean.shape == (N_CHANNELS, N_TIMES)
