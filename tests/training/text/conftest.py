"""What tests of training share: a handful of readings whose every word has a signal of its own, and all that reads them."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from models.text.language import small_bart
from tests.training.text.readings import SENTENCES
from training.settings import read_any_recipe
from training.text.tokens import train_tokenizer
from training.text_recipe import TextRecipe


@pytest.fixture(scope="session")
def recipe() -> TextRecipe:
    """A tiny one."""
    return read_any_recipe(TextRecipe, "configs/train/tiny/text_words.yaml")


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """Of the sentences."""
    return train_tokenizer(SENTENCES, 400)


@pytest.fixture
def language(tokenizer: Tokenizer) -> BartForConditionalGeneration:
    """One that knows nothing."""
    torch.manual_seed(0)
    return small_bart(tokenizer.get_vocab_size(), 16, 1, 2, 32, 64)
