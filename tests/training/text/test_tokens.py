"""Sentences as tokens and back."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models

from bci_app.contract.errors import SettingsError
from models.text.language import SPECIAL
from tests.training.text.readings import SENTENCES
from training.text.tokens import ids_of, mask_id, padded, refuse_long, text_of, train_tokenizer


def test_any_text_comes_back_as_it_was(tokenizer: Tokenizer) -> None:
    texts = [*SENTENCES, "Nie gesehen: Ünïcödé, 漢字 and 🙂!", ""]
    assert text_of(tokenizer, ids_of(tokenizer, texts)) == texts


def test_a_word_is_the_same_tokens_at_the_beginning_and_inside(tokenizer: Tokenizer) -> None:
    (first,), (inside,) = ids_of(tokenizer, ["Rome left"]), ids_of(tokenizer, ["left Rome"])
    assert first == inside[-1:] + inside[:-1]


def test_special_tokens_come_first_and_are_left_out_of_the_text(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_to_id(token) for token in SPECIAL] == list(range(5))
    (ids,) = ids_of(tokenizer, ["Anna left Rome."])
    assert text_of(tokenizer, [[2, 0, *ids, 2, 1, 1]]) == ["Anna left Rome."]


def test_training_is_the_same_twice_and_keeps_to_the_size() -> None:
    one, other = train_tokenizer(SENTENCES, 270), train_tokenizer(SENTENCES, 270)
    assert one.to_str() == other.to_str()
    assert one.get_vocab_size() == 270


def test_rows_are_padded_and_the_mask_tells_where() -> None:
    ids, mask = padded([[5, 6], [], [7]], 1)
    assert ids.tolist() == [[5, 6], [1, 1], [7, 1]]
    assert mask.tolist() == [[True, True], [False, False], [True, False]]
    assert padded([], 1)[0].shape == (0, 1)
    assert torch.equal(ids[mask], torch.tensor([5, 6, 7]))


def test_what_is_too_long_or_has_no_mask_is_told(tokenizer: Tokenizer) -> None:
    refuse_long(["a"], [[5] * 6], 8)
    with pytest.raises(SettingsError, match=r"up to 6 tokens.*'long one' has 7"):
        refuse_long(["a", "long one"], [[5], [5] * 7], 8)
    with pytest.raises(SettingsError, match="has a token <mask>"):
        mask_id(Tokenizer(models.BPE()))
