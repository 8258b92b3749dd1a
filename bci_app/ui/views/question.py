"""A question in the page itself, with its answers as buttons: nothing waits for it, and nothing is hidden behind it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.status import Sign
from bci_app.ui.views.text import PlainLabel

Answers = tuple[tuple[str, Callable[[], object]], ...]


class Question(QFrame):
    """Hidden until something is asked; an answer hides it again.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.setProperty("tone", "warn")
        sign = Sign(colours)
        sign.set_level("warn")
        self._text = PlainLabel("", points=theme.BODY_PT, wrap=True)
        self._row = QHBoxLayout()
        words = QVBoxLayout()
        words.addWidget(self._text)
        words.addLayout(self._row)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 7, 14, 7)
        layout.setSpacing(10)
        layout.addWidget(sign)
        layout.addLayout(words, 1)
        self._buttons: list[QPushButton] = []
        self.hide()

    @property
    def text(self) -> str:
        """What is asked; empty while nothing is."""
        return "" if self.isHidden() else self._text.text()

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        """One for each answer."""
        return tuple(self._buttons)

    def ask(self, text: str, answers: Answers) -> None:
        """Ask in plain words; each answer is a label and what it does. The same question is not asked anew."""
        if text == self.text and [label for label, _ in answers] == [button.text() for button in self._buttons]:
            return
        self.clear()
        self._text.setText(text)
        for label, action in answers:
            button = QPushButton(label)
            button.clicked.connect(lambda checked=False, action=action: self._answer(action))
            self._row.addWidget(button)
            self._buttons.append(button)
        self._row.addStretch(1)
        self.show()

    def clear(self) -> None:
        """Ask nothing."""
        self.hide()
        while (item := self._row.takeAt(0)) is not None:
            widget: QWidget | None = item.widget()
            if widget is not None:
                widget.deleteLater()
        self._buttons = []

    def _answer(self, action: Callable[[], object]) -> None:
        self.clear()
        action()
