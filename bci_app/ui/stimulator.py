"""Shows each picture when it is due, on whichever surface, and says when it was there; the participant's keys."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from bci_app.engine.events import RatingWanted, ShowPicture
from bci_app.pictures.flash import FlashGuard
from bci_app.ui.views.stimulus import Scene, Surface

STOP_KEYS = (Qt.Key.Key_Escape, Qt.Key.Key_Space, Qt.Key.Key_S)
SOON_S = 0.06
"""So long before a picture is due nothing else is painted."""


class Stimulator(QObject):
    """Between the events of a session and the surface that a participant looks at; GUI thread.

    Parameters
    ----------
    surface : Surface
        Where to paint; `move_to` changes it.
    clock : callable
        The session's clock in seconds, in which pictures are due.
    guard : FlashGuard, optional
        Holds back what would flash too often; None where flashing was allowed expressly.
    parent : QObject, optional
        Owner.
    """

    shown = Signal(object, float)
    """(ShowPicture, seconds of the clock): its frame has gone out."""
    blanked = Signal()
    stop_asked = Signal()
    pause_asked = Signal()
    full_screen_asked = Signal()
    rated = Signal(int, int)
    """(trial, rating)"""

    def __init__(
        self,
        surface: Surface,
        clock: Callable[[], float],
        guard: FlashGuard | None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.surface = surface
        self.guard = guard
        self._clock = clock
        self._waiting: ShowPicture | None = None
        self._wanted: RatingWanted | None = None
        self._scene = Scene()
        self._halted = False
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._try)

    @property
    def halted(self) -> bool:
        """Whether it was stopped and shows nothing any more."""
        return self._halted

    @property
    def n_held(self) -> int:
        """Pictures that came later so as not to flash."""
        return 0 if self.guard is None else self.guard.n_held

    @property
    def soon(self) -> bool:
        """Whether a picture is due in a moment, and nothing should get in its way."""
        return self._waiting is not None and self._waiting.due_s - self._clock() < SOON_S

    def show(self, event: ShowPicture) -> None:
        """Paint a picture when it is due, or at once if that is past; one that still waits gives way."""
        if not self._halted:
            self._waiting = event
            self._try()

    def blank(self) -> None:
        """Grey, at once; a picture that waits is not shown."""
        self._waiting = self._wanted = None
        self._timer.stop()
        self._draw(Scene(), self._blanked)

    def halt(self) -> None:
        """Grey, at once, and nothing after it."""
        self._halted = True
        self.blank()

    def ask_rating(self, event: RatingWanted) -> None:
        """Ask for a rating below the picture."""
        if not self._halted:
            self._wanted = event
            self._draw(Scene(self._scene.image, f"Your rating: 1 to {event.steps}"), _nothing)

    def say(self, text: str) -> None:
        """A line of text on the grey, until something else is shown."""
        if not self._halted:
            self._draw(Scene(None, text), _nothing)

    def press(self, key: int) -> bool:
        """Do what `key` means, the stop keys before this returns; whether it means anything here."""
        if key in STOP_KEYS:
            self.halt()
            self.stop_asked.emit()
        elif key == Qt.Key.Key_P:
            self.pause_asked.emit()
        elif key == Qt.Key.Key_F:
            self.full_screen_asked.emit()
        elif self._wanted is not None and 1 <= key - Qt.Key.Key_0 <= self._wanted.steps:
            self._rate(self._wanted, key - Qt.Key.Key_0)
        else:
            return False
        return True

    def move_to(self, surface: Surface) -> None:
        """Go on with what is on show on another surface."""
        self.surface = surface
        surface.draw(self._scene, _nothing)

    def close(self) -> None:
        """Show nothing any more; the surface may be gone."""
        self._halted = True
        self._waiting = self._wanted = None
        self._timer.stop()

    def _try(self) -> None:
        """Paint the picture that waits, if it is due and does not flash; else try again then."""
        event, now = self._waiting, self._clock()
        if event is None:
            return
        start_s = event.due_s - self.surface.lead_s
        if now >= start_s and self.guard is not None:
            start_s = self.guard.earliest(event.picture.image, now)
        if now < start_s:
            self._timer.start(math.ceil(1000 * (start_s - now)))
            return
        self._waiting = self._wanted = None
        self._draw(Scene(event.picture.image), lambda: self._painted(event))

    def _draw(self, scene: Scene, painted: Callable[[], None]) -> None:
        self._scene = scene
        self.surface.draw(scene, painted)

    def _painted(self, event: ShowPicture) -> None:
        at_s = self._clock()
        if self.guard is not None:
            self.guard.shown(event.picture.image, at_s)
        self.shown.emit(event, at_s)

    def _blanked(self) -> None:
        if self.guard is not None:
            self.guard.blanked(self._clock())
        self.blanked.emit()

    def _rate(self, wanted: RatingWanted, value: int) -> None:
        self._wanted = None
        self._draw(Scene(self._scene.image), _nothing)
        self.rated.emit(wanted.trial, value)


def _nothing() -> None:
    """What has to be done when a frame that nobody waits for has gone out."""
