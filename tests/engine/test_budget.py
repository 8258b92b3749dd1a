"""A budget that is exceeded is told after five seconds on end, and not before."""

from __future__ import annotations

from bci_app.engine.budget import BudgetWatch


def test_an_excess_is_told_after_five_seconds_on_end() -> None:
    watch = BudgetWatch(budget_ms=50.0)
    assert [bool(watch.look(60.0, now_s)) for now_s in (10.0, 12.0, 14.9, 15.0, 15.1)] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert watch.look(61.0, 17.0) == "OVER BUDGET for 7 s"


def test_whatever_is_within_the_budget_begins_the_count_anew() -> None:
    watch = BudgetWatch(budget_ms=50.0)
    for p95_ms in (50.0, None):
        assert watch.look(60.0, 0.0) == ""
        assert watch.look(p95_ms, 4.0) == ""
        assert watch.look(60.0, 6.0) == ""
        assert watch.look(60.0, 10.9) == ""
        assert watch.look(60.0, 11.0) != ""
        assert watch.look(1.0, 12.0) == ""
