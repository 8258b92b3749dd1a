"""Readers of the same sentences are of one kind; who reads something else is of another, and so is another task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.training.evaluate.text_world import word_readings
from training.data.readings import Readings
from training.evaluate.text_kinds import kinds, told_of_kinds

CROSSED = word_readings(30, n_subjects=3, seed=1)


def only(rows: list[int]) -> Readings:
    return replace(CROSSED, items=tuple(CROSSED.items[row] for row in rows))


def test_where_everybody_reads_everything_tasks_are_the_kinds() -> None:
    assert kinds(CROSSED) == [f"{item.task}, text 1" for item in CROSSED.items]
    assert told_of_kinds(CROSSED) == ""


def test_sentences_that_some_readers_missed_make_no_other_kind() -> None:
    kept = np.flatnonzero(np.random.default_rng(0).random(90) < 0.8).tolist()
    assert len(set(kinds(only(kept)))) == 2
    assert told_of_kinds(only(kept)) == ""


def test_readers_of_other_sentences_are_of_another_kind() -> None:
    own = only([*range(10), *range(30 + 10, 30 + 20), *range(60 + 20, 60 + 30)])
    assert len(set(kinds(own))) == 2 * 3
    assert {kind for kind, item in zip(kinds(own), own.items, strict=True) if item.subject == "s1"} == {
        "task 0, text 2",
        "task 1, text 2",
    }
    assert "within 6 groups of readers" in told_of_kinds(own)


def test_two_who_share_half_with_a_third_are_of_its_kind() -> None:
    chain = only([*range(20), *range(30 + 8, 30 + 30), *range(60 + 16, 60 + 30)])
    assert len(set(kinds(chain))) == 2
