"""The window: pictures in the middle, the signal at the left, evidence and timing at the right."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QSplitter, QVBoxLayout, QWidget

from bci_app.engine.events import Finished, Problem, Progress, ShowPicture, StreamChanged, TrialRead
from bci_app.engine.snapshot import shown_rows
from bci_app.engine.views import Reconstruction, SignalSnapshot, Status
from bci_app.ui import theme
from bci_app.ui.bridge import Bridge, Session
from bci_app.ui.theme import Theme
from bci_app.ui.views.banner import Banner, Tone
from bci_app.ui.views.help import HelpOverlay
from bci_app.ui.views.history import HistoryView
from bci_app.ui.views.identification import IdentificationView
from bci_app.ui.views.latency import LatencyView
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.picture import PictureView
from bci_app.ui.views.signal import SignalView
from bci_app.ui.views.status import StatusView
from bci_app.ui.views.text import PlainLabel

logger = logging.getLogger(__name__)

HINT = "F1 lists the keys · Space holds the {signal} still · Esc ends the session"
INFERENCE = "Model output: an inference from {signal}, not a photograph"
PROBLEM_MS = 15_000
"""How long a problem that did not end the session stays written."""
LINGER_MS = 400
"""How long the last picture stays before a window that closes by itself goes."""


class MainWindow(QMainWindow):
    """Shows one session from its start to its end.

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

    closed = Signal()

    def __init__(
        self,
        session: Session,
        *,
        colours: Theme = theme.DARK,
        close_when_finished: bool = False,
        screenshot: Path | None = None,
    ) -> None:
        super().__init__()
        self._shows_pictures = session.shows_pictures
        self._close_when_finished = close_when_finished
        self._screenshot = screenshot
        self._stream_message: tuple[str, Tone] | None = None
        self._last_word = False
        self.failed = False
        self.bridge = Bridge(session, self)
        self.status_view = StatusView(colours, title=session.title)
        words = self._words = session.signal
        self.signal_view = SignalView(colours, words=words)
        note = "On screen now; grey between pictures"
        self.shown_view = PictureView("Shown", note, "No picture yet")
        self.read_view = PictureView(f"Read from {words.name}", INFERENCE.format(signal=words.name), "Nothing read yet")
        self.history_view = HistoryView(colours)
        self.identification_view = IdentificationView(colours, possible=session.shows_pictures, signal=words.name)
        self.latency_view = LatencyView(colours)
        self.setWindowTitle(f"{session.title} – live decoder")
        self._lay_out()
        self.banner = Banner(colours, self.hint)
        self.help = HelpOverlay(self, words.name)
        self._problem_timer = QTimer(self, interval=PROBLEM_MS, singleShot=True)
        self._problem_timer.timeout.connect(self._show_stream_message)
        self._connect()
        self._bind_keys()
        self.resize(1600, 900)
        self.setMinimumSize(1100, 640)

    def begin(self) -> None:
        """Start the session."""
        self.bridge.span_s = self.signal_view.span_s
        self.bridge.start()

    def _lay_out(self) -> None:
        self.signal_panel = Panel(self._words.title, self.signal_view)
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
        centre = _splitter(Qt.Orientation.Vertical, (Panel("", pictures), 64), (self.history_panel, 36))
        rows, widths = ((60, 40), (22, 53, 25)) if self._shows_pictures else ((25, 75), (33, 42, 25))
        side = _splitter(Qt.Orientation.Vertical, (self.identification_panel, rows[0]), (self.latency_panel, rows[1]))
        columns = _splitter(
            Qt.Orientation.Horizontal, (self.signal_panel, widths[0]), (centre, widths[1]), (side, widths[2])
        )
        body = QWidget()
        body.setObjectName("body")
        layout = QVBoxLayout(body)
        layout.setContentsMargins(theme.GAP_PX, theme.GAP_PX, theme.GAP_PX, theme.GAP_PX)
        layout.setSpacing(theme.GAP_PX)
        layout.addWidget(self.status_view)
        self.hint = PlainLabel(HINT.format(signal=self._words.name), points=theme.SMALL_PT, muted=True)
        self.hint.setFixedHeight(theme.GAP_PX * 4)
        layout.addWidget(self.hint)
        layout.addWidget(columns, 1)
        self.setCentralWidget(body)
        self._describe_signal()

    def _connect(self) -> None:
        bridge = self.bridge
        bridge.stream_changed.connect(self._on_stream)
        bridge.picture_to_show.connect(self._on_picture)
        bridge.blanked.connect(self.shown_view.clear)
        bridge.trial_read.connect(self._on_trial)
        bridge.problem.connect(self._on_problem)
        bridge.progressed.connect(self._on_progress)
        bridge.finished.connect(self._on_finished)
        bridge.reconstructed.connect(self._on_reconstruction)
        bridge.signal_polled.connect(self._on_signal)
        bridge.identification_polled.connect(self.identification_view.show_identification)
        bridge.latencies_polled.connect(self.latency_view.show_latencies)
        bridge.status_polled.connect(self._on_status)
        self.shown_view.painted.connect(bridge.picture_shown)

    def _bind_keys(self) -> None:
        keys: tuple[tuple[str, Callable[[], None]], ...] = (
            ("Space", self.toggle_frozen),
            ("Up", lambda: self._change_scale(True)),
            ("Down", lambda: self._change_scale(False)),
            ("Right", lambda: self._change_span(True)),
            ("Left", lambda: self._change_span(False)),
            ("F11", self.toggle_full_screen),
            ("F1", self.help.toggle),
            ("Esc", self._escape),
            ("Ctrl+Q", self._quit),
        )
        for key, action in keys:
            QShortcut(QKeySequence(key), self).activated.connect(action)

    # ------------------------------------------------------------------ what the engine tells
    def _on_stream(self, event: StreamChanged) -> None:
        tones: dict[str, Tone] = {"stale": "warn", "lost": "warn", "searching": "info"}
        tone = tones.get(event.state)
        self._stream_message = None if tone is None else (event.message, tone)
        self._problem_timer.stop()
        self._show_stream_message()

    def _show_stream_message(self) -> None:
        """The banner without a passing problem: the stream's trouble, or nothing."""
        if self._last_word:
            return
        if self._stream_message is None:
            self.banner.clear()
        else:
            self.banner.show_message(*self._stream_message)

    def _on_signal(self, snapshot: SignalSnapshot | None) -> None:
        before = self.signal_view.scale
        self.signal_view.show_snapshot(snapshot)
        if self.signal_view.scale != before:
            self._describe_signal()

    def _on_picture(self, event: ShowPicture) -> None:
        self.shown_view.show_now(event.picture.image, event, _trial_name(event.trial))

    def _on_trial(self, event: TrialRead) -> None:
        self.history_view.add(event.trial + 1, event.picture.image, event.image, event.identified)

    def _on_reconstruction(self, reconstruction: Reconstruction) -> None:
        detail = "" if reconstruction.trial is None else _trial_name(reconstruction.trial)
        self.read_view.show_image(reconstruction.image, detail)

    def _on_progress(self, event: Progress) -> None:
        self.status_view.show_progress(event.done, event.total, event.text)

    def _on_status(self, status: Status) -> None:
        self.status_view.show_status(status)
        self.signal_panel.set_badge(status.watermark)

    def _on_problem(self, event: Problem) -> None:
        if self._last_word:
            return
        self.banner.show_message(event.message)
        if event.fatal:
            self.failed = self._last_word = True
        else:
            self._problem_timer.start()

    def _on_finished(self, event: Finished) -> None:
        self.bridge.poll_all()
        if event.fatal and not self.failed:
            self.banner.show_message(event.reason)
        elif not self.failed:
            self.banner.show_message(f"{event.reason} Press Esc to close.", "info")
        self.failed = self.failed or event.fatal
        self._last_word = True
        if self._close_when_finished:
            QTimer.singleShot(LINGER_MS, self, self.close)

    # ------------------------------------------------------------------ what the person asks
    def toggle_frozen(self) -> None:
        """Hold the signal still, or let it run; decoding goes on either way."""
        frozen = not self.signal_view.frozen
        self.signal_view.set_frozen(frozen)
        self.bridge.signal_wanted = not frozen
        self._describe_signal()

    def toggle_full_screen(self) -> None:
        """Full screen on or off."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _change_scale(self, larger: bool) -> None:
        self.signal_view.change_scale(larger)
        self._describe_signal()

    def _change_span(self, longer: bool) -> None:
        self.bridge.span_s = self.signal_view.change_span(longer)
        self._describe_signal()

    def _describe_signal(self) -> None:
        held = "held still, " if self.signal_view.frozen else ""
        n_shown, n_all = len(shown_rows(self._words.n_channels)), self._words.n_channels
        part = f"{n_shown} of {n_all:,} {self._words.channels}, " if n_shown < n_all else ""
        self.signal_panel.set_detail(f"{held}{part}{self.signal_view.scale_text} per row")

    def _escape(self) -> None:
        if self.help.isVisible():
            self.help.toggle()
        else:
            self._quit()

    def _quit(self) -> None:
        self.close()

    # ------------------------------------------------------------------ Qt
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the list of keys in the middle and the banner over the header."""
        super().resizeEvent(event)
        self.help.place()
        QTimer.singleShot(0, self.banner.place)  # after the layout has moved the header

    def changeEvent(self, event: QEvent) -> None:
        """Do not fetch traces that nobody can see."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self.bridge.signal_wanted = not self.isMinimized() and not self.signal_view.frozen

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save the screenshot, leave the screen, stop the session."""
        if self._screenshot is not None:
            self._save(self._screenshot)
            self._screenshot = None
        self.hide()
        self._problem_timer.stop()
        self.bridge.close()
        event.accept()
        self.closed.emit()

    def _save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self.grab().save(str(path)):
            self.failed = True
            logger.error("A screenshot at %s was asked for; Qt could not write it. Choose a .png name.", path)


def _trial_name(trial: int) -> str:
    """The engine counts trials from 0, people from 1."""
    return f"Trial {trial + 1}"


def _splitter(direction: Qt.Orientation, *parts: tuple[QWidget, int]) -> QSplitter:
    splitter = QSplitter(direction)
    splitter.setChildrenCollapsible(False)
    splitter.setHandleWidth(theme.GAP_PX)
    for index, (widget, share) in enumerate(parts):
        splitter.addWidget(widget)
        splitter.setStretchFactor(index, share)
    splitter.setSizes([share * 100 for _, share in parts])
    return splitter
