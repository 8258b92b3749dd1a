"""The window of a session that reads sentences: the signal at the left, texts in the middle, evidence and timing at the right."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy, QWidget

from bci_app.engine.events import SentenceRead
from bci_app.ui import theme
from bci_app.ui.session_window import Keys, SessionWindow, splitter
from bci_app.ui.text_bridge import TextBridge, TextSession
from bci_app.ui.theme import Theme
from bci_app.ui.views.fields import TallScroll
from bci_app.ui.views.help import KEYS, TEXT_ABOUT, HelpOverlay
from bci_app.ui.views.latency import LatencyView
from bci_app.ui.views.panel import Panel
from bci_app.ui.views.sentence import SentenceView
from bci_app.ui.views.sentences import SentencesView
from bci_app.ui.views.text_evidence import TextEvidenceView

HINT = "F1 lists the keys · Space holds the {signal} still · Esc ends the session"


class TextWindow(SessionWindow):
    """Shows one session that reads sentences from its start to its end.

    Parameters
    ----------
    session : TextSession
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
        session: TextSession,
        *,
        colours: Theme = theme.DARK,
        close_when_finished: bool = False,
        screenshot: Path | None = None,
    ) -> None:
        self.bridge = TextBridge(session)
        words = session.signal
        super().__init__(
            session.title,
            self.bridge,
            words,
            colours=colours,
            close_when_finished=close_when_finished,
            screenshot=screenshot,
        )
        self.sentence_view = SentenceView(colours, signal=words.name)
        self.sentences_view = SentencesView(colours, signal=words.name)
        self.evidence_view = TextEvidenceView(session.tested, colours, signal=words.name)
        self.latency_view = LatencyView(colours, budget_ms=None)
        self.setWindowTitle(f"{session.title} – reading sentences")
        self._build(HINT.format(signal=words.name), HelpOverlay(self, words.name, KEYS, TEXT_ABOUT))

    def _panels(self) -> QWidget:
        self.sentence_panel = Panel("Sentence", self.sentence_view)
        self.sentence_panel.set_detail("generated freely, word by word")
        self.sentences_panel = Panel("Last sentences", self.sentences_view)
        evidence = TallScroll(self.evidence_view)
        evidence.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.evidence_panel = Panel("Reading or guessing?", evidence)
        self.latency_panel = Panel("Latency, ms", self.latency_view)
        self.latency_panel.set_detail("from a sentence's end")
        centre = splitter(Qt.Orientation.Vertical, (self.sentence_panel, 58), (self.sentences_panel, 42))
        side = splitter(Qt.Orientation.Vertical, (self.evidence_panel, 60), (self.latency_panel, 40))
        return splitter(Qt.Orientation.Horizontal, (self.signal_panel, 24), (centre, 50), (side, 26))

    def _connect(self) -> None:
        super()._connect()
        bridge, view = self.bridge, self.sentence_view
        bridge.sentence_shown.connect(view.show_begun)
        bridge.word_shown.connect(view.show_word)
        bridge.word_read.connect(view.show_word_read)
        bridge.sentence_read.connect(self._on_read)
        bridge.sentence_not_read.connect(view.show_not_read)
        bridge.scores_polled.connect(self.evidence_view.show_scores)
        bridge.latencies_polled.connect(self.latency_view.show_latencies)

    def _keys(self) -> Keys:
        return (("Space", self.toggle_frozen), *super()._keys())

    def _on_read(self, event: SentenceRead) -> None:
        self.sentence_view.show_read(event)
        self.sentences_view.show_read(event)
