"""What the windows of all sessions share: header, banner, keys, the view of the signal, and a clean end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QMainWindow, QSplitter, QVBoxLayout, QWidget

from bci_app.engine.events import Finished, Problem, Progress, StreamChanged
from bci_app.engine.snapshot import shown_rows
from bci_app.engine.views import SignalSnapshot, SignalWords, Status
from bci_app.ui import theme
from bci_app.ui.bridge import SessionBridge
from bci_app.ui.theme import Theme
from bci_app.ui.views.banner import Banner, Tone
from bci_app.ui.views.help import HelpOverlay
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.signal import SignalView
from bci_app.ui.views.status import StatusView
from bci_app.ui.views.text import PlainLabel

logger = logging.getLogger(__name__)

PROBLEM_MS = 15_000
"""How long a problem that did not end the session stays written."""
LINGER_MS = 400
"""How long the last picture stays before a window that closes by itself goes."""

_ONCE = ("Esc", "Ctrl+Q", "F1", "F11", "M")
"""Keys that a finger which rests on them presses once."""
_WHOLE = ("Ctrl+Q", "F11")
"""Keys that belong to the whole window when a session lives inside another one."""

Keys = tuple[tuple[str, Callable[[], None]], ...]


class SessionWindow(QMainWindow):
    """Shows one session from its start to its end.

    A window of one kind lays out its panels in `_panels` and calls `_build` at the end of its own beginning.

    Parameters
    ----------
    title : str
        Name of the session.
    bridge : SessionBridge
        To the session, which has not started yet: `begin` starts it and closing the window stops it.
    words : SignalWords
        What the signal is called.
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
        title: str,
        bridge: SessionBridge,
        words: SignalWords,
        *,
        colours: Theme,
        close_when_finished: bool,
        screenshot: Path | None,
    ) -> None:
        super().__init__()
        self._bridge = bridge
        bridge.setParent(self)
        self._words = words
        self._colours = colours
        self._close_when_finished = close_when_finished
        self._screenshot = screenshot
        self._stream_message: tuple[str, Tone] | None = None
        self._last_word = False
        self._fallback_told = False
        self._wanted_in_front: bool | None = None
        self.failed = False
        self.status_view = StatusView(colours, title=title)
        self.signal_view = SignalView(colours, words=words)
        self.signal_panel = Panel(words.title, self.signal_view)

    @property
    def session_bridge(self) -> SessionBridge:
        """What carries facts from the session."""
        return self._bridge

    def begin(self) -> None:
        """Start the session."""
        self._bridge.span_s = self.signal_view.span_s
        self._bridge.start()

    def embed(self) -> None:
        """Live inside another window, from before it is shown: it takes the room that it is given, and leaves to the other
        to stop the session, which may take a second.
        """
        self._bridge.stops_session = False
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setMinimumSize(0, 0)
        self.status_view.leave_names()
        self.hint.setFixedHeight(theme.GAP_PX * 3)
        self._layout.setContentsMargins(0, 0, 0, 0)
        for shortcut in self.findChildren(QShortcut):
            if shortcut.key().toString() in _WHOLE:
                shortcut.setEnabled(False)

    # ------------------------------------------------------------------ building
    def _panels(self) -> QWidget:
        """The body of the window below header and hints."""
        raise NotImplementedError

    def _keys(self) -> Keys:
        """Keys and what they do."""
        return (
            ("Up", lambda: self._change_scale(True)),
            ("Down", lambda: self._change_scale(False)),
            ("Right", lambda: self._change_span(True)),
            ("Left", lambda: self._change_span(False)),
            ("F11", self.toggle_full_screen),
            ("F1", self.help.toggle),
            ("Esc", self._escape),
            ("Ctrl+Q", self._quit),
        )

    def _build(self, hint: str, help_overlay: HelpOverlay) -> None:
        """Lay everything out and connect it."""
        self.hint = PlainLabel(hint, points=theme.SMALL_PT, muted=True)
        self.hint.setFixedHeight(theme.GAP_PX * 4)
        body = QWidget()
        body.setObjectName("body")
        self._layout = layout = QVBoxLayout(body)
        layout.setContentsMargins(theme.GAP_PX, theme.GAP_PX, theme.GAP_PX, theme.GAP_PX)
        layout.setSpacing(theme.GAP_PX)
        layout.addWidget(self.status_view)
        layout.addWidget(self.hint)
        layout.addWidget(self._panels(), 1)
        self.setCentralWidget(body)
        self._describe_signal()
        self.banner = Banner(self._colours, self.hint)
        self.help = help_overlay
        self._problem_timer = QTimer(self, interval=PROBLEM_MS, singleShot=True)
        self._problem_timer.timeout.connect(self._show_stream_message)
        self._connect()
        for key, action in self._keys():
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setAutoRepeat(key not in _ONCE)
            shortcut.activated.connect(action)
        self.resize(1600, 900)
        self.setMinimumSize(1100, 640)

    def _connect(self) -> None:
        bridge = self._bridge
        bridge.stream_changed.connect(self._on_stream)
        bridge.problem.connect(self._on_problem)
        bridge.progressed.connect(self._on_progress)
        bridge.finished.connect(self._on_finished)
        bridge.signal_polled.connect(self._on_signal)
        bridge.status_polled.connect(self._on_status)

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

    def _on_progress(self, event: Progress) -> None:
        self.status_view.show_progress(event.done, event.total, event.text)

    def _on_status(self, status: Status) -> None:
        self.status_view.show_status(status)
        self.signal_panel.set_badge(status.watermark)
        self._tell_fallback(status)

    def _tell_fallback(self, status: Status) -> None:
        """Say once, and not in a chip alone, that models run elsewhere than was asked for."""
        if not status.device_ok and not self._fallback_told:
            self._fallback_told = True
            self._on_problem(Problem(f"{status.device}. The session goes on there.", False))

    def _on_problem(self, event: Problem) -> None:
        if self._last_word:
            return
        self.banner.show_message(event.message)
        if event.fatal:
            self.failed = self._last_word = True
        else:
            self._problem_timer.start()

    def _on_finished(self, event: Finished) -> None:
        self._bridge.poll_all()
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
        """Hold the signal still, or let it run; the session goes on either way."""
        frozen = not self.signal_view.frozen
        self.signal_view.set_frozen(frozen)
        self._bridge.signal_wanted = not frozen
        self._describe_signal()

    def toggle_full_screen(self) -> None:
        """Full screen on or off."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _change_scale(self, larger: bool) -> None:
        self.signal_view.change_scale(larger)
        self._describe_signal()

    def _change_span(self, longer: bool) -> None:
        self._bridge.span_s = self.signal_view.change_span(longer)
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
            self._bridge.signal_wanted = not self.isMinimized() and not self.signal_view.frozen

    def hideEvent(self, event: QHideEvent) -> None:
        """Do not fetch what is painted on a page behind another one."""
        super().hideEvent(event)
        self._bridge.in_front = event.spontaneous()
        if not event.spontaneous() and self._wanted_in_front is None:
            self._wanted_in_front, self._bridge.signal_wanted = self._bridge.signal_wanted, False

    def showEvent(self, event: QShowEvent) -> None:
        """Fetch it again, but for traces that are held still."""
        super().showEvent(event)
        self._bridge.in_front = True
        if self._wanted_in_front is not None:
            self._bridge.signal_wanted, self._wanted_in_front = self._wanted_in_front, None

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save the screenshot, leave the screen, stop the session."""
        if self._screenshot is not None:
            self._save(self._screenshot)
            self._screenshot = None
        self.hide()
        self.release()
        event.accept()
        self.closed.emit()

    def release(self) -> None:
        """Stop the session and let go of whatever lives beside the window; may be called twice."""
        self._problem_timer.stop()
        self._bridge.close()

    def _save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self.grab().save(str(path)):
            self.failed = True
            logger.error("A screenshot at %s was asked for; Qt could not write it. Choose a .png name.", path)


def splitter(direction: Qt.Orientation, *parts: tuple[QWidget, int]) -> QSplitter:
    """Widgets side by side, each with its share of the room, and the lines between them movable."""
    made = QSplitter(direction)
    made.setChildrenCollapsible(False)
    made.setHandleWidth(theme.GAP_PX)
    for index, (widget, share) in enumerate(parts):
        made.addWidget(widget)
        made.setStretchFactor(index, share)
    made.setSizes([share * 100 for _, share in parts])
    return made
