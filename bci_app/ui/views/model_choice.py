"""The models to go on with, chosen in a panel over the window; the session goes on meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from bci_app.engine.swap import Found
from bci_app.ui import theme
from bci_app.ui.views.text import ElidedLabel, PlainLabel

EXPLAINED = (
    "A decoder that reads the same channels at the same rate through the same filters takes over between two windows; no sample "
    "is lost. Scores and latencies begin anew with it."
)
LOOKING, NONE_FOUND = "Looking for decoders ...", "None was found near the one in use; give its folder below."
OPENING = "Opening and verifying; the models in use go on reading ..."
_OWN_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ModelChoice(QFrame):
    """A framed form over the middle of its parent; hidden at first.

    Parameters
    ----------
    parent : QWidget
        What it lies over.
    """

    asked = Signal(object, object)
    """(decoder, generator): folders; None for the generator in use."""
    put_away = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("help")
        self._now = ElidedLabel("", points=theme.BODY_PT)
        self.found = _List()
        self.found.setFont(theme.font(theme.BODY_PT))
        self.found.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.decoder = QLineEdit(placeholderText="Folder of a decoder bundle")
        self.generator = QLineEdit(placeholderText="Folder of its generator; empty for the one in use")
        self.use = QPushButton("Use (Enter)")
        self.away = QPushButton("Put away (Esc)")
        self._message = PlainLabel("", wrap=True)
        self._lay_out()
        self.found.currentItemChanged.connect(self._on_current)
        self.found.itemActivated.connect(lambda item: self._ask())
        self.decoder.returnPressed.connect(self._ask)
        self.generator.returnPressed.connect(self._ask)
        self.use.clicked.connect(self._ask)
        self.away.clicked.connect(self.put_away)
        self.hide()

    @property
    def message(self) -> str:
        """What is said below the form."""
        return self._message.text()

    def open_with(self, now: str) -> None:
        """Show the form over the middle of the parent; `now` names the models in use."""
        self._now.setText(f"In use: {now}")
        self._message.setText(LOOKING)
        self.found.clear()
        self._set_waiting(False)
        self.show()
        self.place()
        self.found.setFocus()

    def show_found(self, found: Sequence[Found]) -> None:
        """List decoders that can be chosen."""
        self.found.clear()
        for each in found:
            item = QListWidgetItem(f"{each.name} · {each.folder.parent.name}/{each.folder.name}\n{each.figure}")
            item.setData(Qt.ItemDataRole.UserRole, str(each.folder))
            self.found.addItem(item)
        self._message.setText("" if found else NONE_FOUND)
        (self.found if found else self.decoder).setFocus()

    def say(self, message: str) -> None:
        """Why nothing was exchanged; another choice can be made."""
        self._message.setText(message)
        self._set_waiting(False)

    def place(self) -> None:
        """Move to the middle of the parent."""
        parent = self.parentWidget()
        if parent is None or self.isHidden():
            return
        width = min(760, parent.width() - 40)
        self.setFixedWidth(width)
        self.resize(width, min(max(self.heightForWidth(width), self.sizeHint().height()), parent.height() - 40))
        self.move((parent.width() - width) // 2, max(20, (parent.height() - self.height()) // 2))
        self.raise_()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.away)
        buttons.addWidget(self.use)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(28, 22, 28, 22)
        layout.setSpacing(10)
        layout.addWidget(PlainLabel("Exchange the models", points=theme.TITLE_PT + 2, bold=True))
        layout.addWidget(self._now)
        layout.addWidget(PlainLabel(EXPLAINED, points=theme.SMALL_PT, muted=True, wrap=True))
        for widget in (self.found, self.decoder, self.generator, self._message):
            layout.addWidget(widget)
        layout.addLayout(buttons)

    def _on_current(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.decoder.setText(item.data(Qt.ItemDataRole.UserRole))

    def _ask(self) -> None:
        decoder, generator = self.decoder.text().strip(), self.generator.text().strip()
        if not decoder:
            self._message.setText("A decoder is needed: choose one of the list, or give the folder of its bundle.")
            return
        if not self.use.isEnabled():
            return
        self._message.setText(OPENING)
        self._set_waiting(True)
        self.asked.emit(Path(decoder).expanduser(), Path(generator).expanduser() if generator else None)

    def _set_waiting(self, waiting: bool) -> None:
        self.use.setEnabled(not waiting)


class _List(QListWidget):
    """A list that keeps the arrows to itself: the window has another use for them."""

    def event(self, event: QEvent) -> bool:
        """Claim the keys before the window's shortcuts do."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _OWN_KEYS:
            event.accept()
            return True
        return super().event(event)
