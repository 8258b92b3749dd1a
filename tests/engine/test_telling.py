"""What a session says, and what it says no more once it has ended."""

from __future__ import annotations

from bci_app.engine.events import Event, Finished, Problem
from bci_app.engine.telling import Telling


def test_the_first_end_is_told_and_failures_after_it_stand_in_the_report_alone() -> None:
    events: list[Event] = []
    telling = Telling()
    telling.emit = events.append
    telling.problem("small")
    telling.failed("the disk is full")
    telling.failed("the disk is still full")
    telling.tell(Finished("closed", fatal=False))
    assert events == [
        Problem("small", fatal=False),
        Problem("the disk is full", fatal=True),
        Finished("the disk is full", fatal=True),
    ]
    assert telling.ended == events[-1]
    assert telling.problems == ["small", "the disk is full", "the disk is still full"]


def test_what_goes_wrong_again_and_again_is_told_every_ten_seconds_for_each_reason() -> None:
    telling = Telling()
    for now_s in (100.0, 101.0, 109.9, 110.1, 115.0):
        telling.now_and_then("a gap", f"a gap at {now_s:g}", now_s)
    telling.now_and_then("no word", "no word at 115", 115.0)
    assert telling.problems == ["a gap at 100", "a gap at 110.1", "no word at 115"]
