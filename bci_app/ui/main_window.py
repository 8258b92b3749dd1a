"""The window of a live reading: pictures in the middle, the signal at the left, evidence and timing at the right."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from bci_app.engine.events import ShowPicture, TrialRead
from bci_app.engine.views import Reconstruction
from bci_app.ui import theme
from bci_app.ui.bridge import Bridge, Session
from bci_app.ui.session_window import Keys, SessionWindow, splitter
from bci_app.ui.theme import Theme
from bci_app.ui.views.help import HelpOverlay
from bci_app.ui.views.history import HistoryView
from bci_app.ui.views.identification import IdentificationView
from bci_app.ui.views.latency import LatencyView
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.picture import PictureView

HINT = "F1 lists the keys · Space holds the {signal} still · Esc ends the session"
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
    """

    def __init__(
        self,
        session: Session,
        *,
        colours: Theme = theme.DARK,
        close_when_finished: bool = False,
        screenshot: Path | None = None,
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
        self._shows_pictures = session.shows_pictures
        note = "On screen now; grey between pictures"
        self.shown_view = PictureView("Shown", note, "No picture yet")
        self.read_view = PictureView(f"Read from {words.name}", INFERENCE.format(signal=words.name), "Nothing read yet")
        self.history_view = HistoryView(colours)
        self.identification_view = IdentificationView(colours, possible=session.shows_pictures, signal=words.name)
        self.latency_view = LatencyView(colours)
        self.setWindowTitle(f"{session.title} – live decoder")
        self._build(HINT.format(signal=words.name), HelpOverlay(self, words.name))

    def _panels(self) -> QWidget:
        pictures = QWidget()
        row = QHBoxLayout(pictures)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.GAP_PX)
        row.addWidget(self.shown_view, 1)
        row.addWidget(self.read_view, 1)
        self.shown_view.setVisible(self._shows_pictures)
        self.history_panel = Panel("Last trials", self.history_view)
        self.history_panel.set_detail("score of a trial: guessing gives 0.50 on average")
        self.history_panel.setVisible(self._shows_pictures)
        self.latency_panel = Panel("Latency, ms", self.latency_view)
        self.latency_panel.set_detail("sample in hand to picture")
        self.identification_panel = Panel("Identification", self.identification_view)
        self.identification_panel.set_detail("pairs of pictures told apart")
        centre = splitter(Qt.Orientation.Vertical, (Panel("", pictures), 64), (self.history_panel, 36))
        rows, widths = ((60, 40), (22, 53, 25)) if self._shows_pictures else ((25, 75), (33, 42, 25))
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
        bridge.latencies_polled.connect(self.latency_view.show_latencies)
        self.shown_view.painted.connect(bridge.picture_shown)

    def _keys(self) -> Keys:
        return (("Space", self.toggle_frozen), *super()._keys())

    def _on_picture(self, event: ShowPicture) -> None:
        self.shown_view.show_now(event.picture.image, event, _trial_name(event.trial))

    def _on_trial(self, event: TrialRead) -> None:
        self.history_view.add(event.trial + 1, event.picture.image, event.image, event.identified)

    def _on_reconstruction(self, reconstruction: Reconstruction) -> None:
        n_held = self.bridge.guard.n_held
        trial = "" if reconstruction.trial is None else _trial_name(reconstruction.trial)
        held = f"{n_held} held back, flashing" if n_held else ""
        self.read_view.show_image(reconstruction.image, " · ".join(filter(None, (held, trial))))


def _trial_name(trial: int) -> str:
    """The engine counts trials from 0, people from 1."""
    return f"Trial {trial + 1}"
