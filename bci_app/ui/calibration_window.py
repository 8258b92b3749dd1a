"""The window of a calibration: what the participant sees, when it came, and the signal beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QScreen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from bci_app.contract.errors import SettingsError
from bci_app.engine.calibration_session import CalibrationSettings
from bci_app.engine.events import Break, Event, Finished, ShowPicture
from bci_app.engine.evolution_views import OnsetRow
from bci_app.engine.views import SignalWords, Status
from bci_app.pictures.flash import FlashGuard
from bci_app.ui import theme
from bci_app.ui.bridge import AnySession, SessionBridge
from bci_app.ui.session_window import Keys, SessionWindow, splitter
from bci_app.ui.stimulator import Stimulator
from bci_app.ui.stimulus_window import OpenGLView, open_stimulus_window, stimulus_screen
from bci_app.ui.theme import Theme
from bci_app.ui.views.help import EVOLUTION_SIGNAL_KEYS, HelpOverlay
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.picture import Canvas
from bci_app.ui.views.stimulus import StimulusView, Surface

HINT = "Esc or S stops and makes a decoder of what was shown · P pauses · Space ends a break · F full screen · F1 lists the keys"
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
PAUSED = "Paused: no picture is shown. P goes on."
BREAK = "A short break. It goes on by itself, or with Space."


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


class CalibrationBridge(SessionBridge):
    """The bridge of a calibration.

    Parameters
    ----------
    session : CalibrationSession
        Not started yet.
    parent : QObject, optional
        Owner.

    Attributes
    ----------
    quiet : callable
        Whether nothing may be painted now, since a picture is due in a moment.
    """

    rested = Signal(float)
    """A break of so many seconds has begun; 0 says that it is over."""

    def __init__(self, session: CalibrationSession, parent: QObject | None = None) -> None:
        super().__init__(session, parent)
        self._session = session
        self.quiet: Callable[[], bool] = lambda: False

    def picture_shown(self, event: ShowPicture, at_s: float) -> None:
        """Tell the session that the frame with a picture went out at `at_s`."""
        if not self._closed:
            self._session.picture_shown(event.trial, event.picture.id, at_s)

    def _busy(self) -> bool:
        return super()._busy() or self.quiet()

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, Break) and not self._closed:
            self.rested.emit(event.seconds)
        super()._dispatch(event)


class CalibrationWindow(SessionWindow):
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
            colours=colours,
            close_when_finished=close_when_finished,
            screenshot=screenshot,
        )
        self._session = session
        self._look = session.plan.settings.stimulus
        self._paused = self._resting = False
        self._how = ""
        self._apart: OpenGLView | StimulusView | None = None
        self.pane = StimulusView(self._look)
        self.stimulator = Stimulator(self.pane, session.clock, FlashGuard(), self)
        self.mirror = Canvas("On the participant's screen")
        self.setWindowTitle(f"{session.title} – pictures for a decoder")
        self._build(HINT, HelpOverlay(self, self._words.name, KEYS, ABOUT))

    def begin(self) -> None:
        """Open the participant's screen and start the session.

        Raises
        ------
        SettingsError
            If the screen that was chosen is not there.
        """
        screen = stimulus_screen(self._look, self.screen())
        if screen is not None:
            self._open_apart(screen)
        else:
            self._use(self.pane)
        super().begin()

    # ------------------------------------------------------------------ building
    def _panels(self) -> QWidget:
        self._stack = QStackedWidget()
        self._stack.addWidget(self.pane)
        self._stack.addWidget(self.mirror)
        self.pause_button = _button("Pause (P)", self._toggle_pause)
        self.stop_button = _button("Stop (S)", lambda: self._press(Qt.Key.Key_S))
        self.apart_button = _button("Full screen (F)", self._toggle_apart)
        buttons = QHBoxLayout()
        for button in (self.pause_button, self.stop_button, self.apart_button):
            buttons.addWidget(button, 1)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack, 1)
        layout.addLayout(buttons)
        self.stimulus_panel = Panel("Pictures shown", content)
        return splitter(Qt.Orientation.Horizontal, (self.stimulus_panel, 60), (self.signal_panel, 40))

    def _connect(self) -> None:
        super()._connect()
        bridge, stimulator = self.bridge, self.stimulator
        bridge.quiet = lambda: stimulator.soon
        bridge.picture_to_show.connect(stimulator.show)
        bridge.blanked.connect(stimulator.blank)
        bridge.rested.connect(self._on_rest)
        stimulator.shown.connect(bridge.picture_shown)
        stimulator.shown.connect(self._on_shown)
        stimulator.blanked.connect(self.mirror.clear)
        stimulator.stop_asked.connect(self._session.halt)
        stimulator.pause_asked.connect(self._toggle_pause)
        stimulator.full_screen_asked.connect(self._toggle_apart)

    def _keys(self) -> Keys:
        return (("H", self.toggle_frozen), *super()._keys())

    # ------------------------------------------------------------------ what the engine tells
    def _on_shown(self, event: ShowPicture, at_s: float) -> None:
        if self._apart is not None:
            self.mirror.show_image(event.picture.image)

    def _on_rest(self, seconds: float) -> None:
        self._resting = seconds > 0
        if self._resting:
            self.stimulator.say(BREAK)
            self.mirror.clear(BREAK)
        else:
            self.stimulator.blank()

    def _on_status(self, status: Status) -> None:
        super()._on_status(status)
        onsets = self._session.onsets
        late = f" · {onsets.late} of {onsets.n} onsets late by a frame or more" if onsets.n else ""
        held = f" · {self.stimulator.n_held} held back, flashing" if self.stimulator.n_held else ""
        self.stimulus_panel.set_detail(f"{self._how}{late}{held}")

    def _on_finished(self, event: Finished) -> None:
        self.stimulator.halt()
        for button in (self.pause_button, self.stop_button):
            button.setEnabled(False)
        if self._apart is not None:
            self._close_apart()
        super()._on_finished(event)

    # ------------------------------------------------------------------ what the person asks
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The keys of the participant's screen work here as well."""
        if event.isAutoRepeat() or not self._press(event.key()):
            super().keyPressEvent(event)

    def _press(self, key: int) -> bool:
        """Space ends a break and does nothing else: who rests must not stop the session by it."""
        if key == Qt.Key.Key_Space:
            if self._resting:
                self._session.go_on()
            return True
        return self.stimulator.press(key)

    def _escape(self) -> None:
        if self.help.isVisible():
            self.help.toggle()
        elif self.stimulator.halted or self._last_word:
            self.close()
        else:
            self._press(Qt.Key.Key_Escape)

    def _toggle_pause(self) -> None:
        if self._last_word or self.stimulator.halted:
            return
        self._paused = not self._paused
        if self._paused:
            self.stimulator.blank()
        self._session.set_paused(self._paused)
        self.pause_button.setText("Go on (P)" if self._paused else "Pause (P)")
        self._show_stream_message()

    def _show_stream_message(self) -> None:
        super()._show_stream_message()
        if self._paused and self._stream_message is None and not self._last_word:
            self.banner.show_message(PAUSED, "info")

    # ------------------------------------------------------------------ the participant's screen
    def _toggle_apart(self) -> None:
        """From the pane to a window over a whole screen, or back."""
        if self._apart is not None:
            self._close_apart()
            return
        try:
            self._open_apart(stimulus_screen(self._look.model_copy(update={"where": "full-screen"}), self.screen()))
        except SettingsError as error:
            self.banner.show_message(str(error))

    def _open_apart(self, screen: QScreen | None) -> None:
        self._apart = open_stimulus_window(self._look, screen or self.screen(), self._press, self._on_apart_closed)
        self._use(self._apart)
        self._stack.setCurrentWidget(self.mirror)
        self.apart_button.setText("Into this window (F)")

    def _close_apart(self) -> None:
        window, self._apart = self._apart, None
        self._stack.setCurrentWidget(self.pane)
        self._use(self.pane)
        self.apart_button.setText("Full screen (F)")
        if window is not None:
            QTimer.singleShot(0, window, window.discard)  # it may be in the middle of an event of its own

    def _on_apart_closed(self) -> None:
        """Whoever closes the participant's screen wants it to end."""
        self._press(Qt.Key.Key_S)
        self._close_apart()

    def _use(self, surface: Surface) -> None:
        self.stimulator.move_to(surface)
        self._session.set_refresh(surface.refresh_hz)
        self._how = f"{surface.how} · {surface.refresh_hz:.0f} Hz"
        self.stimulus_panel.set_detail(self._how)

    def release(self) -> None:
        """Take the participant's screen away and stop the session; may be called twice."""
        self.stimulator.close()
        window, self._apart = self._apart, None
        if window is not None:
            window.discard()
        super().release()


def _button(text: str, action: Callable[[], object]) -> QPushButton:
    """A button that leaves the keys to the window."""
    button = QPushButton(text)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.clicked.connect(lambda: action())
    return button
