"""What reads is told in words that name the stages as the recipe has them, and nobody's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.settings import read_any_recipe
from training.text.results import in_words
from training.text_recipe import TextRecipe

ZUCO = "configs/train/text_zuco.yaml"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((), "which was frozen first, then tuned at 0.01 of the rate of the rest."),
        (("second.language=1.0",), "then tuned at the rate of the rest."),
        (("second.language=0.0",), "which stayed frozen."),
        (("second.epochs=0",), "which stayed frozen."),
    ],
)
def test_it_is_told_whether_the_language_model_was_tuned(changes: tuple[str, ...], words: str) -> None:
    assert in_words(read_any_recipe(TextRecipe, ZUCO, changes)).endswith(words)


def test_the_folder_of_a_pretrained_language_model_is_told_without_whose_it_is() -> None:
    told = in_words(read_any_recipe(TextRecipe, ZUCO, [f"language.source={Path.home() / 'models' / 'bart'}"]))
    assert str(Path("~") / "models" / "bart") in told
    assert str(Path.home()) not in told
