"""The generator that comes with the program: small, whole, and good at pictures it has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.bundles import shipped
from bci_app.contract.bundle import open_bundle
from bci_app.contract.identification import n_way_accuracy
from bci_app.inference.generator import Generator
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
