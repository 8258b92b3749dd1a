"""The window of an evolution: what the participant sees, the population, its averages, and whether it drives the response."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from bci_app.engine.evolution_views import EvolutionSnapshot, response_text
from bci_app.engine.views import SignalWords, Status
from bci_app.pictures.flash import FlashGuard
from bci_app.ui import theme
from bci_app.ui.evolution_bridge import EvolutionBridge, EvolutionSession
from bci_app.ui.session_window import Keys, splitter
from bci_app.ui.showing_window import ShowingWindow
from bci_app.ui.stimulus_window import OpenGLView
from bci_app.ui.theme import Theme
from bci_app.ui.views.activation import ActivationView
from bci_app.ui.views.averages import AveragesView
from bci_app.ui.views.facts import FactsView
from bci_app.ui.views.help import EVOLUTION_ABOUT, EVOLUTION_KEYS, EVOLUTION_SIGNAL_KEYS, HelpOverlay
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.picture import PictureView
from bci_app.ui.views.population import PopulationView
from bci_app.ui.views.stimulus import StimulusView

HINT = "Esc, Space or S stops at once · P pauses · F shows pictures full screen · F1 lists the keys"
SHAM = "SHAM: scores are dealt at random"


class EvolutionWindow(ShowingWindow):
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
        settings = session.plan.settings
        super().__init__(
            session.title,
            self.bridge,
            session.signal or SignalWords(),
            settings.stimulus,
            session.clock,
            None if settings.limits.allow_flashing else FlashGuard(),
            colours=colours,
            close_when_finished=close_when_finished,
            screenshot=screenshot,
        )
        self._has_signal = session.signal is not None
        self.population_view = PopulationView(colours)
        self.averages_view = AveragesView(colours)
        self.activation_view = ActivationView(colours)
        self.best_view = PictureView("Best", "Highest single response", "None yet")
        self.estimate_view = PictureView("Estimate", "What all responses point to", "None yet")
        self.facts_view = FactsView(colours)
        self.setWindowTitle(f"{session.title} – evolving pictures")
        keys = (*EVOLUTION_KEYS, *(EVOLUTION_SIGNAL_KEYS if self._has_signal else ()))
        self._build(HINT, HelpOverlay(self, self._words.name, keys, EVOLUTION_ABOUT))

    # ------------------------------------------------------------------ building
    def _panels(self) -> QWidget:
        self.stimulus_panel = Panel("Pictures shown", self._stimulus_content())
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
        self.signal_panel.setVisible(self._has_signal)  # without a parent it would be a window that takes the keys
        centre = splitter(Qt.Orientation.Vertical, (self.population_panel, 76), (self.averages_panel, 24))
        side = splitter(
            Qt.Orientation.Vertical,
            (self.activation_panel, 46),
            (Panel("", pictures), 34),
            (Panel("", self.facts_view), 20),
        )
        return splitter(Qt.Orientation.Horizontal, (left, 30), (centre, 38), (side, 32))

    def _connect(self) -> None:
        super()._connect()
        bridge, stimulator = self.bridge, self.stimulator
        bridge.rating_wanted.connect(stimulator.ask_rating)
        bridge.evolution_polled.connect(self._on_evolution)
        stimulator.rated.connect(bridge.rate)

    def _keys(self) -> Keys:
        hold: Keys = (("H", self.toggle_frozen),) if self._has_signal else ()
        return (*hold, *super()._keys())

    # ------------------------------------------------------------------ what the engine tells
    def _on_evolution(self, snapshot: EvolutionSnapshot) -> None:
        number = f"{snapshot.generation + 1} of {snapshot.n_generations}"
        unit = f" {snapshot.unit}" if snapshot.unit else ""
        self.population_panel.set_detail(" · ".join(filter(None, (number, snapshot.unit, "★ best"))))
        self.population_view.show_members(snapshot.members)
        self.averages_view.show_averages(snapshot.averages)
        self.activation_panel.set_detail(f"{snapshot.response} · mean, 95 %")
        self.activation_panel.set_badge(SHAM if snapshot.sham == "on" else "")
        self.activation_view.show_curves(snapshot.curves, snapshot.unit)
        if snapshot.best is not None:
            self.best_view.show_image(snapshot.best.image, response_text(snapshot.best.score) + unit)
        if snapshot.estimate is not None:
            self.estimate_view.show_image(snapshot.estimate)
        self.facts_view.show_facts(snapshot.counts, snapshot.onsets, self.stimulator.n_held)

    def _on_status(self, status: Status) -> None:
        self.status_view.show_status(status)
        (self.signal_panel if self._has_signal else self.stimulus_panel).set_badge(status.watermark)
        self._tell_fallback(status)

    def _lies_over_results(self, apart: OpenGLView | StimulusView) -> bool:
        """Over what the experimenter wants to see now."""
        return apart.screen() is self.screen()

    # ------------------------------------------------------------------ what the person asks
    def _on_stop(self) -> None:
        if not self._last_word:
            self.bridge.halt()

    def _tell_paused(self, paused: bool) -> None:
        self.bridge.set_paused(paused)

    def _tell_refresh(self, hz: float) -> None:
        self.bridge.set_refresh(hz)
