"""Sentences word by word on the participant's screen, each word with a marker that says when it was out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter

from bci_app.engine.events import ShowPicture
from bci_app.engine.sentence_list import SPEC, Pace
from bci_app.pictures.picture import MID_GREY, Picture, make_picture
from bci_app.ui import theme
from bci_app.ui.stimulator import Stimulator

SIDE, LETTERS_PX = 512, 56
"""Pixels of a word's picture, and of its letters, which are smaller in a word that has no room."""
_INK = QColor("#101010")
_LOOK_MS = 100
WAITING = "Sentences begin when their markers are recorded or read. Esc ends."
PAUSED = "Pause. P goes on, Esc ends."


class Markers(Protocol):
    """An outlet of markers, such as `bci_app.streams.markers.MarkerOutlet`."""

    @property
    def has_consumers(self) -> bool:
        """Whether somebody listens."""

    def push(self, text: str, time_s: float) -> None:
        """Send a marker for what happened at `time_s` LSL seconds."""


class SentenceShow(QObject):
    """From the first sentence to the last, once somebody hears the markers; GUI thread.

    A pause (P) begins when the sentence is over; the stop keys end at once, and a sentence that was broken off gets no stop.

    Parameters
    ----------
    sentences : sequence of str
        In the order in which they are shown.
    pace : Pace
        When words are due.
    stimulator : Stimulator
        Paints them.
    markers : Markers
        Where markers are sent.
    clock : callable
        The stimulator's, in LSL seconds.
    parent : QObject, optional
        Owner.

    Attributes
    ----------
    n_shown : int
        Sentences shown whole.
    """

    finished = Signal()

    def __init__(
        self,
        sentences: Sequence[str],
        pace: Pace,
        stimulator: Stimulator,
        markers: Markers,
        clock: Callable[[], float],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.n_shown = 0
        self._sentences, self._pace, self._stimulator = sentences, pace, stimulator
        self._markers, self._clock = markers, clock
        self._words: list[str] = []
        self._n_words = 0
        self._paused = False
        self._next: Callable[[], None] = self._await_listener
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(lambda: self._next())
        stimulator.shown.connect(self._on_shown)
        stimulator.stop_asked.connect(self.end)
        stimulator.pause_asked.connect(self._toggle_pause)

    def begin(self) -> None:
        """Wait for somebody who listens, then show the first sentence."""
        self._stimulator.say(WAITING)
        self._after(0.0, self._await_listener)

    def end(self) -> None:
        """Show nothing more; may be called twice."""
        self._timer.stop()
        self.finished.emit()

    def _await_listener(self) -> None:
        if self._markers.has_consumers:
            self._stimulator.blank()
            self._after(self._pace.pause_s, self._begin_sentence)
        else:
            self._after(_LOOK_MS / 1000, self._await_listener)

    def _begin_sentence(self) -> None:
        if self.n_shown == len(self._sentences):
            self.end()
        elif self._paused:
            self._stimulator.say(PAUSED)
        else:
            sentence, now_s = self._sentences[self.n_shown], self._clock()
            self._words, self._n_words = sentence.split(), 0
            self._markers.push(SPEC.start_label(sentence), now_s)
            self._show_word(now_s + self._pace.lead_s)

    def _show_word(self, due_s: float) -> None:
        self._stimulator.show(ShowPicture(self._n_words, word_picture(self._words[self._n_words]), due_s))

    def _on_shown(self, event: ShowPicture, at_s: float) -> None:
        self._markers.push(SPEC.word_label(self._words[event.trial]), at_s)
        self._n_words = event.trial + 1
        due_s = at_s + self._pace.soa_s
        if self._n_words < len(self._words):
            self._show_word(due_s)
        else:
            self._after(due_s - self._clock(), self._end_sentence)

    def _end_sentence(self) -> None:
        self._stimulator.blank()
        self._markers.push(SPEC.stop, self._clock())
        self.n_shown += 1
        self._after(self._pace.pause_s, self._begin_sentence)

    def _toggle_pause(self) -> None:
        self._paused = not self._paused
        if not self._paused and not self._timer.isActive() and self._n_words == len(self._words):
            self._stimulator.blank()
            self._after(self._pace.pause_s, self._begin_sentence)

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        self._next = then
        self._timer.start(max(0, math.ceil(1000 * seconds)))


def word_picture(word: str) -> Picture:
    """A word in the middle of a square of grey, all in letters of one size but for one that has no room."""
    image = QImage(SIDE, SIDE, QImage.Format.Format_RGB888)
    image.fill(QColor(MID_GREY, MID_GREY, MID_GREY))
    font = theme.font(theme.BODY_PT)
    font.setPixelSize(LETTERS_PX)
    width = QFontMetricsF(font).horizontalAdvance(word)
    if width > SIDE:
        font.setPixelSize(max(1, int(LETTERS_PX * SIDE / width)))
    painter = QPainter(image)
    painter.setFont(font)
    painter.setPen(_INK)
    painter.drawText(QRectF(0, 0, SIDE, SIDE), int(Qt.AlignmentFlag.AlignCenter), word)
    painter.end()
    pixels: NDArray[np.uint8] = np.frombuffer(image.constBits(), np.uint8).reshape(SIDE, image.bytesPerLine())
    return make_picture(pixels[:, : 3 * SIDE].reshape(SIDE, SIDE, 3), "word", word.replace("/", "|"))
