"""Readings: one shape, finite, and sentences known again however they are printed."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SignalError
from training.data.readings import Reading, Readings, distinct_sentences, sentence_key


def reading(n_words: int = 3, value: float = 0.0, sentence: str = "The cat sat.") -> Reading:
    return Reading(sentence, np.full((n_words, 4), value, np.float32), "A", words=("w",) * n_words)


def test_the_same_sentence_is_known_again_in_other_print() -> None:
    assert sentence_key("The  “Cat”, it sat…") == sentence_key('the "cat" it sat') == "the cat it sat"
    assert sentence_key("The cat") != sentence_key("The cats")


def test_sentences_are_counted_once_in_their_order() -> None:
    assert distinct_sentences([reading(), reading(sentence="A dog."), reading(sentence="the CAT sat")]) == (
        "The cat sat.",
        "A dog.",
    )


def test_readings_are_chosen_by_number_or_mask_and_tell_their_steps() -> None:
    all_of_them = Readings((reading(3), reading(5), reading(2)), "word-features", tuple("abcd"))
    assert all_of_them.n_steps == (3, 5, 2)
    assert all_of_them.take(np.array([True, False, True])).n_steps == (3, 2)


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ((reading(value=np.nan),), "finite numbers"),
        ((reading(0),), "like the others"),
        ((Reading("x", np.zeros((3, 5), np.float32), "A"),), "4 rows"),
        ((Reading("x", np.zeros((3, 4, 2), np.float32), "A"),), r"\(n_words, n_features\)"),
    ],
)
def test_a_reading_that_does_not_fit_is_refused(items: tuple[Reading, ...], said: str) -> None:
    with pytest.raises(SignalError, match=said):
        Readings(items, "word-features", tuple("abcd"))
