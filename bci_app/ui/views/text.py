"""Labels that show text exactly as it came.

Stream names and error messages come from the network and from files: they may hold angle brackets, quotes or
control characters, so nothing here is ever read as rich text.
"""

from __future__ import annotations

import html

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from bci_app.ui import theme


class PlainLabel(QLabel):
    """A label whose text is never read as HTML.

    Parameters
    ----------
    text : str
        First text.
    points : int
        Font size in points.
    bold, muted, wrap : bool
        Weight, quieter colour, line wrapping.
    parent : QWidget, optional
        Owner.
    """

    def __init__(
        self,
        text: str = "",
        *,
        points: int = theme.BODY_PT,
        bold: bool = False,
        muted: bool = False,
        wrap: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(points, bold=bold))
        self.setWordWrap(wrap)
        if muted:
            self.setProperty("role", "muted")
        self.setText(text)


class ElidedLabel(PlainLabel):
    """A one-line label that ends in an ellipsis where room is short; the tooltip holds the whole text."""

    def __init__(self, text: str = "", *, points: int = theme.BODY_PT, bold: bool = False, muted: bool = False) -> None:
        super().__init__(text, points=points, bold=bold, muted=muted)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        """Show a text; line breaks and control characters become spaces."""
        clean = "".join(letter if letter.isprintable() else " " for letter in text)
        if clean != self.text():
            super().setText(clean)
            self.setToolTip(plain_tooltip(clean))

    def minimumSizeHint(self) -> QSize:
        """Room for a few letters: the rest is elided."""
        return QSize(self.fontMetrics().horizontalAdvance("MMM"), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much of the text as fits."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), shown)
        painter.end()


def plain_tooltip(text: str) -> str:
    """Tooltip that shows `text` letter by letter: Qt would read a tag in a bare tooltip as HTML."""
    return f"<qt>{html.escape(text)}</qt>"
