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
