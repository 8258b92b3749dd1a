"""What sessions on a live signal share: how they begin, how they end, and what anybody may ask them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bci_app.contract.errors import RecordingError
from bci_app.engine.bad_channels import begin_with_bad_channels
from bci_app.engine.events import Event, Finished, StreamChanged
from bci_app.engine.latency import StepLog
from bci_app.engine.live_signal import LiveSignal, SignalPlan
from bci_app.engine.session_file import begin_session, end_session, now
from bci_app.engine.session_lock import SessionLock
from bci_app.engine.telling import Telling
from bci_app.engine.views import SignalSnapshot
from bci_app.engine.worker import Worker, stop_workers


class SignalSessionPlan(Protocol):
    """What such a session needs of its plan."""

    title: str
    notes: tuple[str, ...]

    @property
    def signal(self) -> SignalPlan:
        """Which signal is read."""

    @property
    def about(self) -> dict[str, Any]:
        """What is kept of it in session.json, in plain values: at least ``kind``, ``participant`` and ``settings``."""


class SignalSession(ABC):
    """A session on a live signal; `_live` is made by its subclass, which builds the workers.

    Parameters
    ----------
    plan : SignalSessionPlan
        Its title, notes and signal.
    clock : callable
        LSL seconds.
    """

    _live: LiveSignal

    def __init__(self, plan: SignalSessionPlan, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.title = plan.title
        self.signal = plan.signal.words
        self.began = ""
        self._notes = plan.notes
        self._about = plan.about
        self._lock: SessionLock | None = None
        self._telling = Telling()
        self._stopped = False

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Begin; `on_event` is called from the session's threads. From the thread that owns the session."""
        self.began = now()
        self._telling.emit = on_event
        on_event(StreamChanged(self._live.state, self._live.state_text))
        for note in self._notes:
            self._telling.problem(note)
        begin_with_bad_channels(self._live.plan, self._telling)
        self._keep(lambda folder: begin_session(folder, self._facts()))
        if self._live.plan.folder is not None:
            self._lock = SessionLock(self._live.plan.folder)
        log = self._latency_log()
        if log is not None and self._live.recorder is not None:
            log.keep = self._live.recorder.latency
        for worker in self._workers():
            worker.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End all workers, last started first, within `timeout_s` seconds; may be called twice. Owner's thread."""
        if self._stopped:
            return
        self._stopped = True
        stop_workers(self._workers(), timeout_s)
        self._live.close()
        self._keep(lambda folder: end_session(folder, self.ended))
        if self._lock is not None:
            self._lock.release()

    def signal_snapshot(self, seconds: float) -> SignalSnapshot | None:
        """The newest `seconds` of preprocessed signal; None before the first sample. Any thread."""
        return self._live.snapshot(seconds)

    @property
    def ended(self) -> Finished | None:
        """How the session ended; None while it runs, or if it was closed. Any thread."""
        return self._telling.ended

    @property
    def problems(self) -> list[str]:
        """What went wrong so far, in words; any thread."""
        return self._telling.problems

    def _begin_recording(self) -> None:
        """Make the files of the recording, if there is to be one: when nothing else may refuse any more.

        session.json is among them, so that there is no moment at which a kill leaves a folder that is no session's.
        RecordingError if the folder cannot be written.
        """
        self.began = now()
        self._keep(lambda folder: begin_session(folder, self._facts()))
        self._live.record()

    def _latency_log(self) -> StepLog | None:
        """Where it notes how long each step takes; None if nothing is read."""
        return None

    def _facts(self) -> dict[str, Any]:
        """What the session is made of; of the stream nothing that names a machine or a device."""
        source = self._live.source
        heard = source.description
        stream = {"name": heard.name, "type": heard.type, "sfreq": heard.sfreq, "channels": list(source.channels)}
        return {**self._about, "title": self.title, "began": self.began, "stream": stream}

    def _keep(self, write: Callable[[Path], None]) -> None:
        """Write to the folder of the session, if it has one; a disk that refuses is a problem and ends nothing."""
        if self._live.plan.folder is not None:
            try:
                write(self._live.plan.folder)
            except RecordingError as error:
                self._telling.problem(str(error))

    @abstractmethod
    def _workers(self) -> tuple[Worker, ...]:
        """Its threads in the order of their start."""
