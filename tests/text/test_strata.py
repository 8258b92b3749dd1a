"""Sentences are shuffled among rows of the same task and the same number of steps, or nearly the same."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.text.strata import NEARLY, strata


def sizes(found: tuple) -> list[tuple[int, int, list[int]]]:
    return [(each.fewest, each.most, sorted(each.rows.tolist())) for each in found]


def test_rows_of_the_same_task_and_steps_are_a_stratum() -> None:
    found = strata(["a", "b", "c", "d"], ["x", "x", "y", "y"], [7, 7, 7, 7])
    assert sizes(found) == [(7, 7, [0, 1]), (7, 7, [2, 3])]


def test_sentences_that_stand_alone_join_the_next_that_is_nearly_as_long() -> None:
    found = strata(["a", "b", "c", "d", "e"], ["x"] * 5, [20, 21, 30, 33, 34])
    assert sizes(found) == [(20, 21, [0, 1]), (30, 33, [2, 3]), (34, 34, [4])]
    assert sizes(strata(["a", "b"], ["x"] * 2, [5, 6])) == [(5, 6, [0, 1])]  # a single step is as near as can be


def test_no_neighbour_is_joined_that_is_longer_by_more_than_a_tenth() -> None:
    assert sizes(strata(["a", "b", "c"], ["x"] * 3, [6, 8, 10])) == [(6, 6, [0]), (8, 8, [1]), (10, 10, [2])]
    waves = strata([f"s{number}" for number in range(6)], ["x"] * 6, [1000, 1050, 1090, 1100, 1101, 1300], 4)
    assert sizes(waves) == [(1000, 1050, [0, 1]), (1090, 1101, [2, 3, 4]), (1300, 1300, [5])]


def test_sentences_of_evenly_spaced_lengths_do_not_become_one_stratum() -> None:
    found = strata([f"s{number}" for number in range(20)], ["x"] * 20, list(range(4, 24)))
    assert sizes(found) == [(4 + 2 * pair, 5 + 2 * pair, [2 * pair, 2 * pair + 1]) for pair in range(10)]


def test_one_that_stands_alone_does_not_join_those_that_have_enough() -> None:
    found = strata(["a", "b", "c", "d"], ["x"] * 4, [5, 5, 6, 7])
    assert sizes(found) == [(5, 5, [0, 1]), (6, 7, [2, 3])]
    assert sizes(strata(["a", "b", "c"], ["x"] * 3, [5, 5, 6])) == [(5, 5, [0, 1]), (6, 6, [2])]


def test_several_readings_of_one_sentence_are_one_sentence() -> None:
    found = strata(["a", "a", "a", "b", "b"], ["x"] * 5, [5, 5, 5, 6, 6])
    assert sizes(found) == [(5, 6, [0, 1, 2, 3, 4])]


def test_a_lone_sentence_of_a_task_is_left_alone() -> None:
    assert sizes(strata(["a", "b", "c"], ["x", "y", "y"], [3, 3, 3])) == [(3, 3, [0]), (3, 3, [1, 2])]


@pytest.mark.parametrize("at_least", [2, 5])
def test_every_row_is_in_one_stratum_of_one_task_and_nearly_one_length(at_least: int) -> None:
    rng = np.random.default_rng(0)
    sentences = [f"s{number}" for number in rng.integers(0, 60, 300)]
    tasks, steps = [f"t{number}" for number in rng.integers(0, 3, 300)], rng.integers(900, 4000, 300).tolist()
    found = strata(sentences, tasks, steps, at_least)
    assert sorted(np.concatenate([each.rows for each in found]).tolist()) == list(range(300))
    for each in found:
        assert len({tasks[row] for row in each.rows}) == 1
        assert (min(steps[row] for row in each.rows), max(steps[row] for row in each.rows)) == (each.fewest, each.most)
        assert each.most <= NEARLY * each.fewest
    held = [len({sentences[row] for row in each.rows}) for each in found]
    assert np.mean([n >= at_least for n in held]) > 0.6
