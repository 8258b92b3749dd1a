"""Sentences of the grammar: distinct, natural, enough of them, and each in one part for ever."""

from __future__ import annotations

import re
from math import prod

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.simulation.sentences import (
    CLASSES,
    FUNCTION,
    TASKS,
    TEMPLATES,
    TEST_SHARE,
    Task,
    looked_at,
    part_of,
    sentences,
    vocabulary,
    word_prior,
)
from bci_app.text.words import sentence_key


@pytest.mark.parametrize("task", TASKS)
def test_sentences_are_distinct_and_the_first_of_many_are_those_of_few(task: Task) -> None:
    many, few = sentences(task, 300, seed=3), sentences(task, 20, seed=3)
    assert len({sentence_key(each) for each in many}) == 300
    assert many[:20] == few
    assert few != sentences(task, 20, seed=4)


def test_the_two_parts_share_no_sentence_and_one_in_five_is_kept_for_tests() -> None:
    train, test = (sentences("NR", 200, seed=1, part=part) for part in ("train", "test"))
    assert {part_of(each) for each in train} == {"train"}
    assert {part_of(each) for each in test} == {"test"}
    assert part_of("THE film, IS dull") == part_of("The film is dull."), "print does not matter"
    n, every = 3000, [part_of(each) for task in TASKS for each in sentences(task, 1000)]
    share = 1 / TEST_SHARE
    assert abs(every.count("test") - n * share) < 4 * np.sqrt(n * share * (1 - share))


@pytest.mark.parametrize("task", TASKS)
def test_sentences_have_4_to_14_words_that_agree(task: Task) -> None:
    for sentence in sentences(task, 500):
        words = sentence_key(sentence).split()
        assert 4 <= len(words) == len(sentence.split()) <= 14
        assert sentence[0].isupper() or sentence[0].isdigit()
        assert sentence.endswith(".")
        assert not re.search(r"\ba ([aeio]|honest|ugly)", sentence, re.IGNORECASE), sentence
        assert not re.search(r"\ban (?![aeio]|honest|u)", sentence, re.IGNORECASE), sentence
        told = [word for word in words if vocabulary()[word] != FUNCTION]
        assert len(set(told)) == len(told), f"a word of a class comes twice: {sentence}"


@pytest.mark.parametrize("task", TASKS)
def test_one_template_of_each_task_alone_makes_tens_of_thousands(task: Task) -> None:
    most = max(prod(len(CLASSES.get(slot, "x")) for slot in re.findall("[A-Z]{2,}", each)) for each in TEMPLATES[task])
    assert most > 20_000


def test_every_word_of_the_vocabulary_is_read_and_no_other() -> None:
    words, prior = word_prior()
    assert words == tuple(vocabulary())
    assert 300 <= len(words) <= 450
    assert prior.sum() == pytest.approx(1.0)
    assert prior.min() > 0


def test_every_slot_is_a_class_or_phrase() -> None:
    """A misspelt slot would stay in capitals in a sentence."""
    assert not [word for task in TASKS for each in sentences(task, 300) for word in re.findall("[A-Z]{2,}", each)]


def test_only_short_function_words_are_passed_over() -> None:
    sentence, rng = "The critics loved the plot of this truly clever film.", np.random.default_rng(0)
    assert looked_at(sentence, 0.0, rng) == tuple(sentence.split())
    assert looked_at(sentence, 1.0, rng) == ("critics", "loved", "plot", "this", "truly", "clever", "film.")
    kept = [len(looked_at(sentence, 0.5, rng)) for _ in range(400)]
    assert np.mean(kept) == pytest.approx(7 + 3 * 0.5, abs=4 * np.sqrt(3 * 0.25 / 400))
    assert looked_at("The.", 1.0, rng) == ("The.",)


def test_what_the_grammar_cannot_make_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="knows the tasks SR, NR, TSR; got 'XX'"):
        sentences("XX", 3)  # type: ignore[arg-type]
    monkeypatch.setattr("bci_app.simulation.sentences.TRIES_EACH", 1)
    with pytest.raises(SettingsError, match="must make 50 different sentences of task SR"):
        sentences("SR", 50, part="test")
