"""Ctrl-C while training: noted, and heeded where it leaves something whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType


@dataclass(slots=True)
class Asked:
    """Whether somebody wants it to stop."""

    is_set: bool = field(default=False)


@contextmanager
def heeding_interrupts() -> Iterator[Asked]:
    """Ctrl-C is noted and left to the end of the step, so that what is saved is whole; a second one breaks off."""
    asked = Asked()

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set:
            raise KeyboardInterrupt
        asked.is_set = True

    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as a shell does for what it runs in the background
    if ignored or threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
