"""Test rows whose sentences may be dealt to one another, as far as who reads what is concerned."""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

from training.data.readings import Readings

SHARED = 0.5
"""Share of the sentences of who read fewer that two readers must have in common to count as readers of the same text."""


def kinds(readings: Readings) -> list[str]:
    """The kind of each row: its task and, where readers of a task read different texts, which of these.

    A model that knows no more than who reads says what this reader's text is about. Dealt among readers of other texts, that
    would pass for reading; dealt among readers of the same sentences it earns nothing. Rows of one kind are dealt to one another.
    """
    found = [""] * len(readings)
    for task in dict.fromkeys(item.task for item in readings.items):
        read: dict[str, set[str]] = {}
        for item in readings.items:
            if item.task == task:
                read.setdefault(item.subject, set()).add(item.key)
        texts = dict(zip(read, _texts(list(read.values())), strict=True))
        for row, item in enumerate(readings.items):
            if item.task == task:
                found[row] = f"{task}, text {texts[item.subject] + 1}"
    return found


def _texts(read: list[set[str]]) -> list[int]:
    """Number of the text of each reader, who read these sentences."""
    alike = [[len(one & other) >= SHARED * min(len(one), len(other)) for other in read] for one in read]
    texts: list[int] = connected_components(np.array(alike), directed=False)[1].tolist()
    return texts


def told_of_kinds(readings: Readings) -> str:
    """What is to be said if there are more kinds than tasks; else nothing."""
    n_kinds, n_tasks = len(set(kinds(readings))), len({item.task for item in readings.items})
    if n_kinds == n_tasks:
        return ""
    return (
        f"Not all readers of a task read the same sentences: sentences were dealt within {n_kinds} groups of readers who share "
        f"at least {SHARED:.0%} of theirs, since otherwise knowing who reads would pass for reading."
    )
