"""A line across the top that says what went wrong, in plain words.

It lies over the line of hints instead of pushing the panels down: a banner that moved the layout would change the size of
the picture that a participant is looking at. A long message grows upwards, over what is told there of stream and models,
so that no field, button or picture below is ever covered.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.status import Sign
from bci_app.ui.views.text import PlainLabel, plain_tooltip

Tone = Literal["warn", "info"]
_CLICK = "A click takes this away."
_BELOW_PX = theme.GAP_PX - 2
"""What it takes of the gap below the line."""


class Banner(QFrame):
    """Hidden until there is something to say; a click takes it away.

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
        self._text = PlainLabel("", wrap=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 4, 14, 4)
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
        self.setToolTip(plain_tooltip(f"{text} {_CLICK}"))
        self._sign.set_level("warn" if tone == "warn" else "note")
        self.setProperty("tone", tone)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()
        self.place()

    def place(self) -> None:
        """Cover what it lies over, and as much above as the message needs; call it when that has moved."""
        if self._over is None or self.isHidden():
            return
        line = self._over.geometry()
        height = max(line.height(), self.heightForWidth(line.width()))
        bottom = line.y() + line.height() + (_BELOW_PX if height > line.height() else 0)
        top = max(bottom - height, 0)  # what is longer still is read in the tooltip
        self.setGeometry(line.x(), top, line.width(), bottom - top)
        self.raise_()

    def clear(self) -> None:
        """Hide the line."""
        self._text.setText("")
        self.hide()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """It was read."""
        self.clear()
