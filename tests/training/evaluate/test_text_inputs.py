"""Each input is what it is called, and a function of the seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bci_app.text.rows import FIGURES, row_statistics
from tests.training.evaluate.text_world import word_readings
from training.data.readings import Reading, Readings
from training.evaluate.text_inputs import (
    NOISE,
    OTHER_SENTENCE,
    OTHER_SUBJECT,
    REAL,
    ZEROS,
    Given,
    another_sentence,
    another_subject,
    best_constant,
    five_inputs,
    matched_noise,
    most_frequent,
    of_that_length,
)

TEST = word_readings(40, n_subjects=3, seed=1)
TRAIN = word_readings(60, n_subjects=2, seed=2)


def lenders(given: Given, readings: Readings) -> list[int]:
    """Whose signal each row was given."""
    return [
        next(number for number, item in enumerate(readings.items) if item.signal is signal) for signal in given.signals
    ]


def test_another_sentence_is_of_the_same_task_and_about_the_same_length() -> None:
    given = another_sentence(TEST, 0)
    longer = [len(item.signal) for number, item in enumerate(TEST.items) if number not in given.rows]
    assert len(longer) < 10
    assert given.note.startswith(f"{len(longer)} of {len(TEST)} test readings have none")
    for row, lender in zip(given.rows, lenders(given, TEST), strict=True):
        own, other = TEST.items[row], TEST.items[lender]
        assert own.key != other.key
        assert own.task == other.task
        assert abs(len(own.signal) - len(other.signal)) <= 1


def test_another_subject_read_the_same_sentence() -> None:
    given = another_subject(TEST, 0)
    assert given.note == ""
    for row, lender in zip(given.rows, lenders(given, TEST), strict=True):
        assert TEST.items[row].key == TEST.items[lender].key
        assert TEST.items[row].subject != TEST.items[lender].subject


def test_rows_that_nobody_else_read_are_told() -> None:
    alone = replace(TEST, items=TEST.items[:40] + TEST.items[40:50])
    given = another_subject(alone, 0)
    assert len(given.rows) == 20
    assert given.note == "30 of 50 test readings have none: nobody else read their sentences."
    assert len(another_subject(replace(TEST, items=TEST.items[:40]), 0).rows) == 0


def test_noise_has_mean_and_spread_of_training_words_and_length_of_test() -> None:
    given = matched_noise(TRAIN, TEST, 0)
    assert [signal.shape for signal in given.signals] == [item.signal.shape for item in TEST.items]
    drawn, words = np.concatenate(given.signals), np.concatenate([item.signal for item in TRAIN.items])
    error = words.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - words.mean(axis=0)) < 4 * error).all()
    np.testing.assert_allclose(drawn.std(axis=0), words.std(axis=0), rtol=0.12)


def test_five_inputs_have_their_names_and_are_repeated_by_the_seed() -> None:
    given, again, other = (five_inputs(TRAIN, TEST, seed) for seed in (0, 0, 1))
    assert [each.name for each in given] == [REAL, OTHER_SENTENCE, OTHER_SUBJECT, NOISE, ZEROS]
    for one, two in zip(given, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.signals, two.signals, strict=True))
    assert not np.array_equal(given[3].signals[0], other[3].signals[0])
    assert not any(signal.any() for signal in given[4].signals)
    assert all(each.n_steps == tuple(map(len, each.signals)) for each in given)
    assert all(signal is item.signal for signal, item in zip(given[0].signals, TEST.items, strict=True))


def test_the_best_constant_is_the_best_of_all_that_could_be_said() -> None:
    few = replace(TRAIN, items=TRAIN.items[:25])
    shown = [item.sentence for item in few.items]
    scores = {text: float(FIGURES["BLEU-1"](row_statistics([text] * 25, shown).sum(axis=0))) for text in shown}
    assert scores[best_constant(few)] == max(scores.values())


def test_the_most_frequent_sentence_is_read_most_often() -> None:
    items = [Reading(text, TRAIN.items[0].signal, "s") for text in ("A cat.", "a dog", "a  CAT", "a cow")]
    assert most_frequent(replace(TRAIN, items=tuple(items))) == "A cat."


def test_a_sentence_of_that_length_is_a_training_sentence_of_that_length_and_task() -> None:
    found = of_that_length(TRAIN, TEST, 0)
    tasks = {(item.sentence, item.task) for item in TRAIN.items}
    for text, item in zip(found, TEST.items, strict=True):
        assert (text, item.task) in tasks
        assert len(text.split()) == len(item.signal)
