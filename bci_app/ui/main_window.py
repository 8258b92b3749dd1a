"""The window of a live reading: pictures in the middle, the signal at the left, evidence and timing at the right."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from bci_app.engine.budget import BudgetWatch
from bci_app.engine.events import ModelsChanged, ModelsRefused, ShowPicture, TrialRead
from bci_app.engine.views import LatencyRow, Reconstruction
from bci_app.pictures.flash import FlashGuard
from bci_app.ui import theme
from bci_app.ui.background import Task
from bci_app.ui.bridge import Bridge, Session
from bci_app.ui.session_window import Keys, SessionWindow, splitter
from bci_app.ui.theme import Theme
from bci_app.ui.views.help import KEYS, HelpOverlay
from bci_app.ui.views.history import HistoryView
from bci_app.ui.views.identification import IdentificationView
from bci_app.ui.views.latency import TOTAL, LatencyView
from bci_app.ui.views.model_choice import ModelChoice
from bci_app.ui.views.nearest import NearestView
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.picture import FADE_MS, PictureView

HINT = "F1 lists the keys · Space holds the {signal} still · M exchanges the models · Esc ends the session"
ROOM_FOR_NEAREST_PX = 1180
"""A narrower window keeps its room for the two large pictures."""
MODELS_KEY = ("M", "exchange the models while the session goes on")
INFERENCE = "Model output: an inference from {signal}, not a photograph"


class MainWindow(SessionWindow):
    """Shows one live reading from its start to its end.

    Parameters
    ----------
    session : Session
        Not started yet; `begin` starts it and closing the window stops it.
    colours : Theme
        Appearance.
    close_when_finished : bool
        Close shortly after the session has come to its end.
    screenshot : Path, optional
        Where to save a picture of the window just before it closes.
    fade_ms : int
        How long one reading takes to become the next.
    """

    def __init__(
        self,
        session: Session,
        *,
        colours: Theme = theme.DARK,
        close_when_finished: bool = False,
        screenshot: Path | None = None,
        fade_ms: int = FADE_MS,
    ) -> None:
        self.bridge = Bridge(session)
        words = session.signal
        super().__init__(
            session.title,
            self.bridge,
            words,
            colours=colours,
            close_when_finished=close_when_finished,
            screenshot=screenshot,
        )
        self._session = session
        self._fade_ms = fade_ms
        self._budget = BudgetWatch()
        self._looking: Task | None = None
        self._knows_pictures = session.knows_pictures
        self._guard = FlashGuard()
        note = "On screen now; grey between pictures" if session.shows_pictures else "On screen when it was recorded"
        self.shown_view = PictureView("Shown", note, "No picture yet")
        self.read_view = PictureView(f"Read from {words.name}", INFERENCE.format(signal=words.name), "Nothing read yet")
        self.nearest_view = NearestView(colours)
        self.history_view = HistoryView(colours)
        self.identification_view = IdentificationView(colours, possible=session.knows_pictures, signal=words.name)
        self.latency_view = LatencyView(colours)
        self.setWindowTitle(f"{session.title} – live decoder")
        self._build(HINT.format(signal=words.name), HelpOverlay(self, words.name, (*KEYS[:1], MODELS_KEY, *KEYS[1:])))
        self.model_choice = ModelChoice(self)
        self.model_choice.asked.connect(session.swap)
        self.model_choice.put_away.connect(self._put_models_away)

    def begin(self) -> None:
        """Start the session."""
        self._show_besides()
        super().begin()

    def _panels(self) -> QWidget:
        pictures = QWidget()
        row = QHBoxLayout(pictures)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.GAP_PX)
        row.addWidget(self.shown_view, 10)
        row.addWidget(self.read_view, 10)
        row.addWidget(self.nearest_view, 3)
        self.shown_view.setVisible(self._knows_pictures)
        self.history_panel = Panel("Last trials", self.history_view)
        self.history_panel.set_detail("score of a trial, chance 0.50")
        self.latency_panel = Panel("Latency, ms", self.latency_view)
        self.latency_panel.set_detail("last sample to picture")
        self.identification_panel = Panel("Identification", self.identification_view)
        self.identification_panel.set_detail("pairs told apart, 95 %")
        centre = splitter(Qt.Orientation.Vertical, (Panel("", pictures), 64), (self.history_panel, 36))
        self.history_panel.setVisible(self._knows_pictures)  # without a parent it would be a window that takes the keys
        rows, widths = ((60, 40), (21, 53, 26)) if self._knows_pictures else ((25, 75), (33, 42, 25))
        side = splitter(Qt.Orientation.Vertical, (self.identification_panel, rows[0]), (self.latency_panel, rows[1]))
        return splitter(
            Qt.Orientation.Horizontal, (self.signal_panel, widths[0]), (centre, widths[1]), (side, widths[2])
        )

    def _connect(self) -> None:
        super()._connect()
        bridge = self.bridge
        bridge.picture_to_show.connect(self._on_picture)
        bridge.blanked.connect(self.shown_view.clear)
        bridge.trial_read.connect(self._on_trial)
        bridge.reconstructed.connect(self._on_reconstruction)
        bridge.identification_polled.connect(self.identification_view.show_identification)
        bridge.latencies_polled.connect(self._on_latencies)
        bridge.models_changed.connect(self._on_models)
        bridge.models_refused.connect(self._on_refused)
        self.shown_view.painted.connect(bridge.picture_shown)

    def _keys(self) -> Keys:
        return (("Space", self.toggle_frozen), ("M", self.toggle_models), *super()._keys())

    # ------------------------------------------------------------------ what the engine tells

    def _on_picture(self, event: ShowPicture) -> None:
        self.shown_view.show_now(event.picture.image, event, _trial_name(event.trial))

    def _on_trial(self, event: TrialRead) -> None:
        if not self._session.shows_pictures:
            self._show_again(event)
        self.history_view.add(event.trial + 1, event.picture.image, event.image, event.identified)
        self.nearest_view.show_nearest(event.nearest)

    def _show_again(self, event: TrialRead) -> None:
        """The picture of a trial that was presented another day, unless a fast replay would flash."""
        image, now_s = event.picture.image, self._session.clock()
        if self._guard.earliest(image, now_s) <= now_s:
            self.shown_view.show_image(image, _trial_name(event.trial))
            self._guard.shown(image, now_s)

    def _on_reconstruction(self, reconstruction: Reconstruction) -> None:
        n_held = self.bridge.guard.n_held
        trial = "" if reconstruction.trial is None else _trial_name(reconstruction.trial)
        held = f"{n_held} held back, flashing" if n_held else ""
        self.read_view.fade_to(reconstruction.image, " · ".join(filter(None, (held, trial))), self._fade_ms)

    def _on_latencies(self, rows: tuple[LatencyRow, ...]) -> None:
        self.latency_view.show_latencies(rows)
        p95_ms = next((row.p95_ms for row in rows if row.step.startswith(TOTAL)), None)
        self.latency_panel.set_badge(self._budget.look(p95_ms, self._session.clock()))

    def _on_models(self, event: ModelsChanged) -> None:
        self._put_models_away()
        self._bridge.poll_all()
        self._show_besides()
        if not self._last_word:
            self.banner.show_message(
                f"Reading with {event.name} from here on. Scores and latencies begin anew.", "info"
            )
            self._problem_timer.start()

    def _on_refused(self, event: ModelsRefused) -> None:
        if self.model_choice.isVisible():
            self.model_choice.say(event.reason)
        elif not self._last_word:
            self.banner.show_message(event.reason)
            self._problem_timer.start()

    def _show_besides(self) -> None:
        self.latency_view.show_besides(self._session.algorithmic(), self.screen().refreshRate(), self._fade_ms)

    # ------------------------------------------------------------------ what the person asks
    def toggle_models(self) -> None:
        """Show the choice of models, or put it away; the session goes on either way."""
        if self.model_choice.isVisible():
            self._put_models_away()
            return
        self.model_choice.open_with(self._session.status().model)
        self._end_look()
        self._looking = Task(lambda tell: self._session.decoders(), "decoders", parent=self)
        self._looking.succeeded.connect(self.model_choice.show_found)
        self._looking.failed.connect(self.model_choice.say)
        self._looking.start()

    def _put_models_away(self) -> None:
        self.model_choice.hide()
        self.setFocus()

    def _end_look(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking.join(0.5)

    def _escape(self) -> None:
        if self.model_choice.isVisible():
            self._put_models_away()
        else:
            super()._escape()

    # ------------------------------------------------------------------ Qt
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the choice of models in the middle as well, and the pictures large."""
        super().resizeEvent(event)
        self.nearest_view.setVisible(self._knows_pictures and self.width() >= ROOM_FOR_NEAREST_PX)
        self.model_choice.place()

    def release(self) -> None:
        """Stop the session and whatever looks for models; may be called twice."""
        self._end_look()
        super().release()


def _trial_name(trial: int) -> str:
    """The engine counts trials from 0, people from 1."""
    return f"Trial {trial + 1}"
