"""BART, new and from a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from models.text.language import SPECIAL, pretrained_bart, small_bart
from training.text.tokens import train_tokenizer

SENTENCES = ("The old man opens the door.", "She sings a song in the garden.")


@pytest.fixture
def tokenizer() -> Tokenizer:
    return train_tokenizer(SENTENCES, 300)


def _saved(folder: Path, tokenizer: Tokenizer, vocab_size: int) -> Path:
    small_bart(vocab_size, 8, 1, 2, 16, 32).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


def test_special_tokens_are_those_of_bart(tokenizer: Tokenizer) -> None:
    config = small_bart(tokenizer.get_vocab_size(), 8, 1, 2, 16).config
    ids = [tokenizer.token_to_id(token) for token in SPECIAL]
    assert ids == [config.bos_token_id, config.pad_token_id, config.eos_token_id, 3, 4]


def test_a_folder_gives_back_what_was_saved_in_it(tmp_path: Path, tokenizer: Tokenizer) -> None:
    language, found = pretrained_bart(str(_saved(tmp_path, tokenizer, tokenizer.get_vocab_size())))
    ids = [found.encode(each, add_special_tokens=False).ids for each in SENTENCES]
    assert ids == [tokenizer.encode(each, add_special_tokens=False).ids for each in SENTENCES]
    again, _ = pretrained_bart(str(tmp_path))
    states = language.state_dict(), again.state_dict()
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    habits = language.generation_config
    assert (habits.forced_bos_token_id, habits.forced_eos_token_id, habits.num_beams) == (0, None, None)


def test_weights_that_may_run_code_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"holds config.json, pytorch_model.bin. Weights of other kinds may run code"):
        pretrained_bart(str(tmp_path))


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="must have the 50 tokens of its model"):
        pretrained_bart(str(_saved(tmp_path, tokenizer, 50)))


@pytest.mark.parametrize(
    ("config", "told"), [('{"model_type": "bart"}', "is none"), ('{"model_type": "t5"}', "of kind 't5'")]
)
def test_what_is_no_bart_is_told(tmp_path: Path, config: str, told: str, tokenizer: Tokenizer) -> None:
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ValueError, match=told):
        pretrained_bart(str(tmp_path))
