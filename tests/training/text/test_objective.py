"""The parts of the loss."""

from __future__ import annotations

import math

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from models.text.reader import SentenceReader
from tests.training.text.readings import known_readings
from training.text.examples import Batch, Examples
from training.text.networks import build_reader
from training.text.objective import Temperatures, parts_of_loss
from training.text_recipe import LossWeights, TextRecipe


@pytest.fixture
def examples(tokenizer: Tokenizer) -> Examples:
    return Examples(known_readings(n_subjects=2), tokenizer, 64)


@pytest.fixture
def reader(recipe: TextRecipe, language: BartForConditionalGeneration) -> SentenceReader:
    return build_reader(recipe, known_readings(), language, 0).eval()


def _batch(examples: Examples) -> Batch:
    return examples.batch(range(0, 40, 3))


def test_the_loss_is_the_weighted_sum_of_its_parts(reader: SentenceReader, examples: Examples) -> None:
    weights = LossWeights(tokens=1.0, words=0.5, sentences=0.2, label_smoothing=0.0)
    parts, codes = parts_of_loss(reader, _batch(examples), examples.lexicon, Temperatures(), weights)
    assert set(parts) == {"loss", "commitment", "tokens", "words", "sentences"}
    wanted = parts["commitment"] + parts["tokens"] + 0.5 * parts["words"] + 0.2 * parts["sentences"]
    torch.testing.assert_close(parts["loss"], wanted)
    assert codes.shape == (int(_batch(examples).mask.sum()),)


def test_what_has_no_weight_is_not_computed(reader: SentenceReader, examples: Examples) -> None:
    weights = LossWeights(tokens=0.0, words=1.0, sentences=0.0)
    parts, _ = parts_of_loss(reader, _batch(examples), examples.lexicon, Temperatures(), weights)
    assert set(parts) == {"loss", "commitment", "words"}


def test_a_model_that_knows_nothing_is_as_surprised_as_by_chance(reader: SentenceReader, examples: Examples) -> None:
    parts, _ = parts_of_loss(reader, _batch(examples), examples.lexicon, Temperatures(), LossWeights())
    assert float(parts["tokens"].detach()) == pytest.approx(math.log(reader.language.config.vocab_size), rel=0.05)


def test_words_that_are_found_cost_nothing_and_equal_words_are_no_negatives(
    reader: SentenceReader, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, shown = _batch(examples), examples.lexicon.vectors(reader.language)
    right = shown[batch.forms.clamp(min=0)]
    read = reader.quantise(batch.signal, batch.mask)
    monkeypatch.setattr(reader, "quantise", lambda *_: read._replace(words=right))
    temperatures = Temperatures()
    temperatures.words.log_scale.data.fill_(math.log(100.0))
    weights = LossWeights(tokens=0.0, words=1.0, sentences=0.0)
    parts, _ = parts_of_loss(reader, batch, examples.lexicon, temperatures, weights)
    assert float(parts["words"].detach()) < 1e-3


def test_temperatures_are_kept_below_their_limit() -> None:
    temperatures = Temperatures()
    for weight in temperatures.parameters():
        weight.data.fill_(99.0)
    temperatures.constrain()
    assert all(float(weight.detach().exp()) == pytest.approx(100.0) for weight in temperatures.parameters())
