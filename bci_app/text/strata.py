"""Rows among which sentences are shuffled: those that differ in nothing that a model could know without reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.reading import Reads

Indices = NDArray[np.intp]

LEAST: dict[Reads, int] = {"word-features": 2, "word-windows": 2, "waves": 4}
"""Different sentences that a stratum must hold: more of waves, whose durations are hardly ever equal. With eight or more, what
a duration tells begins to show in small sets."""
NEARLY = 1.1
"""The longest of the rows that are joined over the shortest, at most, unless it is a single step. Twenty sentences of 3, 6,
... 60 words, each joined with whichever is nearest, give a model that knows nothing but the length a difference of 5 points."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Rows of one task and of one number of steps, or of a few that were joined.

    Attributes
    ----------
    rows : int array (n,)
        Numbers of the rows.
    fewest, most : int
        Steps of the shortest and the longest.
    """

    rows: Indices
    fewest: int
    most: int


def strata(
    sentences: Sequence[str], tasks: Sequence[str], n_steps: Sequence[int], at_least: int = 2
) -> tuple[Stratum, ...]:
    """Rows of the same task and the same number of steps; where these have too few sentences, neighbours are joined.

    The number of steps alone tells a sentence's length, and with it what an output of that length scores; shuffled among
    rows of the same number it earns nothing. Only strata with too few sentences are joined, and with one another: a single
    long sentence among many that are a word shorter would let length show in all of them. And only those are joined that are
    nearly as long (`NEARLY`); who has nobody to be compared with is left out and counted rather than compared with anybody.

    Parameters
    ----------
    sentences, tasks : sequence of str
        What makes sentences the same, and the task, of each row.
    n_steps : sequence of int
        Steps of each row's signal.
    at_least : int
        Different sentences that a stratum must hold, see `LEAST`.

    Returns
    -------
    tuple of Stratum
        By task and steps. Some may have fewer sentences than `at_least`, for want of another to join.
    """
    by_task: dict[str, list[int]] = {}
    for row, task in enumerate(tasks):
        by_task.setdefault(task, []).append(row)
    return tuple(each for task in sorted(by_task) for each in _of_task(by_task[task], sentences, n_steps, at_least))


def _of_task(rows: Sequence[int], sentences: Sequence[str], n_steps: Sequence[int], at_least: int) -> list[Stratum]:
    by_steps: dict[int, list[int]] = {}
    for row in rows:
        by_steps.setdefault(n_steps[row], []).append(row)
    found = [Stratum(np.array(by_steps[steps], np.intp), steps, steps) for steps in sorted(by_steps)]
    held = [{sentences[row] for row in each.rows} for each in found]
    enough, few = (
        [each for each, names in zip(found, held, strict=True) if (len(names) >= at_least) == many]
        for many in (True, False)
    )
    return sorted(enough + _pooled(few, [names for names in held if len(names) < at_least], at_least), key=_fewest)


def _fewest(stratum: Stratum) -> int:
    return stratum.fewest


def _pooled(few: list[Stratum], held: list[set[str]], at_least: int) -> list[Stratum]:
    """Neighbours joined, those with the fewest sentences first, until all hold enough or have none that is nearly as long."""
    while (left := _next_pair(few, held, at_least)) is not None:
        few[left : left + 2] = [_joined(*few[left : left + 2])]
        held[left : left + 2] = [held[left] | held[left + 1]]
    return few


def _next_pair(few: Sequence[Stratum], held: Sequence[set[str]], at_least: int) -> int | None:
    """The left one of the two to join next: the first of those with the fewest sentences, and its nearer neighbour.

    If both are as near it is the one with fewer sentences: else evenly spaced lengths would end in a single stratum.
    """
    sizes = [(len(names), each.fewest, each.most) for names, each in zip(held, few, strict=True)]
    size, fewest, most = np.array(sizes, np.int64).reshape(-1, 3).T
    may = (np.minimum(size[:-1], size[1:]) < at_least) & (most[1:] <= np.maximum(NEARLY * fewest[:-1], fewest[:-1] + 1))
    pairs = np.flatnonzero(may)
    if not len(pairs):
        return None
    lesser = np.where(size[pairs] <= size[pairs + 1], pairs, pairs + 1)
    order = np.lexsort((size[pairs] + size[pairs + 1], fewest[pairs + 1] - most[pairs], lesser, size[lesser]))
    return int(pairs[order[0]])


def _joined(low: Stratum, high: Stratum) -> Stratum:
    return Stratum(np.concatenate([low.rows, high.rows]), low.fewest, high.most)
