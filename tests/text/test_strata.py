"""Sentences are shuffled among rows of the same task and the same number of steps, or the nearest."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.text.strata import strata


def sizes(found: tuple) -> list[tuple[int, int, list[int]]]:
    return [(each.fewest, each.most, sorted(each.rows.tolist())) for each in found]


def test_rows_of_the_same_task_and_steps_are_a_stratum() -> None:
    found = strata(["a", "b", "c", "d"], ["x", "x", "y", "y"], [7, 7, 7, 7])
    assert sizes(found) == [(7, 7, [0, 1]), (7, 7, [2, 3])]


def test_sentences_that_stand_alone_join_the_nearest_that_do() -> None:
    found = strata(["a", "b", "c", "d", "e"], ["x"] * 5, [5, 8, 11, 12, 13])
    assert sizes(found) == [(5, 8, [0, 1]), (11, 13, [2, 3, 4])]
    assert sizes(strata(["a", "b", "c"], ["x"] * 3, [6, 8, 10])) == [(6, 10, [0, 1, 2])]


def test_one_that_stands_alone_does_not_join_those_that_have_enough() -> None:
    found = strata(["a", "b", "c", "d"], ["x"] * 4, [5, 5, 6, 9])
    assert sizes(found) == [(5, 5, [0, 1]), (6, 9, [2, 3])]
    assert sizes(strata(["a", "b", "c"], ["x"] * 3, [5, 5, 6])) == [(5, 5, [0, 1]), (6, 6, [2])]


def test_several_readings_of_one_sentence_are_one_sentence() -> None:
    found = strata(["a", "a", "a", "b", "b"], ["x"] * 5, [5, 5, 5, 9, 9])
    assert sizes(found) == [(5, 9, [0, 1, 2, 3, 4])]


def test_a_lone_sentence_of_a_task_is_left_alone() -> None:
    assert sizes(strata(["a", "b", "c"], ["x", "y", "y"], [3, 3, 3])) == [(3, 3, [0]), (3, 3, [1, 2])]


@pytest.mark.parametrize("at_least", [2, 5])
def test_every_row_is_in_one_stratum_and_each_holds_enough(at_least: int) -> None:
    rng = np.random.default_rng(0)
    sentences = [f"s{number}" for number in rng.integers(0, 60, 300)]
    tasks, steps = [f"t{number}" for number in rng.integers(0, 3, 300)], rng.integers(900, 4000, 300).tolist()
    found = strata(sentences, tasks, steps, at_least)
    assert sorted(np.concatenate([each.rows for each in found]).tolist()) == list(range(300))
    for each in found:
        assert len({sentences[row] for row in each.rows}) >= at_least
        assert len({tasks[row] for row in each.rows}) == 1
        assert (min(steps[row] for row in each.rows), max(steps[row] for row in each.rows)) == (each.fewest, each.most)
