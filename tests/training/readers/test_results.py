"""What a trained reader leaves, where the whole way of `test_train_reader` does not lead."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.training.readers.problem import tiny_recipe
from training.readers.results import chosen_by, has_other_pictures, in_words


@pytest.mark.parametrize(("at_hand", "others"), [("abcd", True), ("abc", False), ("ab", False)])
def test_scores_by_pixels_need_two_pictures_beside_those_scored_in_each_fold(at_hand: str, others: bool) -> None:
    reading: Any = SimpleNamespace(pictures=("a", "b", "a"), fold=np.array([0, 0, 1]))
    trials: Any = SimpleNamespace(images=dict.fromkeys(at_hand))
    assert has_other_pictures(reading, trials) == others


def test_the_report_says_what_reads_and_by_what_it_was_chosen() -> None:
    trials: Any = SimpleNamespace(windows=np.empty((5, 6, 40)))
    assert in_words(tiny_recipe(), trials) == "EEGNet from 6 channels x 40 samples"
    assert "by 20% of the training pictures, which were kept out of training" in chosen_by(tiny_recipe())
    assert "one training trial at a time" in chosen_by(tiny_recipe(reader={"kind": "linear"}))
