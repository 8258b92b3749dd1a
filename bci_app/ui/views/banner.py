"""A line across the top that says what went wrong, in plain words.

It lies over the line of hints instead of pushing the panels down: a banner that moved the layout would change the size of
the picture that a participant is looking at.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.status import Sign
from bci_app.ui.views.text import PlainLabel

Tone = Literal["warn", "info"]


class Banner(QFrame):
    """Hidden until there is something to say.

    Parameters
    ----------
    colours : Theme
        Appearance.
    over : QWidget, optional
        What it covers while it is shown; it takes that widget's parent.
    """

    def __init__(self, colours: Theme = theme.DARK, over: QWidget | None = None) -> None:
        super().__init__(None if over is None else over.parentWidget())
        self._over = over
        self.setObjectName("banner")
        self._sign = Sign(colours)
        self._text = PlainLabel("", points=theme.TITLE_PT, bold=True, wrap=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 7, 14, 7)
        layout.setSpacing(10)
        layout.addWidget(self._sign)
        layout.addWidget(self._text, 1)
        self.hide()

    @property
    def text(self) -> str:
        """The message, or an empty text while hidden."""
        return "" if self.isHidden() else self._text.text()

    def show_message(self, text: str, tone: Tone = "warn") -> None:
        """Show a message, plain text, until the next one or `clear`."""
        self._text.setText(text)
        self._sign.set_level("warn" if tone == "warn" else "note")
        self.setProperty("tone", tone)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()
        self.place()

    def place(self) -> None:
        """Cover what it lies over, as high as the message needs; call it when that has moved."""
        if self._over is None or self.isHidden():
            return
        line = self._over.geometry()
        self.setGeometry(line.x(), line.y(), line.width(), max(line.height(), self.heightForWidth(line.width())))
        self.raise_()

    def clear(self) -> None:
        """Hide the line."""
        self._text.setText("")
        self.hide()
