"""The models that come with the program: small, whole, and good at pictures they have never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.bundles import shipped
from bci_app.contract.bundle import open_bundle
from bci_app.contract.identification import n_way_accuracy
from bci_app.contract.manifest import ImageModelManifest
from bci_app.inference.generator import Generator
from bci_app.inference.image_model import ImageModel
from bci_app.inference.session import OnnxModel
from bci_app.pictures.source import FAMILIES, builtin

N = 100


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator.open(shipped("pictures64"), device="cpu")  # compares with the golden vectors


@pytest.fixture(scope="module")
def train_mean() -> np.ndarray:
    images = np.stack([picture.image for picture in builtin().sample(np.random.default_rng(1), 200)])
    return images.reshape(200, -1).mean(axis=0)


def test_it_is_small(generator: Generator) -> None:
    assert sum(path.stat().st_size for path in generator.bundle.folder.iterdir()) <= 10 * 2**20


def test_it_says_how_to_make_it_again(generator: Generator) -> None:
    provenance = generator.manifest.provenance
    recipe = Path(provenance.command.split()[3])
    assert provenance.command.startswith("python -m training.train_generator configs/train/")
    assert recipe.is_file()
    assert provenance.commit != "unknown"
    assert provenance.licence == "BSD-3-Clause"


def test_its_files_name_no_place_on_the_machine_that_made_it(generator: Generator) -> None:
    for name, content in generator.bundle.contents.items():
        assert b".py\x00" not in content, name
        assert b"site-packages" not in content, name
        assert b"/home/" not in content, name


@pytest.mark.parametrize("family", FAMILIES)
def test_new_pictures_are_known_again_among_a_hundred(
    generator: Generator, train_mean: np.ndarray, family: str
) -> None:
    shown = np.stack([picture.image for picture in builtin([family]).sample(np.random.default_rng(987), N)])
    rebuilt = generator.generate(generator.encode(shown))
    accuracy = n_way_accuracy(rebuilt.reshape(N, -1).astype(float), shown.reshape(N, -1).astype(float), train_mean)
    assert accuracy >= 0.95  # chance is 0.01


def test_latents_of_new_pictures_are_standard(generator: Generator) -> None:
    shown = np.stack([picture.image for picture in builtin().sample(np.random.default_rng(654), 400)])
    latents = generator.encode(shown)
    np.testing.assert_allclose(latents.mean(axis=0), 0.0, atol=0.3)
    np.testing.assert_allclose(latents.std(axis=0), 1.0, atol=0.3)


def test_pictures_drawn_from_the_prior_differ_and_keep_the_grey_ground(generator: Generator) -> None:
    drawn = generator.generate(np.random.default_rng(3).standard_normal((50, generator.latent_space.dim)))
    rim = np.concatenate([drawn[:, :2].reshape(50, -1), drawn[:, -2:].reshape(50, -1)], axis=1).astype(float)
    assert np.abs(rim - 128).mean() < 8
    assert drawn.std(axis=0).mean() > 8


def test_metrics_stand_beside_their_controls() -> None:
    for score in open_bundle(shipped("pictures64")).manifest.metrics:
        assert score.chance is not None
        assert score.noise_input is not None
        assert score.shuffled_pairing is not None
        assert score.value > 0.9 > 0.6 > max(score.noise_input, score.shuffled_pairing)


@pytest.fixture(scope="module")
def classifier() -> ImageModel:
    return ImageModel.open(shipped("classifier64"), device="cpu")  # compares with the golden vectors


def test_the_classifier_is_small_and_says_how_to_make_it_again(classifier: ImageModel) -> None:
    assert classifier.bundle is not None
    assert sum(path.stat().st_size for path in classifier.bundle.folder.iterdir()) <= 2 * 2**20
    provenance = classifier.bundle.manifest.provenance
    assert provenance.command == "python -m training.train_classifier configs/train/classifier_pictures64.yaml"
    assert provenance.commit != "unknown"
    assert not provenance.commit.endswith("+changes")
    assert provenance.licence == "BSD-3-Clause"


def test_the_classifier_names_new_pictures_far_better_than_chance(classifier: ImageModel) -> None:
    assert classifier.bundle is not None
    manifest = classifier.bundle.manifest
    assert isinstance(manifest, ImageModelManifest)
    shown = builtin().sample(np.random.default_rng(555), N)
    images = np.stack([picture.image for picture in shown])
    scores = OnnxModel(classifier.bundle.read("model.onnx"), "cpu").run(images)
    named = [manifest.classes[number] for number in scores.argmax(axis=1)]
    found = [name == picture.label.partition("-")[2] for name, picture in zip(named, shown, strict=True)]
    assert np.mean(found) >= 0.95  # chance is below 0.08
    stated = manifest.metrics[0]
    assert stated.value > 0.95 > 0.2 > max(stated.chance or 1, stated.noise_input or 1, stated.shuffled_pairing or 1)


def test_units_of_the_classifier_answer_gradually_and_differ_between_pictures(classifier: ImageModel) -> None:
    images = np.stack([picture.image for picture in builtin().sample(np.random.default_rng(4), 20)])
    for layer in ("rectified1", "rectified3", "features", "scores"):
        responses = np.stack([classifier.unit(layer, channel)(images) for channel in range(3)])
        assert len(np.unique(responses[0])) > len(images) / 2
        assert (responses.std(axis=1) > 0).all()
