"""The bridge of a session that reads sentences: words out, the time of the first one back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from bci_app.engine.events import Event, SentenceNotRead, SentenceRead, SentenceShown, WordRead, WordShown
from bci_app.engine.text_views import OwnTest, SessionScores
from bci_app.engine.views import LatencyRow, SignalWords
from bci_app.ui.bridge import AnySession, SessionBridge


class TextSession(AnySession, Protocol):
    """What the window of such a session needs besides; all of it may be called from the GUI thread."""

    signal: SignalWords
    tested: OwnTest

    def scores(self) -> SessionScores:
        """What the session comes to so far."""

    def latencies(self) -> tuple[LatencyRow, ...]:
        """How long each step takes."""

    def handed_to_qt(self, word: WordRead, at_s: float) -> None:
        """A word was given to Qt at a time of the session's clock."""


class TextBridge(SessionBridge):
    """The bridge of a session that reads sentences.

    Parameters
    ----------
    session : TextSession
        Not started yet.
    parent : QObject, optional
        Owner.
    """

    sentence_shown = Signal(object)
    word_shown = Signal(object)
    word_read = Signal(object)
    sentence_read = Signal(object)
    sentence_not_read = Signal(object)
    scores_polled = Signal(object)
    latencies_polled = Signal(object)

    def __init__(self, session: TextSession, parent: QObject | None = None) -> None:
        super().__init__(session, parent)
        self._session = session

    def _slow_polls(self) -> Mapping[int, Callable[[], None]]:
        return {
            **super()._slow_polls(),
            3: lambda: self.scores_polled.emit(self._session.scores()),
            5: lambda: self.latencies_polled.emit(self._session.latencies()),
        }

    def _dispatch(self, event: Event) -> None:
        if self._closed:
            return
        match event:
            case SentenceShown():
                self.sentence_shown.emit(event)
            case WordShown():
                self.word_shown.emit(event)
            case WordRead():
                self.word_read.emit(event)  # a direct connection: the view has it when this returns
                self._session.handed_to_qt(event, self._session.clock())
            case SentenceRead():
                self.sentence_read.emit(event)
            case SentenceNotRead():
                self.sentence_not_read.emit(event)
        super()._dispatch(event)
