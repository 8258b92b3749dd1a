"""The window of an evolution: what the participant sees, the population, its averages, and whether it drives the response."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent, QScreen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from bci_app.contract.errors import SettingsError
from bci_app.engine.events import Finished, ShowPicture
from bci_app.engine.evolution_views import EvolutionSnapshot, response_text
from bci_app.engine.views import SignalWords, Status
from bci_app.pictures.flash import FlashGuard
from bci_app.ui import theme
from bci_app.ui.evolution_bridge import EvolutionBridge, EvolutionSession
from bci_app.ui.session_window import Keys, SessionWindow, splitter
from bci_app.ui.stimulator import Stimulator
from bci_app.ui.stimulus_window import OpenGLView, open_stimulus_window, stimulus_screen
from bci_app.ui.theme import Theme
from bci_app.ui.views.activation import ActivationView
from bci_app.ui.views.averages import AveragesView
from bci_app.ui.views.facts import FactsView
from bci_app.ui.views.help import EVOLUTION_ABOUT, EVOLUTION_KEYS, EVOLUTION_SIGNAL_KEYS, HelpOverlay
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.picture import Canvas, PictureView
from bci_app.ui.views.population import PopulationView
from bci_app.ui.views.stimulus import StimulusView, Surface

HINT = "Esc, Space or S stops at once · P pauses · F shows pictures full screen · F1 lists the keys"
PAUSED = "Paused: no picture is shown. P goes on."
SHAM = "SHAM: scores are dealt at random"


class EvolutionWindow(SessionWindow):
    """Shows one evolution from its start to its end; the participant's screen is a pane of it, or a window of its own.

    Parameters
    ----------
    session : EvolutionSession
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
        session: EvolutionSession,
        *,
        colours: Theme = theme.DARK,
        close_when_finished: bool = False,
        screenshot: Path | None = None,
    ) -> None:
        self.bridge = EvolutionBridge(session)
        super().__init__(
            session.title,
            self.bridge,
            session.signal or SignalWords(),
            colours=colours,
            close_when_finished=close_when_finished,
            screenshot=screenshot,
        )
        settings = session.plan.settings
        self._has_signal = session.signal is not None
        self._look = settings.stimulus
        self._paused = False
        self._apart: OpenGLView | StimulusView | None = None
        self.pane = StimulusView(self._look)
        guard = None if settings.limits.allow_flashing else FlashGuard()
        self.stimulator = Stimulator(self.pane, session.clock, guard, self)
        self.mirror = Canvas("On the participant's screen")
        self.population_view = PopulationView(colours)
        self.averages_view = AveragesView(colours)
        self.activation_view = ActivationView(colours)
        self.best_view = PictureView("Best", "Highest single response", "None yet")
        self.estimate_view = PictureView("Estimate", "What all responses point to", "None yet")
        self.facts_view = FactsView(colours)
        self.setWindowTitle(f"{session.title} – evolving pictures")
        keys = (*EVOLUTION_KEYS, *(EVOLUTION_SIGNAL_KEYS if self._has_signal else ()))
        self._build(HINT, HelpOverlay(self, self._words.name, keys, EVOLUTION_ABOUT))

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
        self.stimulus_panel = Panel("Pictures shown", self._stimulus_content())
        self.signal_panel.setVisible(self._has_signal)
        self.population_panel = Panel("Generation", self.population_view)
        self.averages_panel = Panel("Average picture", self.averages_view)
        self.averages_panel.set_detail("of each scored generation")
        self.activation_panel = Panel("Response", self.activation_view)
        pictures = QWidget()
        row = QHBoxLayout(pictures)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3 * theme.GAP_PX)
        row.addWidget(self.best_view, 1)
        row.addWidget(self.estimate_view, 1)
        left = splitter(Qt.Orientation.Vertical, (self.stimulus_panel, 50), (self.signal_panel, 50))
        centre = splitter(Qt.Orientation.Vertical, (self.population_panel, 76), (self.averages_panel, 24))
        side = splitter(
            Qt.Orientation.Vertical,
            (self.activation_panel, 46),
            (Panel("", pictures), 34),
            (Panel("", self.facts_view), 20),
        )
        return splitter(Qt.Orientation.Horizontal, (left, 30), (centre, 40), (side, 30))

    def _stimulus_content(self) -> QWidget:
        self._stack = QStackedWidget()
        self._stack.addWidget(self.pane)
        self._stack.addWidget(self.mirror)
        self.pause_button = _button("Pause (P)", self._toggle_pause)
        self.stop_button = _button("Stop (S)", lambda: self._press(Qt.Key.Key_S))
        self.apart_button = _button("Full screen (F)", self._toggle_apart)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GAP_PX)
        for button in (self.pause_button, self.stop_button, self.apart_button):
            buttons.addWidget(button, 1)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._stack, 1)
        layout.addLayout(buttons)
        return content

    def _connect(self) -> None:
        super()._connect()
        bridge, stimulator = self.bridge, self.stimulator
        bridge.quiet = lambda: stimulator.soon
        bridge.picture_to_show.connect(stimulator.show)
        bridge.blanked.connect(stimulator.blank)
        bridge.rating_wanted.connect(stimulator.ask_rating)
        bridge.evolution_polled.connect(self._on_evolution)
        stimulator.shown.connect(bridge.picture_shown)
        stimulator.shown.connect(self._on_shown)
        stimulator.blanked.connect(self.mirror.clear)
        stimulator.rated.connect(bridge.rate)
        stimulator.stop_asked.connect(self._on_stop)
        stimulator.pause_asked.connect(self._toggle_pause)
        stimulator.full_screen_asked.connect(self._toggle_apart)

    def _keys(self) -> Keys:
        hold: Keys = (("H", self.toggle_frozen),) if self._has_signal else ()
        return (*hold, *super()._keys())

    # ------------------------------------------------------------------ what the engine tells
    def _on_shown(self, event: ShowPicture, at_s: float) -> None:
        if self._apart is not None:
            self.mirror.show_image(event.picture.image)

    def _on_evolution(self, snapshot: EvolutionSnapshot) -> None:
        number = f"{snapshot.generation + 1} of {snapshot.n_generations}"
        unit = f" in {snapshot.unit}" if snapshot.unit else ""
        self.population_panel.set_detail(f"{number} · responses{unit} · ★ best")
        self.population_view.show_members(snapshot.members)
        self.averages_view.show_averages(snapshot.averages)
        self.activation_panel.set_detail(f"{snapshot.response} · mean and 95 %")
        self.activation_panel.set_badge(SHAM if snapshot.sham == "on" else "")
        self.activation_view.show_curves(snapshot.curves, snapshot.unit)
        if snapshot.best is not None:
            self.best_view.show_image(snapshot.best.image, response_text(snapshot.best.score))
        if snapshot.estimate is not None:
            self.estimate_view.show_image(snapshot.estimate)
        self.facts_view.show_facts(snapshot.counts, snapshot.onsets, self.stimulator.n_held)

    def _on_status(self, status: Status) -> None:
        self.status_view.show_status(status)
        (self.signal_panel if self._has_signal else self.stimulus_panel).set_badge(status.watermark)

    def _on_finished(self, event: Finished) -> None:
        self.stimulator.halt()
        for button in (self.pause_button, self.stop_button):
            button.setEnabled(False)
        if self._apart is not None and self._apart.screen() is self.screen():
            self._close_apart()  # it lies over what the experimenter wants to see now
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

    def _on_stop(self) -> None:
        """The screen is grey already."""
        if not self._last_word:
            self.bridge.halt()

    def _toggle_pause(self) -> None:
        if self._last_word or self.stimulator.halted:
            return
        self._paused = not self._paused
        if self._paused:
            self.stimulator.blank()
        self.bridge.set_paused(self._paused)
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
        self.bridge.set_refresh(surface.refresh_hz)
        self.stimulus_panel.set_detail(f"{surface.how} · {surface.refresh_hz:.0f} Hz")

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
