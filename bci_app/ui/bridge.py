"""The only file that knows both sides: engine events and snapshots in, Qt signals out.

Rare facts are pushed: `Bridge.post` runs in an engine thread and emits a queued signal. Floods are pulled:
one timer reads the signal 25 times a second and, in turn, identification, latencies and status about three
times a second. Pictures come through a mailbox that keeps the newest; at most one wake-up is pending.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from bci_app.engine.events import (
    BlankPicture,
    Event,
    Finished,
    Problem,
    Progress,
    ShowPicture,
    StreamChanged,
    TrialRead,
)
from bci_app.engine.mailbox import Mailbox
from bci_app.engine.views import Identification, LatencyRow, Reconstruction, SignalSnapshot, SignalWords, Status

TICK_MS = 40
MOST_PUT_OFF = 2
TURNS = 8
"""Every panel that changes slowly is read once in this many ticks, each in a tick of its own."""


class Session(Protocol):
    """What the window needs of a running session; all of it may be called from the GUI thread."""

    title: str
    shows_pictures: bool
    signal: SignalWords

    @property
    def reading(self) -> bool:
        """Whether a window is being read at this moment."""

    @property
    def reconstructions(self) -> Mailbox[Reconstruction]:
        """The newest picture read."""

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Start the threads; `on_event` is called from them."""

    def stop(self, timeout_s: float = 2.0) -> None:
        """Stop and join the threads."""

    def signal_snapshot(self, seconds: float) -> SignalSnapshot | None:
        """The newest seconds of signal."""

    def identification(self) -> Identification:
        """The running scores."""

    def latencies(self) -> tuple[LatencyRow, ...]:
        """How long each step takes."""

    def status(self) -> Status:
        """Stream, model and device in words."""

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        """The picture of a trial went to the screen at a time of the session's clock."""

    def handed_to_qt(self, reconstruction: Reconstruction, at_s: float) -> None:
        """A picture was given to Qt at a time of the session's clock."""

    def clock(self) -> float:
        """LSL seconds."""


class Bridge(QObject):
    """Carries facts from a session to the window and answers from the window to the session.

    Parameters
    ----------
    session : Session
        Not started yet.
    parent : QObject, optional
        Owner.

    Notes
    -----
    Lives in the GUI thread. Only `post` and the wake-up of the mailbox are called from engine threads.
    """

    stream_changed = Signal(object)
    picture_to_show = Signal(object)
    blanked = Signal()
    trial_read = Signal(object)
    problem = Signal(object)
    progressed = Signal(object)
    finished = Signal(object)
    reconstructed = Signal(object)
    signal_polled = Signal(object)
    identification_polled = Signal(object)
    latencies_polled = Signal(object)
    status_polled = Signal(object)

    _posted = Signal(object)
    _woken = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._closed = False
        self._tick = 0
        self._put_off = 0
        self.span_s = 5.0
        self.signal_wanted = True
        self._posted.connect(self._dispatch, Qt.ConnectionType.QueuedConnection)
        self._woken.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._poll)

    def start(self) -> None:
        """Start the session and the timer."""
        self._session.reconstructions.on_put = self._wake
        self._session.start(self.post)
        self._wake()  # a picture may have come before the mailbox knew whom to wake
        self._timer.start()

    def close(self) -> None:
        """Stop the timer, turn late events away, stop the session."""
        if self._closed:
            return
        self._closed = True
        self._timer.stop()
        self._session.reconstructions.on_put = None
        self._session.stop(timeout_s=1.5)

    def post(self, event: Event) -> None:
        """Bring an event to the GUI thread; any thread."""
        if not self._closed:
            self._posted.emit(event)

    def poll_all(self) -> None:
        """Read every slow panel at once: before a screenshot, after the end."""
        self.identification_polled.emit(self._session.identification())
        self.latencies_polled.emit(self._session.latencies())
        self.status_polled.emit(self._session.status())

    def picture_shown(self, event: ShowPicture) -> None:
        """Tell the session that a picture has just gone to the screen."""
        if not self._closed:
            self._session.picture_shown(event.trial, event.picture.id, self._session.clock())

    def _wake(self) -> None:
        if not self._closed:
            self._woken.emit()

    def _take(self) -> None:
        if self._closed:
            return
        newest = self._session.reconstructions.take()
        if newest is not None:
            self.reconstructed.emit(newest)  # a direct connection: the view has it when this returns
            self._session.handed_to_qt(newest, self._session.clock())
            if self._put_off:
                self._poll()

    def _dispatch(self, event: Event) -> None:
        if self._closed:
            return
        match event:
            case StreamChanged():
                self.stream_changed.emit(event)
            case ShowPicture():
                self.picture_to_show.emit(event)
            case BlankPicture():
                self.blanked.emit()
            case TrialRead():
                self.trial_read.emit(event)
            case Problem():
                self.problem.emit(event)
            case Progress():
                self.progressed.emit(event)
            case Finished():
                self.finished.emit(event)

    def _poll(self) -> None:
        """Read what is due; put off while a window is being read, whose picture would have to wait for the painting."""
        if self._session.reading and self._put_off < MOST_PUT_OFF:
            self._put_off += 1
            return
        self._put_off = 0
        self._tick += 1
        turn = self._tick % TURNS
        if turn == 1:
            self.status_polled.emit(self._session.status())
        elif turn == 3:
            self.identification_polled.emit(self._session.identification())
        elif turn == 5:
            self.latencies_polled.emit(self._session.latencies())
        if self.signal_wanted:
            self.signal_polled.emit(self._session.signal_snapshot(self.span_s))
