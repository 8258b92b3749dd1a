"""Readings are divided by sentence, and no sentence is on both sides."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from training.data.reading_settings import SentenceFolds, SimulatedParts, UniqueSentences, UniqueSubjects
from training.data.reading_splits import (
    ReadingDivision,
    check_no_leak,
    divide_readings,
    near_duplicates,
    sentence_folds,
    split_by_sentence,
    split_by_subject,
)
from training.data.readings import Reading, Readings
from training.data.splits import Split

SUBJECTS = ("A", "B", "C")


def _readings(n_sentences: int = 20, subjects: tuple[str, ...] = SUBJECTS) -> Readings:
    """Each sentence is read by all, in two tasks, and in the second one it is printed otherwise."""
    items = [
        Reading(f"Word{number} is read." if task == "NR" else f"“WORD{number}” is read", _signal(), subject, task)
        for subject in subjects
        for task in ("NR", "TSR-2")
        for number in range(n_sentences)
    ]
    return Readings(tuple(items), "word-features", ("f",))


def _signal() -> np.ndarray:
    return np.zeros((2, 1), np.float32)


def _sides(split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return split.train, split.validation, split.test


def _keys(readings: Readings, side: np.ndarray) -> set[str]:
    return {readings.keys[each] for each in side}


def test_sentences_are_on_one_side_whoever_read_them_in_whatever_task_and_print() -> None:
    readings = _readings(20)
    split = split_by_sentence(readings, test=0.2, validation=0.1, seed=3)
    train, validation, test = (_keys(readings, side) for side in _sides(split))
    assert (len(train), len(validation), len(test)) == (14, 2, 4)
    assert len(train | validation | test) == 20
    assert sorted(np.concatenate(_sides(split))) == list(range(len(readings)))  # 6 readings of each, all on one side
    assert [len(side) for side in _sides(split)] == [84, 12, 24]


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_readings() -> None:
    readings = _readings(20)
    turned = replace(readings, items=readings.items[::-1])
    first = _keys(readings, split_by_sentence(readings, seed=1).test)
    assert _keys(turned, split_by_sentence(turned, seed=1).test) == first
    assert any(_keys(readings, split_by_sentence(readings, seed=seed).test) != first for seed in range(2, 5))


def test_each_sentence_is_scored_once_over_the_folds() -> None:
    readings = _readings(11)
    folds = sentence_folds(readings, 3, validation=0.2, seed=0)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(readings)))
    for fold in folds:
        train, validation, test = (_keys(readings, side) for side in _sides(fold))
        assert len(train) + len(validation) + len(test) == len(train | validation | test) == 11


def test_new_subjects_read_sentences_that_nobody_trained_on() -> None:
    readings = _readings(20)
    split = split_by_subject(readings, ["B"], test=0.25, validation=0.1)
    assert {readings.items[each].subject for each in split.test} == {"B"}
    assert {readings.items[each].subject for each in np.concatenate([split.train, split.validation])} == {"A", "C"}
    assert not _keys(readings, split.train) & _keys(readings, split.test)
    assert (len(split.train), len(split.validation), len(split.test)) == (13 * 4, 2 * 4, 5 * 2)


def test_sentences_may_be_shared_with_new_subjects_only_by_a_switch_that_is_told() -> None:
    readings = _readings(20)
    shared = UniqueSubjects(subjects=("B",), shared_sentences=True)
    division = divide_readings(readings, shared, 0)
    (split,) = division.folds
    assert len(split.test) == 40
    assert len(_keys(readings, split.train) & _keys(readings, split.test)) == 18
    assert "same sentences were" in division.held_out
    apart = divide_readings(readings, UniqueSubjects(subjects=("B",)), 0)
    assert "same sentences were" not in apart.held_out


def _nearly_equal(seed: int) -> Readings:
    """Random sentences in two tasks of two versions, of which some are corrected from one to the next, by a word or two."""
    rng = np.random.default_rng(seed)
    items, last = [], []
    for number in range(60):
        if last and rng.random() < 0.4:
            last = [*last]
            last[rng.integers(len(last))] = f"corrected{number}"
        else:
            last = [f"w{each}" for each in rng.integers(0, 400, rng.integers(5, 20))]
        text = " ".join(last)
        tasks = rng.choice(["SR", "NR", "NR-2", "TSR-2"], rng.integers(1, 4), replace=False)
        shown = [text, text.upper() + "!", f"“{text}”"]
        items += [Reading(str(rng.choice(shown)), _signal(), str(rng.choice(SUBJECTS)), str(task)) for task in tasks]
    return Readings(tuple(items), "word-features", ("f",))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "settings", [UniqueSentences(test=0.2), SentenceFolds(n_folds=4), UniqueSubjects(subjects=("B",), test=0.3)]
)
def test_no_sentence_is_on_two_sides_nor_one_that_nearly_equals_it(
    settings: UniqueSentences | SentenceFolds | UniqueSubjects, seed: int
) -> None:
    readings = _nearly_equal(seed)
    assert near_duplicates(readings.keys, readings.keys)
    division = divide_readings(readings, settings, seed)
    assert division.notes == ()
    for fold in division.folds:
        sides = [sorted(_keys(readings, side)) for side in _sides(fold)]
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert not set(sides[one]) & set(sides[other])
            assert near_duplicates(sides[one], sides[other]) == []
            assert not set(_sides(fold)[one]) & set(_sides(fold)[other])


def test_every_reading_is_scored_once_though_some_sentences_are_drawn_together() -> None:
    readings = _nearly_equal(0)
    folds = sentence_folds(readings, 4, seed=1)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(readings)))
    n_sentences = len(set(readings.keys))
    assert all(abs(len(_keys(readings, fold.test)) - n_sentences / 4) < n_sentences / 8 for fold in folds)


def test_sentences_that_are_linked_by_others_between_them_are_drawn_together() -> None:
    words = [[f"{'b' if place < changed else 'a'}{place}" for place in range(8)] for changed in range(9)]
    chain = [" ".join(each) for each in words]  # the first and the last have no word in common
    others = [f"x{number} y{number}" for number in range(91)]
    readings = Readings(tuple(Reading(each, _signal(), "A") for each in [*chain, *others]), "word-features", ("f",))
    for seed in range(10):
        split = split_by_sentence(readings, test=0.3, validation=0.3, seed=seed)
        assert [len(side) for side in _sides(split)] == [40, 30, 30]
        assert {len(_keys(readings, side) & set(chain)) for side in _sides(split)} == {0, 9}


def test_a_name_that_was_spelt_otherwise_in_another_task_of_zuco_does_not_part_a_sentence() -> None:
    nr, tsr = ("Einstein married Mileva Marić on January 6, 1903.", "Einstein married Mileva Maria on January 6, 1903.")
    others = [f"Sentence {number} of many." for number in range(18)]
    readings = Readings(tuple(Reading(each, _signal(), "A") for each in [nr, tsr, *others]), "word-features", ("f",))
    for seed in range(20):
        for side in _sides(split_by_sentence(readings, test=0.3, validation=0.2, seed=seed)):
            assert len({0, 1} & set(side.tolist())) in (0, 2)


def test_what_is_too_much_alike_to_be_divided_is_refused() -> None:
    words = [[f"{'b' if place < changed else 'a'}{place}" for place in range(8)] for changed in range(9)]
    readings = Readings(tuple(Reading(" ".join(each), _signal(), "A") for each in words), "word-features", ("f",))
    with pytest.raises(SettingsError, match="to score; of 'readings' none are left"):
        split_by_sentence(readings, test=0.3)
    with pytest.raises(SettingsError, match="2 folds of the 1 sentences of 'readings', those that nearly equal"):
        sentence_folds(readings, 2)


@pytest.mark.parametrize(
    ("settings", "n_folds", "told"),
    [
        (UniqueSentences(test=0.2), 1, "20% of the sentences"),
        (SentenceFolds(n_folds=4), 4, "in 4 folds"),
        (UniqueSubjects(subjects=("A", "C"), test=0.3), 1, r"A, C.*30% of the sentences"),
    ],
)
def test_a_recipe_is_divided_as_it_says(settings: UniqueSentences, n_folds: int, told: str) -> None:
    division: ReadingDivision = divide_readings(_readings(20), settings, 7)
    assert len(division.folds) == n_folds
    assert re.search(told, division.held_out)


def test_simulated_sentences_are_scored_by_the_part_that_the_live_reader_reads() -> None:
    from bci_app.simulation.sentences import part_of, sentences

    texts = [text for part in ("train", "test") for text in sentences("NR", 12, 0, part)]
    items = tuple(Reading(text, _signal(), subject, "NR") for subject in SUBJECTS for text in texts)
    readings = Readings(items, "word-features", ("f",))
    division = divide_readings(readings, SimulatedParts(validation=0.25), 0)
    (split,) = division.folds
    assert [len(side) for side in _sides(split)] == [27, 9, 36]
    for side, part in zip(_sides(split), ("train", "train", "test"), strict=True):
        assert {part_of(items[each].sentence) for each in side} == {part}
    assert len(_keys(readings, split.train) | _keys(readings, split.validation)) == 12


@pytest.mark.parametrize(
    ("train", "test", "subjects", "message"),
    [
        ([0, 1], [1, 2], False, "No reading"),
        ([0], [3], False, "No sentence.*word0 is read"),  # by A in NR, by A in TSR-2
        ([0], [1], True, "No subject.*such as A"),
    ],
)
def test_a_leak_is_refused_with_an_example(train: list[int], test: list[int], subjects: bool, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        check_no_leak(_readings(3), np.array(train), np.array(test), subjects=subjects)


def test_sentences_that_nearly_equal_a_scored_one_are_told() -> None:
    eight = "one two three four five six seven eight"
    sentences = (eight, eight.replace("eight", "nine"), eight.replace("seven eight", "nine ten"))
    readings = Readings(tuple(Reading(each, _signal(), "A") for each in sentences), "word-features", ("f",))
    (note,) = check_no_leak(readings, np.array([1, 2]), np.array([0]))
    assert "1 of the sentences of 'readings' that are scored differ by no more than one word in eight" in note
    assert f"'{sentences[0]}' and '{sentences[1]}'" in note
    assert check_no_leak(readings, np.array([2]), np.array([0])) == ()


def test_the_share_of_words_is_that_of_the_longer_sentence_and_equal_ones_are_no_pair() -> None:
    seven, eight, nine = "a b c d e f g", "a b c d e f g h", "a b c d e f g h i"
    assert near_duplicates([eight], [seven, eight, nine]) == [(eight, seven), (eight, nine)]  # 7 of 8, 8 of 9
    assert near_duplicates([seven], [nine]) == []
    assert near_duplicates(["a b c"], ["a b d", "c b a"]) == [("a b c", "c b a")]


@pytest.mark.parametrize("n", [1, 300])
def test_many_sentences_are_compared_in_parts_with_the_same_outcome(n: int) -> None:
    keys = [f"x{number} y{number}" for number in range(n)]
    others = [f"y{number} x{number}" for number in range(n)]
    assert near_duplicates(keys, others) == list(zip(keys, others, strict=True))


@pytest.mark.parametrize(
    ("divide", "message"),
    [
        (lambda readings: split_by_sentence(readings, test=0.5, validation=0.4), "has 3 different ones"),
        (lambda readings: split_by_sentence(readings, test=1.0), "from 0 to below 1"),
        (lambda readings: sentence_folds(readings, 4), "4 folds of the 3 sentences"),
        (lambda readings: split_by_subject(readings, ["Z"]), "has no Z. It has A, B, C"),
        (lambda readings: split_by_subject(readings, SUBJECTS), "to learn from"),
    ],
)
def test_too_little_to_divide_is_refused(divide: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        divide(_readings(3))  # type: ignore[operator]
