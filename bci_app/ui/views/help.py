"""The list of keys, over the window; it does not stop anything."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from bci_app.ui import theme
from bci_app.ui.views.status import NOT_MEDICAL
from bci_app.ui.views.text import PlainLabel

KEYS = (
    ("Space", "hold the {signal} still; decoding goes on"),
    ("Up / Down", "larger or smaller traces"),
    ("Left / Right", "shorter or longer stretch of {signal}"),
    ("F11", "full screen on or off"),
    ("F1", "this list on or off"),
    ("Esc or Ctrl+Q", "stop the session and close"),
)
ABOUT = (
    "“Read from {signal}” is made by a model: an inference, not a photograph and not a thought. "
    "The score of a trial is the share of other pictures that fit it worse than the picture shown; "
    "guessing gives 0.50. “Decoder on noise” is the same decoder given noise in place of {signal}; the band of “Shuffled "
    "pairing” holds 95 of 100 scores of its readings dealt to the pictures at random. "
    "{not_medical}, not for diagnosis."
)


EVOLUTION_KEYS = (
    ("Esc, Space or S", "stop: grey at once; Esc again closes"),
    ("P", "pause and go on"),
    ("F", "pictures full screen, or in this window"),
    ("1 to 9", "rate the picture, where a rating is asked for"),
    ("F11", "this window full screen"),
    ("F1", "this list on or off"),
    ("Ctrl+Q", "stop and close"),
)
EVOLUTION_SIGNAL_KEYS = (
    ("H", "hold the {signal} still; the evolution goes on"),
    ("Up / Down", "larger or smaller traces"),
    ("Left / Right", "shorter or longer stretch of {signal}"),
)
EVOLUTION_ABOUT = (
    "Pictures are made by a generator; those with high responses have offspring. Natural pictures and pictures of the "
    "generator's prior, which nobody selected, are shown among them: the evolution has found something if evolved pictures "
    "drive the response higher than both, beyond the intervals. Keys work on the participant's screen as well. "
    "{not_medical}, not for diagnosis."
)


TEXT_ABOUT = (
    "“Read from {signal}” is made by a model: an inference, not a transcript of what somebody reads. Each word follows from the "
    "{signal} and the words generated before it; the model never sees the sentence. The same model fed noise shows what it "
    "writes without any {signal}. Fluent text proves nothing: what counts is whether it fits the sentence shown better than "
    "other sentences with as many words (matched minus shuffled; guessing gives 0). {not_medical}, not for diagnosis."
)


class HelpOverlay(QFrame):
    """A framed list over the middle of its parent; hidden at first.

    Parameters
    ----------
    parent : QWidget
        What it lies over.
    signal : str
        What is read, such as ``"EEG"``.
    keys : sequence of (str, str)
        Keys and what they do.
    about : str
        What one should know besides.
    """

    def __init__(
        self, parent: QWidget, signal: str = "EEG", keys: Sequence[tuple[str, str]] = KEYS, about: str = ABOUT
    ) -> None:
        super().__init__(parent)
        self.setObjectName("help")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(28, 22, 28, 22)
        layout.setSpacing(14)
        layout.addWidget(PlainLabel("Keys", points=theme.TITLE_PT + 2, bold=True))
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(6)
        for row, (key, meaning) in enumerate(keys):
            grid.addWidget(PlainLabel(key, bold=True), row, 0, Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(PlainLabel(meaning.format(signal=signal)), row, 1)
        grid.setColumnStretch(1, 1)
        layout.addLayout(grid)
        words = about.format(signal=signal, not_medical=NOT_MEDICAL)
        layout.addWidget(PlainLabel(words, points=theme.SMALL_PT, muted=True, wrap=True))
        self.hide()

    def toggle(self) -> None:
        """Show over the middle of the parent, or hide."""
        self.setVisible(self.isHidden())
        self.place()

    def place(self) -> None:
        """Move to the middle of the parent."""
        parent = self.parentWidget()
        if parent is None or self.isHidden():
            return
        width = min(620, parent.width() - 40)
        self.setFixedWidth(width)
        height = max(self.heightForWidth(width), self.sizeHint().height())
        self.resize(width, height)
        self.move((parent.width() - width) // 2, max(20, (parent.height() - height) // 2))
        self.raise_()
