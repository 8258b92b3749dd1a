"""Stages: what is frozen stays, what is best is kept, and words that a signal tells are learnt."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from bci_app.contract.reading import Reads
from models.text.reader import SentenceReader
from tests.training.text.readings import known_readings
from training.errors import TrainingError
from training.interrupts import Asked
from training.team import Team
from training.text.examples import Examples
from training.text.networks import build_reader, vectors_per_step
from training.text.pretraining import hidden_steps, pretrain_waves
from training.text.progress import Progress
from training.text.stages import begin_codex, evaluate, train_stage
from training.text_recipe import LossWeights, StageSettings, TextRecipe, WavePretraining

WORDS = StageSettings(epochs=6, learning_rate=5e-3, losses=LossWeights(tokens=0.0, words=1.0, sentences=0.0))
ALL = StageSettings(epochs=1, learning_rate=1e-3)


def _parts(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer, reads: Reads = "word-features"
) -> tuple[SentenceReader, Examples, Examples]:
    train, validation = known_readings(reads, 3), known_readings(reads)
    examples = Examples(train, tokenizer, 64)
    return build_reader(recipe, train, language, 0), examples, Examples(validation, tokenizer, 64, examples.lexicon)


def _weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(network.state_dict())


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[key]) for key, value in one.items())


def test_words_that_a_signal_tells_are_found(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader, train, validation = _parts(recipe, language, tokenizer)
    before = evaluate(reader, validation, WORDS, Progress())["words"]
    progress = Progress()
    train_stage(reader, train, validation, recipe, "alignment", WORDS, progress)
    after = evaluate(reader, validation, WORDS, progress)["words"]
    assert after < 0.7 * before
    assert after == pytest.approx(min(float(each["validation_words"]) for each in progress.curve), rel=1e-4)
    assert [each["epoch"] for each in progress.curve] == list(range(1, 7))


def test_words_of_which_only_the_order_is_known_are_found_in_waves(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader, train, validation = _parts(recipe, language, tokenizer, "waves")
    evenly = WORDS.model_copy(update={"losses": LossWeights(tokens=0.0, words=0.0, sentences=0.0, evenly=1.0)})
    untrained, progress = evaluate(reader, validation, WORDS, Progress())["words"], Progress()
    train_stage(reader, train, validation, recipe, "beginning", evenly, progress)
    begun = evaluate(reader, validation, WORDS, progress)["words"]
    train_stage(reader, train, validation, recipe, "alignment", WORDS, progress)
    aligned = evaluate(reader, validation, WORDS, progress)["words"]
    assert aligned < 0.7 * begun < 0.7 * untrained
    assert aligned == pytest.approx(min(float(each["validation_words"]) for each in progress.curve[6:]), rel=1e-4)


def test_a_frozen_language_model_stays_to_the_bit_and_a_tuned_one_does_not(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader, train, validation = _parts(recipe, language, tokenizer)
    begin_codex(reader, train, recipe, vectors_per_step(recipe, known_readings(n_subjects=3), reader.encoder))
    kept, encoder = _weights(reader.language), _weights(reader.encoder)
    progress = Progress()
    train_stage(reader, train, validation, recipe, "first", ALL, progress)
    assert _same(kept, _weights(reader.language))
    assert not _same(encoder, _weights(reader.encoder))
    assert 0 < float(progress.curve[0]["code_share"]) <= 1
    train_stage(reader, train, validation, recipe, "second", ALL.model_copy(update={"language": 1.0}), progress)
    assert not _same(kept, _weights(reader.language))


def test_what_is_best_is_kept_and_training_ends_when_nothing_gets_better(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader, train, validation = _parts(recipe, language, tokenizer)
    before, progress = _weights(reader), Progress()
    worse = StageSettings(epochs=9, learning_rate=100.0, patience=2)
    train_stage(reader, train, validation, recipe, "first", worse, progress)
    assert _same(before, _weights(reader))
    assert len(progress.curve) == 2
    asked = Progress(Team(asked=Asked(True)))
    train_stage(reader, train, validation, recipe, "first", WORDS, asked)
    assert asked.curve == []
    assert _same(before, _weights(reader))


def test_a_loss_that_is_not_finite_is_told_and_the_weights_of_before_are_kept(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader, train, validation = _parts(recipe, language, tokenizer)
    before = _weights(reader)
    train.signals[5] = np.full_like(train.signals[5], np.nan)
    with pytest.raises(TrainingError, match=r"on training sentences must be finite and loss, words is not"):
        train_stage(reader, train, validation, recipe, "alignment", WORDS, Progress())
    assert _same(before, _weights(reader))


def test_training_is_a_function_of_the_seed(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    made = []
    for _ in range(2):
        reader, train, validation = _parts(recipe, language, tokenizer)
        begin_codex(reader, train, recipe, 70.0)
        torch.rand(3)  # what others draw does not count
        train_stage(reader, train, validation, recipe, "first", ALL, Progress())
        made.append(_weights(reader))
    assert _same(*made)


def test_hidden_waves_are_restored_better_after_pretraining(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader, train, validation = _parts(recipe, language, tokenizer, "waves")
    progress, encoder = Progress(), _weights(reader.encoder)
    settings = WavePretraining(epochs=4, learning_rate=5e-3, stretch=1, masked=0.2)
    pretrain_waves(reader, train, validation, recipe, settings, progress)
    errors = [float(each["validation_restoring"]) for each in progress.curve]
    assert errors[-1] < errors[0]
    assert not _same(encoder, _weights(reader.encoder))


def test_waves_that_are_no_longer_restored_are_told_after_the_last_step_too(
    recipe: TextRecipe, language: BartForConditionalGeneration, tokenizer: Tokenizer
) -> None:
    reader, train, validation = _parts(recipe, language, tokenizer, "waves")
    few = recipe.model_copy(update={"optimiser": recipe.optimiser.model_copy(update={"batch_size": len(train)})})
    with pytest.raises(TrainingError, match=r"Lower pretraining\.learning_rate"):
        pretrain_waves(reader, train, validation, few, WavePretraining(epochs=1, learning_rate=1e30), Progress())


def test_hidden_steps_come_in_stretches_of_the_share_that_is_wanted() -> None:
    settings = WavePretraining(masked=0.4, stretch=4)
    hidden = hidden_steps((200, 100), settings, np.random.default_rng(0))
    assert hidden.mean() == pytest.approx(0.4, abs=0.02)
    changes = np.diff(np.pad(hidden, ((0, 0), (1, 1))).astype(int), axis=1)
    lengths = np.flatnonzero(changes.ravel() == -1) - np.flatnonzero(changes.ravel() == 1)
    assert np.median(lengths) >= 4
    assert hidden_steps((50, 1), settings.model_copy(update={"masked": 0.01}), np.random.default_rng(0)).all()
