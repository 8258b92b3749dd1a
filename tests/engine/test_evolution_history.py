"""Curves of an evolution: means, intervals, and what is not known."""

from __future__ import annotations

import numpy as np

from bci_app.engine.evolution_history import GenerationResult, History, mean_interval
from bci_app.engine.evolution_views import Member

BLACK = np.zeros((2, 2, 3), np.uint8)


def result(generation: int, evolved: list[float]) -> GenerationResult:
    champion = Member(f"g{generation}", BLACK, float(np.nanmax(evolved)), 1, "evolved")
    return GenerationResult(generation, np.array(evolved), {}, np.array([]), champion, BLACK)


def test_one_response_has_no_interval_and_none_has_no_mean() -> None:
    assert np.isnan(mean_interval(np.array([np.nan]))).all()
    assert mean_interval(np.array([3.0, np.nan]))[0] == 3.0
    assert np.isnan(mean_interval(np.array([3.0, np.nan]))[1:]).all()
    history = History([result(0, [1.0, 3.0])])
    assert history.curves.evolved.mean.tolist() == [2.0]
    assert np.isnan(history.curves.natural.mean).all()


def test_the_best_is_the_highest_so_far_and_the_first_of_equals() -> None:
    history = History(result(generation, [score, np.nan]) for generation, score in enumerate((2.0, 1.0, 5.0, 5.0)))
    assert history.curves.best.tolist() == [2.0, 2.0, 5.0, 5.0]
    assert history.best is not None
    assert history.best.id == "g2"


def test_curves_that_were_read_do_not_change_when_a_generation_is_added() -> None:
    history = History([result(0, [1.0, 3.0])])
    before = history.curves
    history.add(result(1, [7.0]))
    assert before.generations.tolist() == [0]
    assert history.curves.generations.tolist() == [0, 1]
