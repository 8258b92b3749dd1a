"""What the windows share that show pictures to a participant: the participant's screen as a pane, or as a window of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent, QScreen
from PySide6.QtWidgets import QGridLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from bci_app.contract.errors import SettingsError
from bci_app.engine.events import Finished, ShowPicture
from bci_app.engine.evolution_settings import Stimulus
from bci_app.engine.views import SignalWords
from bci_app.pictures.flash import FlashGuard
from bci_app.ui import theme
from bci_app.ui.bridge import ShowingBridge
from bci_app.ui.session_window import SessionWindow
from bci_app.ui.stimulator import Stimulator
from bci_app.ui.stimulus_window import OpenGLView, open_stimulus_window, stimulus_screen
from bci_app.ui.theme import Theme
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.picture import Canvas
from bci_app.ui.views.stimulus import StimulusView, Surface

PAUSED = "Paused: no picture is shown. P goes on."
ONE_SCREEN = "Only one screen can be found, so pictures are shown in this window. F shows them over the whole screen."
SCREEN_GONE = (
    "The participant's screen is gone, so pictures are paused. Connect it, bring them back there with F and go on with P; or go "
    "on in this window with P."
)


class ShowingWindow(SessionWindow):
    """Shows one session that shows pictures to a participant.

    Parameters
    ----------
    title : str
        Name of the session.
    bridge : ShowingBridge
        To the session, which has not started yet.
    words : SignalWords
        What the signal is called.
    look : Stimulus
        Where and how pictures are shown.
    clock : callable
        LSL seconds.
    guard : FlashGuard or None
        Holds back what would flash; None where flashing was allowed expressly.
    colours, close_when_finished, screenshot
        See `SessionWindow`.
    """

    stimulus_panel: Panel

    def __init__(
        self,
        title: str,
        bridge: ShowingBridge,
        words: SignalWords,
        look: Stimulus,
        clock: Callable[[], float],
        guard: FlashGuard | None,
        *,
        colours: Theme,
        close_when_finished: bool,
        screenshot: Path | None,
    ) -> None:
        super().__init__(
            title, bridge, words, colours=colours, close_when_finished=close_when_finished, screenshot=screenshot
        )
        self.showing_bridge = bridge
        self._look = look
        self._paused = False
        self._how = ""
        self._apart: OpenGLView | StimulusView | None = None
        self._apart_screen: QScreen | None = None
        self.pane = StimulusView(look)
        self.stimulator = Stimulator(self.pane, clock, guard, self)
        self.mirror = Canvas("On the participant's screen")

    # ------------------------------------------------------------------ what differs between sessions
    @abstractmethod
    def _tell_refresh(self, hz: float) -> None:
        """Tell the session how many frames per second the participant's screen shows."""

    @abstractmethod
    def _tell_paused(self, paused: bool) -> None:
        """Tell the session to show nothing for a while, or to go on."""

    @abstractmethod
    def _on_stop(self) -> None:
        """The participant's screen is grey already; the session is to end."""

    def _lies_over_results(self, apart: OpenGLView | StimulusView) -> bool:
        """Whether the participant's screen is to go when the session has ended."""
        return True

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
        if screen is None and self._look.where == "auto":
            self.banner.show_message(ONE_SCREEN, "info")
            self._problem_timer.start()

    # ------------------------------------------------------------------ building
    def _stimulus_content(self) -> QWidget:
        self._stack = QStackedWidget()
        self._stack.addWidget(self.pane)
        self._stack.addWidget(self.mirror)
        self.pause_button = _button("Pause (P)", self._toggle_pause)
        self.stop_button = _button("Stop (S)", lambda: self._press(Qt.Key.Key_S))
        self.apart_button = _button("Full screen (F)", self._toggle_apart)
        buttons = QGridLayout()
        buttons.setSpacing(theme.GAP_PX // 2)
        buttons.addWidget(self.pause_button, 0, 0)
        buttons.addWidget(self.stop_button, 0, 1)
        buttons.addWidget(self.apart_button, 1, 0, 1, 2)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._stack, 1)
        layout.addLayout(buttons)
        return content

    def _connect(self) -> None:
        super()._connect()
        bridge, stimulator = self.showing_bridge, self.stimulator
        bridge.quiet = lambda: stimulator.soon
        bridge.picture_to_show.connect(stimulator.show)
        bridge.blanked.connect(stimulator.blank)
        stimulator.shown.connect(bridge.picture_shown)
        stimulator.shown.connect(self._on_shown)
        stimulator.blanked.connect(self.mirror.clear)
        stimulator.stop_asked.connect(self._on_stop)
        stimulator.pause_asked.connect(self._toggle_pause)
        stimulator.full_screen_asked.connect(self._toggle_apart)
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            app.screenRemoved.connect(self._on_screen_removed)

    # ------------------------------------------------------------------ what the engine tells
    def _on_shown(self, event: ShowPicture, at_s: float) -> None:
        if self._apart is not None:
            self.mirror.show_image(event.picture.image)

    def _on_finished(self, event: Finished) -> None:
        self.stimulator.halt()
        for button in (self.pause_button, self.stop_button):
            button.setEnabled(False)
        if self._apart is not None and self._lies_over_results(self._apart):
            self._close_apart()
        super()._on_finished(event)

    # ------------------------------------------------------------------ what the person asks
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The keys of the participant's screen work here as well."""
        if event.isAutoRepeat() or not self._press(event.key()):
            super().keyPressEvent(event)

    def _press(self, key: int) -> bool:
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
        self._tell_paused(self._paused)
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
        self._apart_screen = screen = screen or self.screen()
        self._apart = open_stimulus_window(self._look, screen, self._press, self._on_apart_closed)
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

    def _on_screen_removed(self, screen: QScreen) -> None:
        """Nothing may jump over the experimenter's window, and no picture counts as shown to nobody."""
        if self._apart is None or screen is not self._apart_screen:
            return
        if not self._paused:
            self._toggle_pause()
        self._close_apart()
        if not self._last_word:
            self.banner.show_message(SCREEN_GONE)

    def _use(self, surface: Surface) -> None:
        self.stimulator.move_to(surface)
        self._tell_refresh(surface.refresh_hz)
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
