"""A box for the latest value: the writer never waits, the reader never falls behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds the newest value put in; counts what was overwritten unread.

    Parameters
    ----------
    on_put : callable, optional
        Called in the putting thread, only when the box was empty: at most one wake-up is pending.
    """

    def __init__(self, on_put: Callable[[], None] | None = None) -> None:
        self.on_put = on_put
        self._lock = threading.Lock()
        self._value: T | None = None
        self._overwritten = 0

    @property
    def overwritten(self) -> int:
        """How many values were replaced before anybody took them."""
        return self._overwritten

    def put(self, value: T) -> None:
        """Leave `value`; any thread."""
        with self._lock:
            was_empty = self._value is None
            self._overwritten += not was_empty
            self._value = value
        if was_empty and self.on_put is not None:
            self.on_put()

    def take(self) -> T | None:
        """The newest value, or None; the box is empty afterwards. Any thread."""
        with self._lock:
            value, self._value = self._value, None
        return value
