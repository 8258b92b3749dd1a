"""From a recipe to a classifier that knows what it was shown, with its accuracy beside controls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bci_app.contract.errors import SettingsError
from models.classifier import Classifier
from training.data.images import ImageSplit, Pictures
from training.evaluate.classifier_files import load_classifier
from training.run_folder import RunFolder
from training.settings import ClassifierRecipe, PictureSettings, read_any_recipe
from training.train_classifier import accuracy, fit, learn, learning_rate, main, predict, refuse_without_classes

RECIPES = sorted(Path("configs/train").glob("classifier_*.yaml"))
TINY = ClassifierRecipe(
    name="tiny",
    pictures=PictureSettings(size=16, channels=1),
    widths=(8, 16),
    steps=60,
    batch_size=32,
    learning_rate=1e-2,
    warm_up=5,
    precision="float32",
)


@pytest.fixture(autouse=True)
def _threads() -> None:
    torch.set_num_threads(1)


def _side(n: int, seed: int) -> Pictures:
    """Class 0: brighter on the left; class 1: brighter on the right; under noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    images = rng.integers(0, 120, (n, 16, 16, 1))
    for image, label in zip(images, labels, strict=True):
        image[:, 8 * label : 8 * label + 8] += 100
    return Pictures(images.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def split() -> ImageSplit:
    return ImageSplit(_side(400, 0), _side(60, 1), _side(200, 2), ("left", "right"), "halves")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_that_comes_with_the_project_is_valid(path: Path) -> None:
    recipe = read_any_recipe(ClassifierRecipe, path)
    assert recipe.name == path.stem.replace("_", "-")
    assert Classifier(recipe.pictures.channels, 2, recipe.widths).size == recipe.pictures.size


def test_a_recipe_whose_widths_make_another_size_is_refused() -> None:
    with pytest.raises(SettingsError, match="widths with 4 numbers make pictures of 64 pixels"):
        read_any_recipe(ClassifierRecipe, RECIPES[0], ["pictures.size=32", "widths=[8, 8, 8, 8]"])


def test_it_learns_and_its_controls_do_not(split: ImageSplit, tmp_path: Path) -> None:
    card = learn(split, TINY, RunFolder(tmp_path), "commit", "command")
    score = card.accuracy
    assert score.value > 0.95
    assert score.low is not None
    assert score.high is not None
    assert score.low <= score.value <= score.high
    assert score.n == 200
    for control in (score.noise_input, score.shuffled_pairing):
        assert control == pytest.approx(score.chance, abs=0.15)
    loaded = load_classifier(tmp_path)
    assert loaded.card == card
    assert loaded.card.classes == ("left", "right")
    assert np.mean(predict(loaded.network, split.test.images) == split.test.labels) == score.value
    assert '"validation_accuracy"' in (tmp_path / "log.jsonl").read_text()


def test_the_same_seed_gives_the_same_weights(split: ImageSplit, tmp_path: Path) -> None:
    recipe, digests = TINY.model_copy(update={"steps": 3}), []
    for number, seed in enumerate((0, 0, 1)):
        (tmp_path / str(number)).mkdir()
        run = RunFolder(tmp_path / str(number))
        digests.append(learn(split, recipe.model_copy(update={"seed": seed}), run, "c", "c").weights_sha256)
    assert digests[0] == digests[1] != digests[2]


def test_mirrored_training_makes_both_halves_look_alike(split: ImageSplit) -> None:
    mirrored = TINY.model_copy(update={"pictures": PictureSettings(size=16, channels=1, flip=True)})
    network = Classifier(1, 2, TINY.widths)
    fit(network, split.train, mirrored, lambda step, loss: None)
    score = accuracy(network, split.test, "halves", np.random.default_rng(0))
    assert score.value < 0.75


def test_the_rate_rises_and_falls_to_zero() -> None:
    rates = [learning_rate(step, TINY) for step in range(TINY.steps)]
    assert np.argmax(rates) in range(3, 8)
    assert max(rates) <= TINY.learning_rate
    assert rates[-1] < 0.01 * TINY.learning_rate


def test_pictures_without_classes_are_refused(split: ImageSplit) -> None:
    without = replace(split, validation=Pictures(split.validation.images))
    with pytest.raises(SettingsError, match="validation pictures without one"):
        refuse_without_classes(without)
    with pytest.raises(SettingsError, match="at least two classes"):
        refuse_without_classes(replace(split, classes=("left",)))


def test_the_command_trains_and_says_how_good_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "{name: few, pictures: {n: 120, size: 16, validation: 0.2, test: 0.3}, widths: [4, 8], batch_size: 8, steps: 4}"
    )
    assert main([str(recipe), "steps=2", "--runs", str(tmp_path / "runs")]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    told = capsys.readouterr().out
    card = load_classifier(folder).card
    assert f"Accuracy {card.accuracy.value:.4f}" in told
    assert str(folder) in told
    assert card.recipe.steps == 2
    assert card.command == f"python -m training.train_classifier {recipe} steps=2"
    assert len(card.classes) == 25


@pytest.mark.parametrize(
    ("words", "message"), [(["none.yaml"], "cannot be read"), ([str(RECIPES[0]), "steps=0"], "steps: Input should be")]
)
def test_what_cannot_be_done_is_said_without_a_traceback(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--runs", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err
