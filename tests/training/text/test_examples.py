"""Readings as batches: nothing is lost, nothing is doubled, and words know their tokens."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration

from bci_app.contract.errors import SettingsError
from bci_app.contract.reading import Reads
from tests.training.text.readings import SENTENCES, known_readings
from training.text.examples import ABSENT, Examples, Lexicon, mean_embedding, stacked
from training.text.tokens import ids_of, padded


@pytest.mark.parametrize("reads", ["word-features", "word-windows", "waves"])
def test_an_epoch_gives_every_reading_once_as_it_is(reads: Reads, tokenizer: Tokenizer) -> None:
    readings = known_readings(reads, n_subjects=2)
    examples = Examples(readings, tokenizer, 64)
    ids = {tuple(row): sentence for row, sentence in zip(ids_of(tokenizer, SENTENCES), SENTENCES, strict=True)}
    left = {(item.sentence, item.signal.tobytes()) for item in readings.items}
    for batch in examples.batches(8, np.random.default_rng(0)):
        for signal, mask, row in zip(batch.signal, batch.mask, batch.ids, strict=True):
            there = signal[:, mask] if reads == "waves" else signal[mask]
            left.remove((ids[tuple(row)], there.numpy().tobytes()))
            assert not torch.any(signal[:, ~mask] if reads == "waves" else signal[~mask])
    assert not left


def test_the_same_sentence_has_one_number_whoever_reads_it(tokenizer: Tokenizer) -> None:
    examples = Examples(known_readings(n_subjects=2), tokenizer, 64)
    n = len(SENTENCES)
    assert torch.equal(examples.sentence[:n], examples.sentence[n:])
    assert len(set(examples.sentence.tolist())) == n
    assert sum(len(batch.ids) for batch in examples.in_order(10)) == 2 * n


def test_a_word_is_the_mean_of_its_tokens_without_what_is_printed_round_it(
    tokenizer: Tokenizer, language: BartForConditionalGeneration
) -> None:
    lexicon = Lexicon(["Rome.", "Rome", "rome", "house.", "-"], tokenizer)
    vectors = lexicon.vectors(language)
    torch.testing.assert_close(vectors[0], vectors[1])
    assert lexicon.same[0] == lexicon.same[1] == lexicon.same[2] != lexicon.same[3]
    (ids,) = ids_of(tokenizer, ["rome"])
    assert len(ids) > 1
    torch.testing.assert_close(vectors[2], language.get_input_embeddings().weight[ids].mean(dim=0).detach())
    assert not torch.any(mean_embedding(language, *padded([[]], 1)))


def test_words_of_a_batch_are_those_of_the_readings_and_strangers_are_absent(tokenizer: Tokenizer) -> None:
    readings = known_readings()
    lexicon = Lexicon([word for item in readings.items for word in item.words if word != "painted"], tokenizer)
    batch = Examples(readings, tokenizer, 64, lexicon).batch([0, 3, 9])
    names = {number: word for word, number in lexicon.numbers.items()} | {ABSENT: ""}
    told = [" ".join(names[number] for number in row).split() for row in batch.forms.tolist()]
    assert told == [[w for w in readings.items[n].words if w != "painted"] for n in (0, 3, 9)]


def test_words_of_waves_are_all_of_the_sentence_in_their_order_whichever_were_looked_at(tokenizer: Tokenizer) -> None:
    readings = known_readings("waves")
    skipped = dataclasses.replace(readings, items=tuple(dataclasses.replace(item, words=()) for item in readings.items))
    examples = Examples(skipped, tokenizer, 64)
    names = {number: word for word, number in examples.lexicon.numbers.items()} | {ABSENT: ""}
    for row, sentence in zip(examples.batch(range(len(SENTENCES))).forms.tolist(), SENTENCES, strict=True):
        assert " ".join(names[number] for number in row).strip() == sentence


def test_signals_of_one_length_are_not_padded() -> None:
    batch, mask = stacked([np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)], waves=True)
    assert batch.shape == (2, 2, 3)
    assert bool(mask.all())


def test_no_readings_and_long_sentences_are_told(tokenizer: Tokenizer) -> None:
    readings = known_readings()
    with pytest.raises(SettingsError, match="a side has none"):
        Examples(dataclasses.replace(readings, items=()), tokenizer, 64)
    with pytest.raises(SettingsError, match="up to 5 tokens"):
        Examples(readings, tokenizer, 7)
