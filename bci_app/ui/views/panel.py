"""A framed area with a title, in which one view sits."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from bci_app.ui import theme
from bci_app.ui.views.text import ElidedLabel, PlainLabel


class Panel(QFrame):
    """A titled frame round a view.

    Parameters
    ----------
    title : str
        What the panel holds; an empty text leaves the title line out.
    content : QWidget
        The view; the panel becomes its owner.
    """

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._title = PlainLabel(title, points=theme.TITLE_PT, bold=True)
        self._detail = ElidedLabel("", points=theme.SMALL_PT, muted=True)
        self._detail.setAlignment(Qt.AlignmentFlag.AlignRight)
        header = QHBoxLayout()
        header.setSpacing(theme.GAP_PX)
        header.addWidget(self._title)
        header.addWidget(self._detail, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.setSpacing(6)
        self._badge = PlainLabel("", points=theme.SMALL_PT, bold=True, wrap=True)
        self._badge.setObjectName("badge")
        self._badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._badge.hide()
        layout.addLayout(header)
        layout.addWidget(self._badge)
        for label in (self._title, self._detail):
            label.setVisible(bool(title))
        layout.addWidget(content, 1)

    @property
    def detail(self) -> str:
        """The quiet text at the right of the title."""
        return self._detail.text()

    @property
    def badge(self) -> str:
        """The mark across the panel, or an empty text."""
        return "" if self._badge.isHidden() else self._badge.text()

    def set_badge(self, text: str) -> None:
        """Mark the panel across its width, e.g. ``REPLAY``; an empty text takes the mark away."""
        self._badge.setText(text)
        self._badge.setVisible(bool(text))

    def set_detail(self, text: str) -> None:
        """Write the quiet text at the right of the title."""
        self._detail.setText(text)
