"""A thread with a name, one loop, and an end that is bounded in time."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from bci_app.contract.errors import BciError

logger = logging.getLogger(__name__)

GIVE_WAY_S = 2e-3
"""The window, which has just been woken, takes what was read before the thread that read it goes on: a picture is scored, or the
next word computed, 2 ms later, and the window has it 4 ms earlier."""


class Worker(ABC):
    """Runs `step` again and again in its own thread until it is stopped, is done or fails.

    Parameters
    ----------
    name : str
        Name of the thread, as a debugger and the logs show it.
    on_failure : callable
        Called in the worker's thread with a message for the user if `step` raises.
    """

    patience_s = 0.0
    """How long it may take to end beyond what all others get."""

    def __init__(self, name: str, on_failure: Callable[[str], None]) -> None:
        self.name = name
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether the worker was told to stop; any thread."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Start the thread; from the thread that owns the session."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the worker to stop, without waiting; any thread."""
        self._stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Wait until the thread has ended; False if it has not within `timeout_s`. Not from the worker itself."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def pause(self, seconds: float) -> bool:
        """Sleep in the worker's thread; True as soon as it was told to stop."""
        return self._stopping.wait(max(seconds, 0.0))

    @abstractmethod
    def step(self) -> bool:
        """One turn of the loop, short; False when there is nothing more to do. Worker's thread."""

    def close(self) -> None:
        """Let go of what the worker holds; called once at its end, in its own thread."""

    def late(self, timeout_s: float) -> None:
        """It did not end in time; from the thread that stops it."""
        logger.warning("the %s thread did not end within %.1f s", self.name, timeout_s)

    def _run(self) -> None:
        try:
            while not self.stopping and self.step():
                pass
        except BciError as error:
            self._on_failure(str(error))
        except Exception as error:
            logger.exception("worker %s failed", self.name)
            self._on_failure(
                f"The {self.name} thread stopped on an unexpected {type(error).__name__}: {error}. "
                "This is a fault of the program; the log has the details. What was recorded so far is kept."
            )
        finally:
            self._let_go()

    def _let_go(self) -> None:
        try:
            self.close()
        except Exception:
            logger.exception("worker %s failed while it closed", self.name)


def stop_workers(workers: Sequence[Worker], timeout_s: float) -> None:
    """Stop workers, last started first, within `timeout_s` seconds; from the thread that owns the session.

    A worker with `patience_s` is told when all after it have ended, and gets that much longer: what was recorded comes
    before a prompt end.
    """
    deadline = time.monotonic() + timeout_s
    for worker in reversed(workers):
        if not worker.patience_s:
            worker.stop()
    for worker in reversed(workers):
        worker.stop()
        if not worker.join(worker.patience_s or max(deadline - time.monotonic(), 0.05)):
            worker.late(timeout_s)
