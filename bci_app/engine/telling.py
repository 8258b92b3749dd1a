"""What a session has to say: events for whoever listens, and the troubles that the report lists."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

from bci_app.engine.events import Event, Finished, Problem

logger = logging.getLogger(__name__)

_REMIND_AFTER_S = 10.0


class Telling:
    """Hands events on, keeps problems and the end; every method may be called from any thread.

    Attributes
    ----------
    emit : callable
        Takes events; the session sets it when it starts.
    ended : Finished or None
        The first end that was told; a second one is not told.
    problems : list of str
        For the report.
    """

    def __init__(self) -> None:
        self.emit: Callable[[Event], None] = lambda event: None
        self.ended: Finished | None = None
        self.problems: list[str] = []
        self._lock = threading.Lock()
        self._reminded_at: dict[str, float] = {}

    def tell(self, event: Event) -> None:
        """Hand an event on."""
        with self._lock:
            if isinstance(event, Finished):
                if self.ended is not None:
                    return
                self.ended = event
            elif isinstance(event, Problem):
                self.problems.append(event.message)
        if isinstance(event, Problem) and not event.fatal:
            logger.warning("%s", event.message)
        self.emit(event)

    def problem(self, message: str) -> None:
        """Something went wrong; the session goes on."""
        self.tell(Problem(message, fatal=False))

    def now_and_then(self, reason: str, message: str, now_s: float) -> None:
        """A problem that may come again and again: told at most every ten seconds for the same `reason`; any one thread."""
        if now_s - self._reminded_at.get(reason, -math.inf) > _REMIND_AFTER_S:
            self._reminded_at[reason] = now_s
            self.problem(message)

    def failed(self, message: str) -> None:
        """Something went wrong, and the session ends; if it has ended already, this is for the report alone."""
        if self.ended is not None:
            self.remember(message)
            return
        self.tell(Problem(message, fatal=True))
        self.tell(Finished(message, fatal=True))

    def remember(self, message: str) -> None:
        """Keep a trouble for the report that the window shows by other means."""
        logger.warning("%s", message)
        with self._lock:
            self.problems.append(message)
