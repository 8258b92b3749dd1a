"""The window of a calibration: what the participant sees, when it came, and the signal beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from bci_app.engine.calibration_session import CalibrationSettings
from bci_app.engine.events import Break, Event
from bci_app.engine.evolution_views import OnsetRow
from bci_app.engine.views import SignalWords, Status
from bci_app.pictures.flash import FlashGuard
from bci_app.ui import theme
from bci_app.ui.bridge import AnySession, ShowingBridge
from bci_app.ui.session_window import Keys, splitter
from bci_app.ui.showing_window import ShowingWindow
from bci_app.ui.theme import Theme
from bci_app.ui.views.help import EVOLUTION_SIGNAL_KEYS, HelpOverlay
from bci_app.ui.views.panel import Panel

HINT = "Esc or S stops, and a decoder is made · P pauses · Space ends a break · F full screen · F1 all keys"
KEYS = (
    ("Esc or S", "stop: grey at once; a decoder is made of what was shown. Esc again closes"),
    ("P", "pause and go on"),
    ("Space", "end a break"),
    ("F", "pictures full screen, or in this window"),
    *EVOLUTION_SIGNAL_KEYS,
    ("F1", "this list on or off"),
)
ABOUT = (
    "Each picture is shown once, and its onset is the moment its frame went out. The {signal} is recorded as it comes. "
    "{not_medical}, not for diagnosis."
)
BREAK = "A break of {seconds:.0f} seconds. It goes on by itself, or with Space."


class CalibrationPlan(Protocol):
    """What the window needs to know of the plan."""

    @property
    def settings(self) -> CalibrationSettings:
        """What the calibration is to do."""


class CalibrationSession(AnySession, Protocol):
    """What the window of a calibration needs besides; all of it may be called from the GUI thread."""

    signal: SignalWords

    @property
    def plan(self) -> CalibrationPlan:
        """What is run."""

    @property
    def onsets(self) -> OnsetRow:
        """How well pictures came on time."""

    def set_refresh(self, hz: float) -> None:
        """Frames per second of the screen that pictures are shown on."""

    def set_paused(self, paused: bool) -> None:
        """Show nothing for a while, or go on."""

    def go_on(self) -> None:
        """End the break."""

    def halt(self) -> None:
        """End with what was shown so far."""


class CalibrationBridge(ShowingBridge):
    """The bridge of a calibration.

    Parameters
    ----------
    session : CalibrationSession
        Not started yet.
    parent : QObject, optional
        Owner.
    """

    rested = Signal(float)
    """A break of so many seconds has begun; 0 says that it is over."""

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, Break) and not self._closed:
            self.rested.emit(event.seconds)
        super()._dispatch(event)


class CalibrationWindow(ShowingWindow):
    """Shows one calibration from its start to its end; the participant's screen is a pane of it, or a window of its own.

    Parameters
    ----------
    session : CalibrationSession
        Not started yet; `begin` starts it and closing the window stops it.
    colours : Theme
        Appearance.
    close_when_finished : bool
        Close shortly after the session has come to its end.
    screenshot : Path, optional
        Where to save a picture of the window just before it closes.
    """

    def __init__(
        self,
        session: CalibrationSession,
        *,
        colours: Theme = theme.DARK,
        close_when_finished: bool = True,
        screenshot: Path | None = None,
    ) -> None:
        self.bridge = CalibrationBridge(session)
        super().__init__(
            session.title,
            self.bridge,
            session.signal,
            session.plan.settings.stimulus,
            session.clock,
            FlashGuard(),
            colours=colours,
            close_when_finished=close_when_finished,
            screenshot=screenshot,
        )
        self._session = session
        self._resting = False
        self.setWindowTitle(f"{session.title} – pictures for a decoder")
        self._build(HINT, HelpOverlay(self, self._words.name, KEYS, ABOUT))

    # ------------------------------------------------------------------ building
    def _panels(self) -> QWidget:
        self.stimulus_panel = Panel("Pictures shown", self._stimulus_content())
        return splitter(Qt.Orientation.Horizontal, (self.stimulus_panel, 60), (self.signal_panel, 40))

    def _connect(self) -> None:
        super()._connect()
        self.bridge.rested.connect(self._on_rest)

    def _keys(self) -> Keys:
        return (("H", self.toggle_frozen), *super()._keys())

    # ------------------------------------------------------------------ what the engine tells
    def _on_rest(self, seconds: float) -> None:
        self._resting = seconds > 0
        if self._resting:
            words = BREAK.format(seconds=seconds)
            self.stimulator.say(words)
            self.mirror.clear(words)
        else:
            self.stimulator.blank()

    def _on_status(self, status: Status) -> None:
        super()._on_status(status)
        onsets = self._session.onsets
        late = f" · {onsets.late} of {onsets.n} onsets late" if onsets.n else ""
        held = f" · {self.stimulator.n_held} held back, flashing" if self.stimulator.n_held else ""
        self.stimulus_panel.set_detail(f"{self._how}{late}{held}")

    # ------------------------------------------------------------------ what the person asks
    def _press(self, key: int) -> bool:
        """Space ends a break and does nothing else: who rests must not stop the session by it."""
        if key == Qt.Key.Key_Space:
            if self._resting:
                self._session.go_on()
            return True
        return super()._press(key)

    def _on_stop(self) -> None:
        self._session.halt()

    def _tell_paused(self, paused: bool) -> None:
        self._session.set_paused(paused)

    def _tell_refresh(self, hz: float) -> None:
        self._session.set_refresh(hz)
