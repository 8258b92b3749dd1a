"""Work that would freeze the window, in a thread of its own; what it came to is told in the GUI thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from bci_app.contract.errors import BciError

logger = logging.getLogger(__name__)

OnProgress = Callable[[int, int, str], None]


class Cancelled(Exception):
    """Raised in the work by its own telling of progress, once nobody waits for it any more."""


class Task(QObject):
    """One piece of work; made, started and ended in the GUI thread.

    Parameters
    ----------
    work : callable
        Takes a function that it may call with (done, total, text), and gives the result. Runs in the task's thread. Where
        the task was cancelled, that function raises `Cancelled`.
    name : str
        Of the thread.
    discard : callable, optional
        Takes a result that came after the task was cancelled, to let go of what it holds; task's thread.
    parent : QObject, optional
        Owner.
    """

    progressed = Signal(int, int, str)
    succeeded = Signal(object)
    failed = Signal(str)
    """Why there is no result, in words for the user."""
    ended = Signal()
    """After `succeeded` or `failed`; also after `cancel`, when the thread has nothing more to do."""

    _posted = Signal(object, object)

    def __init__(
        self,
        work: Callable[[OnProgress], Any],
        name: str,
        discard: Callable[[Any], None] = lambda result: None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._work = work
        self._discard = discard
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._held: tuple[Any] | None = None  # a result on its way to the GUI thread
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._posted.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    @property
    def running(self) -> bool:
        """Whether the thread works."""
        return self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any more; any thread."""
        return self._cancelled.is_set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Wait for it no longer: nothing but its end is told any more, and the work ends when it next tells its progress."""
        with self._lock:
            self._cancelled.set()
            held, self._held = self._held, None
        for result in held or ():
            self._discard(result)

    def join(self, timeout_s: float) -> bool:
        """Wait until the thread has ended; False if it has not within `timeout_s`."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            result = self._work(self._progress)
        except Cancelled:
            self._post("ended", None)
        except BciError as error:
            self._post("failed", str(error))
        except Exception as error:
            logger.exception("task %s failed", self._thread.name)
            self._post(
                "failed",
                f"Unexpected {type(error).__name__}: {error}. This is a fault of the program; the log has the details. "
                "Try again, or go on with something else.",
            )
        else:
            if not self._handed_on(result):
                self._discard(result)
                self._post("ended", None)

    def _handed_on(self, result: object) -> bool:
        with self._lock:  # so that a result is either told or discarded, never neither
            if self.cancelled:
                return False
            self._held = (result,)
        if self._post("succeeded", None):
            return True
        with self._lock:
            held, self._held = self._held, None
        return held is None

    def _progress(self, done: int, total: int, text: str) -> None:
        if self.cancelled:
            raise Cancelled
        self._post("progressed", (done, total, text))

    def _post(self, what: str, content: object) -> bool:
        """Bring something to the GUI thread; False if there is nobody any more to take it."""
        try:
            self._posted.emit(what, content)
        except RuntimeError:  # the window is gone, and with it whoever waited
            self._cancelled.set()
            return False
        return True

    def _tell(self, what: str, content: Any) -> None:
        if what == "succeeded":
            with self._lock:
                held, self._held = self._held, None
            for result in held or ():
                self.succeeded.emit(result)
        elif not self.cancelled and what == "progressed":
            self.progressed.emit(*content)
        elif not self.cancelled and what == "failed":
            self.failed.emit(content)
        if what != "progressed":
            self.ended.emit()
