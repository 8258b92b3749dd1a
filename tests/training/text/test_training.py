"""What is learnt from: no held-out sentence, and for the control, noise of the same length."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.text.words import sentence_key
from tests.training.text.readings import N_FEATURES, SENTENCES, known_readings
from training.text.corpus import gather, language_model
from training.text.training import Sides, with_noise
from training.text_recipe import PretrainedBart, TextRecipe, TextSettings


def _with(recipe: TextRecipe, **text: object) -> TextRecipe:
    return recipe.model_copy(update={"text": TextSettings.model_validate(text)})


def test_the_corpus_holds_all_text_but_what_is_held_out(recipe: TextRecipe, tmp_path: Path) -> None:
    readings = known_readings(n_subjects=2)
    sentence = np.array(readings.keys)
    kept = readings.take(np.isin(sentence, sorted(set(sentence))[:5]))
    train = readings.take(~np.isin(sentence, kept.keys))
    file = tmp_path / "book.txt"
    file.write_text("A sentence of a book.\n" + "\n".join(each.upper() for each in SENTENCES), "utf-8")
    corpus = gather(_with(recipe, files=[str(file)], n_simulated=20), train, kept)
    keys = [sentence_key(each) for each in (*corpus.train, *corpus.validation)]
    assert set(kept.keys).isdisjoint(keys)
    assert {"a sentence of a book", *train.keys} <= set(keys)
    assert len(keys) >= 22 + 1 + 50
    assert set(corpus.train).isdisjoint(corpus.validation)
    assert gather(recipe, train, kept) == gather(recipe, train, kept)


def test_too_little_text_and_a_folder_that_is_no_model_are_told(recipe: TextRecipe, tmp_path: Path) -> None:
    readings = known_readings()
    with pytest.raises(SettingsError, match="two sentences at least"):
        gather(_with(recipe), readings.take(np.arange(1)), readings.take(np.arange(1, 3)))
    pretrained = recipe.model_copy(update={"language": PretrainedBart(source=str(tmp_path))})
    with pytest.raises(SettingsError, match=re.escape(f"'{tmp_path}' holds nothing")):
        language_model(pretrained, gather(recipe, readings, readings.take(np.arange(0))))


def test_noise_takes_the_place_of_every_signal_that_is_learnt_from() -> None:
    readings = known_readings(n_subjects=25, noise=1.0)
    sides = Sides(readings, readings.take(np.arange(10)), readings.take(np.arange(5)))
    noise = with_noise(sides, 0)
    assert noise.test is sides.test
    for real, drawn in ((sides.train, noise.train), (sides.validation, noise.validation)):
        assert drawn.n_steps == real.n_steps
        assert drawn.keys == real.keys
        assert not any(np.array_equal(a.signal, b.signal) for a, b in zip(real.items, drawn.items, strict=True))
    both = [np.concatenate([item.signal for item in each.items]) for each in (sides.train, noise.train)]
    np.testing.assert_allclose(both[0].mean(axis=0), both[1].mean(axis=0), atol=0.12)
    np.testing.assert_allclose(np.cov(both[0].T), np.cov(both[1].T), atol=0.15)
    assert both[1].shape[1] == N_FEATURES
