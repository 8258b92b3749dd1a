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
    """Rows of the same task and the same number of steps; where these have too few sentences, the nearest are joined.

    The number of steps alone tells a sentence's length, and with it what an output of that length scores; shuffled among
    rows of the same number it earns nothing. Only strata with too few sentences are joined, and with one another: a single
    long sentence among many that are a word shorter would let length show in all of them.

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
        By task and steps. One of a task may have fewer sentences than `at_least`, for want of another to join.
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
    return sorted(enough + _pooled(few, [names for names in held if len(names) < at_least], at_least), key=_steps)


def _pooled(few: list[Stratum], held: list[set[str]], at_least: int) -> list[Stratum]:
    """Neighbours joined, those with the fewest sentences first, until all hold enough or one is left."""
    while len(few) > 1 and min(map(len, held)) < at_least:
        left = _left_of_nearest(few, min(range(len(few)), key=lambda place: len(held[place])))
        few[left : left + 2] = [_joined(*few[left : left + 2])]
        held[left : left + 2] = [held[left] | held[left + 1]]
    return few


def _steps(stratum: Stratum) -> tuple[int, int]:
    return stratum.fewest, stratum.most


def _left_of_nearest(found: Sequence[Stratum], place: int) -> int:
    """The left one of the two to join: that at `place` and its nearer neighbour, the lower one if both are as near."""
    below = found[place].fewest - found[place - 1].most if place else np.inf
    above = found[place + 1].fewest - found[place].most if place + 1 < len(found) else np.inf
    return place - 1 if below <= above else place


def _joined(low: Stratum, high: Stratum) -> Stratum:
    return Stratum(np.concatenate([low.rows, high.rows]), low.fewest, high.most)
