"""A trained classifier becomes a bundle whose every unit gives what torch gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bci_app.contract.errors import SettingsError
from bci_app.contract.manifest import ImageModelManifest, Score
from bci_app.inference.image_model import ImageModel
from models.classifier import Classifier
from training.classifier_bundle import export_classifier
from training.data.images import to_tensor
from training.evaluate.classifier_files import ClassifierCard, TrainedClassifier
from training.settings import ClassifierBundleSettings, ClassifierRecipe, PictureSettings

RECIPE = ClassifierRecipe(
    pictures=PictureSettings(size=16), widths=(4, 8), bundle=ClassifierBundleSettings(name="tiny classifier")
)
ACCURACY = Score(name="accuracy", value=0.5, chance=0.5, noise_input=0.5, shuffled_pairing=0.5, n=9, held_out="all")


def trained(recipe: ClassifierRecipe = RECIPE) -> TrainedClassifier:
    torch.manual_seed(0)
    card = ClassifierCard(
        recipe=recipe,
        n_channels=3,
        classes=("left", "right"),
        accuracy=ACCURACY,
        data="made",
        commit="abc",
        command="now",
    )
    return TrainedClassifier(Classifier(3, 2, recipe.widths).eval(), card)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)


def test_units_of_the_bundle_give_what_torch_gives_layer_by_layer(tmp_path: Path, pictures: np.ndarray) -> None:
    whole = trained()
    opened = ImageModel.open(export_classifier(whole, tmp_path / "bundle", pictures), "cpu")
    with torch.no_grad():
        state = to_tensor(pictures)
        for number, layer in enumerate(whole.network.body):
            state = layer(state)
            if number:
                unit = opened.unit(f"rectified{number}", 3, (1, 2))
                np.testing.assert_allclose(unit(pictures), state[:, 3, 1, 2], atol=1e-5)
        features = whole.network.features(to_tensor(pictures))
        np.testing.assert_allclose(opened.unit("features", 7)(pictures), features[:, 7], atol=1e-5)
        np.testing.assert_allclose(opened.unit("scores", 1)(pictures), whole.network.head(features)[:, 1], atol=1e-5)


def test_manifest_and_card_say_what_it_is_and_how_well_it_does(tmp_path: Path, pictures: np.ndarray) -> None:
    bundle = export_classifier(trained(), tmp_path / "bundle", pictures)
    assert isinstance(bundle.manifest, ImageModelManifest)
    assert bundle.manifest.classes == ("left", "right")
    assert bundle.manifest.metrics == (ACCURACY,)
    assert bundle.manifest.provenance.licence == "BSD-3-Clause", "the built-in pictures"
    card = bundle.read("card.md").decode()
    for words in ("# tiny classifier", "rectified2 8 x 4 x 4", "| accuracy | 0.5000 |", "BSD-3-Clause", "`now`"):
        assert words in card


def test_a_classifier_of_pictures_of_others_claims_no_licence(tmp_path: Path, pictures: np.ndarray) -> None:
    recipe = RECIPE.model_copy(update={"pictures": RECIPE.pictures.model_copy(update={"source": "photographs.zip"})})
    bundle = export_classifier(trained(recipe), tmp_path / "bundle", pictures)
    assert bundle.manifest.provenance.licence == "not stated"


def test_a_recipe_that_names_no_bundle_makes_none(tmp_path: Path, pictures: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="must say what its bundle is called"):
        export_classifier(trained(RECIPE.model_copy(update={"bundle": None})), tmp_path / "bundle", pictures)
