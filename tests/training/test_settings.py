"""A recipe is read whole or refused in one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_app.contract.errors import SettingsError
from training.settings import GeneratorRecipe, read_recipe

RECIPES = sorted(Path("configs/train").rglob("pictures*.yaml"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: mine\n")
    return path


def test_the_empty_file_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("")
    assert read_recipe(path) == GeneratorRecipe()


@pytest.mark.parametrize("path", RECIPES, ids=str)
def test_every_recipe_that_comes_with_the_project_is_valid(path: Path) -> None:
    assert read_recipe(path).name.startswith("pictures64")


def test_overrides_win_over_the_file(recipe: Path) -> None:
    resolved = read_recipe(recipe, ["optimiser.steps=7", "bundle.folder=null", "network.encoder_widths=[8, 8, 8, 8]"])
    assert (resolved.name, resolved.optimiser.steps, resolved.bundle.folder) == ("mine", 7, None)
    assert resolved.network.encoder_widths == (8, 8, 8, 8)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimiser.stepz=7", "optimiser.stepz: Extra inputs are not permitted: there is no such key"),
        ("optimiser.steps=0", "optimiser.steps: Input should be greater than or equal to 1"),
        ("optimiser.steps=many", "optimiser.steps: Input should be a valid integer"),
        ("pictures.size=32", "network.generator_widths with 4 numbers make pictures of 64 pixels, pictures.size is 32"),
        ("network.encoder_residuals=[0]", "network.encoder_residuals must have one number per width"),
        ("name=../elsewhere", "name: String should match"),
        ("name.first=x", "which is not a section"),
        ("steps", "An override is key=value"),
        ("name=[", "must be YAML"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_message(recipe: Path, override: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_recipe(recipe, [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) or "must be YAML" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a\n- b\n", "keys and values; got a list"),
        ("a: [", "must be YAML"),
        ("!!python/object/apply:os.getcwd []", "must be YAML"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=message):
        read_recipe(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_recipe(tmp_path / "none.yaml")
