"""The only files that know both sides are the bridges: engine events and snapshots in, Qt signals out.

Rare facts are pushed: `post` runs in an engine thread and emits a queued signal. Floods are pulled: one timer reads the
signal 25 times a second and, in turn, what changes slowly about three times a second. Pictures come through a mailbox that
keeps the newest; at most one wake-up is pending.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from bci_app.engine.events import (
    BlankPicture,
    Event,
    Finished,
    ModelsChanged,
    ModelsRefused,
    Problem,
    Progress,
    ShowPicture,
    StreamChanged,
    TrialRead,
)
from bci_app.engine.latency import AlgorithmicLatency
from bci_app.engine.mailbox import Mailbox
from bci_app.engine.swap import Found
from bci_app.engine.views import Identification, LatencyRow, Reconstruction, SignalSnapshot, SignalWords, Status
from bci_app.pictures.flash import FlashGuard

TICK_MS = 40
MOST_PUT_OFF = 2
TURNS = 8
"""Every panel that changes slowly is read once in this many ticks, each in a tick of its own."""
STATE_TURN = 1


class AnySession(Protocol):
    """What every window needs of a running session; all of it may be called from the GUI thread."""

    title: str

    @property
    def reading(self) -> bool:
        """Whether a window of signal is being read at this moment, or is about to be."""

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Start the threads; `on_event` is called from them."""

    def stop(self, timeout_s: float = 2.0) -> None:
        """Stop and join the threads."""

    def signal_snapshot(self, seconds: float) -> SignalSnapshot | None:
        """The newest seconds of signal."""

    def status(self) -> Status:
        """Stream, model and device in words."""

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        """The picture of a trial went to the screen at a time of the session's clock."""

    def clock(self) -> float:
        """LSL seconds."""


class Session(AnySession, Protocol):
    """What the window of a live reading needs besides."""

    shows_pictures: bool
    knows_pictures: bool
    signal: SignalWords

    @property
    def reconstructions(self) -> Mailbox[Reconstruction]:
        """The newest picture read."""

    def identification(self) -> Identification:
        """The running scores."""

    def latencies(self) -> tuple[LatencyRow, ...]:
        """How long each step takes."""

    def handed_to_qt(self, reconstruction: Reconstruction, at_s: float) -> None:
        """A picture was given to Qt at a time of the session's clock."""

    def algorithmic(self) -> AlgorithmicLatency:
        """How late a picture must be by its window and filters."""

    def decoders(self) -> tuple[Found, ...]:
        """Decoders near the one in use; a look at the disk, from any thread."""

    def swap(self, decoder: Path, generator: Path | None = None) -> None:
        """Read with other models as soon as they are open."""


class SessionBridge(QObject):
    """Carries facts from a session to its window, and the life of the window to the session.

    Parameters
    ----------
    session : AnySession
        Not started yet.
    parent : QObject, optional
        Owner.

    Attributes
    ----------
    stops_session : bool
        Whether closing stops the session, and waits for it; else whoever writes its report does, beside the window.

    Notes
    -----
    Lives in the GUI thread. Only `post` is called from engine threads.
    """

    stream_changed = Signal(object)
    picture_to_show = Signal(object)
    blanked = Signal()
    problem = Signal(object)
    progressed = Signal(object)
    finished = Signal(object)
    signal_polled = Signal(object)
    status_polled = Signal(object)

    _posted = Signal(object)

    def __init__(self, session: AnySession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._any_session = session
        self._closed = False
        self._tick = 0
        self._put_off = 0
        self.span_s = 5.0
        self.signal_wanted = True
        self.stops_session = True
        self.in_front = True  # behind another page only the state is read: the header tells it there as well
        self._posted.connect(self._dispatch, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._poll)

    def start(self) -> None:
        """Start the session and the timer."""
        self._any_session.start(self.post)
        self._timer.start()

    def close(self) -> None:
        """Stop the timer, turn late events away, stop the session, unless others do."""
        if self._closed:
            return
        self._closed = True
        self._timer.stop()
        if self.stops_session:
            self._any_session.stop(timeout_s=1.5)

    def post(self, event: Event) -> None:
        """Bring an event to the GUI thread; any thread."""
        if not self._closed:
            self._posted.emit(event)

    def poll_all(self) -> None:
        """Read every slow panel at once: before a screenshot, after the end."""
        for poll in self._slow_polls().values():
            poll()

    def _slow_polls(self) -> Mapping[int, Callable[[], None]]:
        """What is read once a round, by its turn."""
        return {STATE_TURN: lambda: self.status_polled.emit(self._any_session.status())}

    def _busy(self) -> bool:
        """Whether painting now would delay something that must not wait."""
        return self._any_session.reading

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
            case Problem():
                self.problem.emit(event)
            case Progress():
                self.progressed.emit(event)
            case Finished():
                self.finished.emit(event)

    def _poll(self) -> None:
        """Read what is due; put off while something is going on that would have to wait for the painting."""
        if self._busy() and self._put_off < MOST_PUT_OFF:
            self._put_off += 1
            return
        self._put_off = 0
        self._tick += 1
        poll = self._slow_polls().get(self._tick % TURNS)
        if poll is not None and (self.in_front or self._tick % TURNS == STATE_TURN):
            poll()
        if self.signal_wanted:
            self.signal_polled.emit(self._any_session.signal_snapshot(self.span_s))


class ShowingBridge(SessionBridge):
    """The bridge of a session that shows pictures at times of its own.

    Attributes
    ----------
    quiet : callable
        Whether nothing may be painted now, since a picture is due in a moment.
    """

    def __init__(self, session: AnySession, parent: QObject | None = None) -> None:
        super().__init__(session, parent)
        self.quiet: Callable[[], bool] = lambda: False

    def picture_shown(self, event: ShowPicture, at_s: float) -> None:
        """Tell the session that the frame with a picture went out at `at_s`."""
        if not self._closed:
            self._any_session.picture_shown(event.trial, event.picture.id, at_s)

    def _busy(self) -> bool:
        return super()._busy() or self.quiet()


class Bridge(SessionBridge):
    """The bridge of a session that reads pictures.

    Parameters
    ----------
    session : Session
        Not started yet.
    parent : QObject, optional
        Owner.

    Notes
    -----
    Besides `post`, the wake-up of the mailbox is called from engine threads. What was read passes a flash guard, since the
    participant may see it: a picture that is held gives way to a newer one.
    """

    trial_read = Signal(object)
    models_changed = Signal(object)
    models_refused = Signal(object)
    reconstructed = Signal(object)
    identification_polled = Signal(object)
    latencies_polled = Signal(object)

    _woken = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session, parent)
        self._session = session
        self.guard = FlashGuard()
        self._held: Reconstruction | None = None
        self._woken.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self._hold = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._hold.timeout.connect(self._take)

    def start(self) -> None:
        """Start the session and the timer."""
        self._session.reconstructions.on_put = self._wake
        super().start()
        self._wake()  # a picture may have come before the mailbox knew whom to wake

    def close(self) -> None:
        """Stop the timers, turn late events away, stop the session."""
        self._session.reconstructions.on_put = None
        self._hold.stop()
        super().close()

    def picture_shown(self, event: ShowPicture) -> None:
        """Tell the session that a picture has just gone to the screen."""
        if not self._closed:
            self._session.picture_shown(event.trial, event.picture.id, self._session.clock())

    def _slow_polls(self) -> Mapping[int, Callable[[], None]]:
        return {
            **super()._slow_polls(),
            3: lambda: self.identification_polled.emit(self._session.identification()),
            5: lambda: self.latencies_polled.emit(self._session.latencies()),
        }

    def _wake(self) -> None:
        if not self._closed:
            self._woken.emit()

    def _take(self) -> None:
        if self._closed:
            return
        newest = self._session.reconstructions.take() or self._held
        if newest is None or self._must_wait(newest):
            return
        self.reconstructed.emit(newest)  # a direct connection: the view has it when this returns
        at_s = self._session.clock()
        self.guard.shown(newest.image, at_s)
        self._session.handed_to_qt(newest, at_s)
        if self._put_off:
            self._poll()

    def _must_wait(self, newest: Reconstruction) -> bool:
        """Whether the picture would flash; then it is tried again, unless a newer one comes before."""
        now = self._session.clock()
        allowed = self.guard.earliest(newest.image, now)
        self._held = newest if allowed > now else None
        if self._held is not None:
            self._hold.start(math.ceil(1000 * (allowed - now)))
        return self._held is not None

    def _dispatch(self, event: Event) -> None:
        if not self._closed:
            match event:
                case TrialRead():
                    self.trial_read.emit(event)
                case ModelsChanged():
                    self.models_changed.emit(event)
                case ModelsRefused():
                    self.models_refused.emit(event)
        super()._dispatch(event)
