"""A line across the top that says what went wrong, in plain words."""

from __future__ import annotations

from typing import Literal

from PySide6.QtWidgets import QFrame, QHBoxLayout

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
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
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

    def clear(self) -> None:
        """Hide the line."""
        self._text.setText("")
        self.hide()
