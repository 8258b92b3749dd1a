"""A classifier is trusted only where it cannot have been trained on the pictures it is asked about."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from bci_app.contract.manifest import Score
from models.classifier import Classifier
from tests.training.gan.conftest import RecipeOf
from training.data.images import ImageSplit
from training.evaluate.classifier_files import ClassifierCard, save_classifier
from training.gan.scoring import feature_space, publishes_test_part
from training.gan_recipe import GanRecipe
from training.run_folder import RunFolder
from training.settings import ClassifierRecipe, PictureSettings


def _space_notes(recipe: GanRecipe, split: ImageSplit, folder: Path, pictures: PictureSettings, seed: int) -> str:
    """What is said of a classifier trained on `pictures`."""
    widths, score = (4, 4, 4), Score(name="accuracy", value=0.5, n=2, held_out="nothing")
    card = ClassifierCard(
        recipe=ClassifierRecipe(name="named", pictures=pictures, widths=widths, seed=seed), n_channels=3,
        classes=("a", "b"), accuracy=score, data="x", commit="c", command="d",
    )  # fmt: skip
    save_classifier(folder, Classifier(3, 2, widths), card)
    named = recipe.model_copy(update={"evaluation": recipe.evaluation.model_copy(update={"classifier": str(folder)})})
    return " ".join(feature_space(named, RunFolder(folder), split, torch.device("cpu")).notes)


@pytest.mark.parametrize(("changed", "seed", "named"), [
    ({}, 0, ""), ({}, 1, "seed"), ({"n": 99}, 0, "differs in n."), ({"test": 0.11}, 0, "test"),
    ({"validation": 0.3}, 0, "validation"), ({"resize": "pad"}, 0, "resize"), ({"source": "elsewhere"}, 0, "source"),
])  # fmt: skip
def test_a_classifier_of_another_split_is_doubted_in_log_and_report(
    changed: dict[str, object], seed: int, named: str, recipe_of: RecipeOf, split: ImageSplit, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    recipe = recipe_of("dcgan", "seed=0")
    notes = _space_notes(recipe, split, tmp_path, recipe.pictures.model_copy(update=changed), seed)
    warned = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert bool(notes) == bool(warned) == bool(named)
    assert named in notes
    if named:
        assert "may have been trained on the GAN's test pictures" in caplog.text


def test_a_published_test_part_is_no_reason_to_doubt(recipe_of: RecipeOf, split: ImageSplit, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.npz", tmp_path / "cut.npz"
    np.savez(whole, x_train=np.zeros(1), x_test=np.zeros(1))
    np.savez(cut, x_train=np.zeros(1))
    assert (publishes_test_part(whole), publishes_test_part(cut), publishes_test_part(tmp_path)) == (True, False, False)
    for source, doubted in ((whole, False), (cut, True)):
        recipe = recipe_of("dcgan", f"pictures.source={source}")
        other = recipe.pictures.model_copy(update={"n": 12})
        assert bool(_space_notes(recipe, split, tmp_path, other, seed=5)) == doubted
