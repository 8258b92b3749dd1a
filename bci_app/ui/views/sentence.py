"""The sentence on the reader's screen, and the last one that was read, beside what the same model makes of noise."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from bci_app.engine.events import SentenceNotRead, SentenceRead, SentenceShown, WordRead, WordShown
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import PlainLabel, plain_tooltip

SIZES_PT = (19, 15, 12, theme.SMALL_PT)
"""Of the letters: the largest in which a text has room."""
WAITING = "Waiting for a sentence"
UNTOLD = "not told by the markers"
NOISE = "The same model, fed noise instead of {signal}"
_KEPT = 64
"""Sentences whose shown words are remembered until they are read."""


class SentenceView(QWidget):
    """Four texts one above the other: on screen now; then of the last sentence: shown, read, and made of noise.

    The sentence that is read is the one before that on screen, so the two never share a line.

    Parameters
    ----------
    colours : Theme
        Appearance.
    signal : str
        What is read.
    """

    def __init__(self, colours: Theme = theme.DARK, *, signal: str = "EEG") -> None:
        super().__init__()
        self._told: dict[int, str] = {}
        self._words: dict[int, list[str]] = {}
        self._number = -1
        self.now = _Block("On the reader's screen", colours.muted, colours.muted, WAITING)
        self.shown = _Block("Shown", colours.muted, colours.text, "–")
        self.read = _Block(f"Read from {signal}", colours.decoder, colours.text, "–", bold=True)
        self.noise = _Block(NOISE.format(signal=signal), colours.noise_twin, colours.muted, "–")
        note = PlainLabel(
            f"Model output: an inference from {signal}, not a transcript of thought",
            points=theme.SMALL_PT,
            muted=True,
            wrap=True,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        for block in (self.now, self.shown, self.read, self.noise):
            layout.addWidget(block, 1)
        layout.addWidget(note)
        self._warn = colours.warn

    @property
    def texts(self) -> dict[str, str]:
        """What is written: ``now``, ``shown``, ``read``, ``noise``."""
        return {name: getattr(self, name).text for name in ("now", "shown", "read", "noise")}

    def show_begun(self, event: SentenceShown) -> None:
        """Another sentence appears on the reader's screen: whole, if the one before had no marks of words."""
        whole = self._words.get(event.number - 1) == []
        self._told[event.number], self._words[event.number] = event.text, []
        for number in list(self._words)[:-_KEPT]:
            del self._told[number], self._words[number]
        self.now.write((event.text if whole else "") or "…", f"sentence {event.number + 1}")

    def show_word(self, event: WordShown) -> None:
        """A word of it appears."""
        if event.number in self._words:
            self._words[event.number].append(event.word)
            self.now.write(self._shown(event.number), f"sentence {event.number + 1}")

    def show_word_read(self, event: WordRead) -> None:
        """A word more of a sentence was read."""
        self._turn_to(event.number)
        self.read.write(event.text, f"sentence {event.number + 1} · reading")

    def show_read(self, event: SentenceRead) -> None:
        """A sentence was read; with its noise twin, if that is there."""
        self._turn_to(event.number)
        if event.shown:
            self.shown.write(event.shown, self.shown.detail)
        known = " · in the model's training: proves nothing" if event.known else ""
        self.read.write(event.read or "(no word)", f"sentence {event.number + 1}{known}")
        self.noise.write("…" if event.noise is None else event.noise or "(no word)", "")

    def show_not_read(self, event: SentenceNotRead) -> None:
        """A sentence could not be read."""
        self._turn_to(event.number)
        self.read.write(f"Not read: {event.reason}", f"sentence {event.number + 1}", self._warn)
        self.noise.write("–", "")

    def _turn_to(self, number: int) -> None:
        if number == self._number:
            return
        self._number = number
        told = self._told.get(number, "")
        self.shown.write(told if " " in told else self._shown(number), f"sentence {number + 1}")
        self.read.write("…", f"sentence {number + 1}")
        self.noise.write("…", "")

    def _shown(self, number: int) -> str:
        """The words so far; of words without names, what the marker of the sentence told, or their number."""
        words = self._words.get(number, [])
        n_words, text = len(words), " ".join(filter(None, words)) or self._told.get(number, "")
        return text or (f"{n_words} word{'s' if n_words != 1 else ''}, {UNTOLD}" if n_words else "…")


class _Block(QWidget):
    """A small title with a quiet remark, and a text below, as large as fits."""

    def __init__(self, title: str, title_colour: str, colour: str, text: str, *, bold: bool = False) -> None:
        super().__init__()
        self._name, self._colour, self._bold = title, colour, bold
        self.text = self.detail = ""
        self._title = PlainLabel(title, points=theme.SMALL_PT, bold=True, wrap=True)
        self._title.setStyleSheet(f"color: {title_colour};")
        self._label = PlainLabel("", points=SIZES_PT[0], bold=bold, wrap=True)
        self._label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._label.setMinimumHeight(2 * self._label.fontMetrics().height())  # so that nothing moves when words come
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._title)
        layout.addWidget(self._label, 1)
        self.write(text, "")

    def write(self, text: str, detail: str, colour: str | None = None) -> None:
        """The text, a remark beside the title, and another colour than the usual."""
        self.text, self.detail = text, detail
        self._title.setText(f"{self._name} · {detail}" if detail else self._name)
        self._label.setStyleSheet(f"color: {colour or self._colour};")
        self._label.setToolTip(plain_tooltip(text))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Choose the size of the letters anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """The largest letters in which all of the text has room; of a text that has none, as much as there is."""
        for points in SIZES_PT:
            font = theme.font(points, bold=self._bold)
            if self._has_room(self.text, font):
                break
        kept = shown = self.text
        while len(kept) > 1 and not self._has_room(shown, font):
            kept = kept.rpartition(" ")[0] or kept[: len(kept) * 9 // 10]  # a word less, or of one word some letters
            shown = f"{kept} …"
        self._label.setFont(font)
        self._label.setText(shown)

    def _has_room(self, text: str, font: QFont) -> bool:
        room = self._label.contentsRect()
        needed = QFontMetrics(font).boundingRect(room, int(Qt.TextFlag.TextWordWrap), text)
        return needed.height() <= room.height() and needed.width() <= room.width()
