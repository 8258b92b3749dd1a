"""A training that broke off goes on to the bit, wherever it broke off."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BartForConditionalGeneration

from bci_app.contract.errors import BundleCorruptError
from tests.training.text.readings import SENTENCES, known_readings
from training.interrupts import Asked
from training.run_folder import RunFolder, read_header
from training.run_folder import write_tensors as write_whole
from training.team import Team
from training.text import corpus, progress
from training.text.corpus import LANGUAGE, Corpus, language_model
from training.text.progress import PARTS, Place, forget_unsaved
from training.text.training import Record, Sides, train_reader
from training.text_recipe import LossWeights, SmallBart, StageSettings, TextRecipe, WavePretraining

TEXT = Corpus(SENTENCES[:24], SENTENCES[24:])
STAGE = StageSettings(epochs=1, learning_rate=2e-3, losses=LossWeights(tokens=0.0, sentences=0.0))


def test_a_reader_that_broke_off_at_every_epoch_before_and_after_it_was_saved_is_that_of_one_go(
    recipe: TextRecipe,
    language: BartForConditionalGeneration,
    tokenizer: Tokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twice, pretraining = STAGE.model_copy(update={"epochs": 2}), WavePretraining(epochs=2)
    stages = {"beginning": STAGE, "alignment": STAGE, "first": twice, "second": STAGE}
    wanted, readings = recipe.model_copy(update={**stages, "pretraining": pretraining}), known_readings("waves")
    sides = Sides(readings, readings.take(np.arange(9)), readings)
    tried: list[str] = []

    def broken_off(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
        again = header["place"] in tried
        tried.append(header["place"])
        if again:
            write_whole(path, tensors, header)
        raise KeyboardInterrupt

    def trained(run: RunFolder | None) -> tuple[dict[str, Tensor], list[Record]]:
        reader, curve = train_reader(wanted, sides, language, tokenizer, run)
        return reader.network.state_dict(), curve

    in_one_go, curve = trained(None)
    run = RunFolder(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(progress, "write_tensors", broken_off)
        for _ in range(2 * len(curve)):
            with pytest.raises(KeyboardInterrupt):
                trained(run)
            forget_unsaved(run)
    assert [json.loads(place)["epoch"] for place in tried] == [each["epoch"] for each in curve for _ in range(2)]
    at_last, same_curve = trained(run)
    assert all(torch.equal(value, in_one_go[key]) for key, value in at_last.items())
    assert same_curve == curve
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()] == curve
    assert list(dict.fromkeys(each["part"] for each in curve)) == list(PARTS)


def test_ctrl_c_is_not_remembered_by_a_run_that_goes_on(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    readings, run, team = known_readings(), RunFolder(tmp_path), Team(asked=Asked(True))
    sides = Sides(readings, readings, readings)
    _, curve = train_reader(recipe, sides, language, tokenizer, run, team)
    assert curve == []
    assert not run.checkpoint.exists()
    assert not team.saves


def test_a_checkpoint_of_another_recipe_is_told(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    readings, run = known_readings(), RunFolder(tmp_path)
    sides = Sides(readings, readings, readings)
    train_reader(recipe, sides, language, tokenizer, run)
    assert json.loads(read_header(run.checkpoint)["place"])["part"] == "second"
    wider = recipe.model_copy(update={"embedding_dim": recipe.embedding_dim + 1})
    with pytest.raises(BundleCorruptError, match="must fit the recipe beside it; it does not"):
        train_reader(wider, sides, language, tokenizer, run)


def test_a_language_model_is_kept_when_it_is_trained_to_its_end_and_not_before(
    recipe: TextRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path)
    assert isinstance(recipe.language, SmallBart)
    language_model(recipe, TEXT, run, Team(asked=Asked(True)))
    assert not (tmp_path / LANGUAGE).exists()
    trained, tokenizer = language_model(recipe, TEXT, run)
    forget_unsaved(run, with_language=True)
    assert (tmp_path / "log.jsonl").read_text("utf-8").count("language")
    monkeypatch.setattr(corpus, "train_language", None)  # what is found is not trained again
    found, same_tokenizer = language_model(recipe, TEXT, run)
    assert same_tokenizer.to_str() == tokenizer.to_str()
    weights = found.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in trained.state_dict().items())
    assert found.lm_head.weight is found.get_input_embeddings().weight
    assert not found.training


def test_the_place_after_an_epoch_is_the_best_only_if_the_loss_is_lower() -> None:
    place = Place("first", 3, 2, 1.0)
    assert place.after(1.0) == Place("first", 4, 2, 1.0)
    assert place.after(0.5) == Place("first", 4, 4, 0.5)
