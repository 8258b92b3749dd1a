"""All data of one participant: asked for whole, or deleted whole once the code was typed again."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from bci_app.ui import theme
from bci_app.ui.views.text import PlainLabel


class ParticipantData(QWidget):
    """Whose data it is about, and what can be done with all of them."""

    export_wanted = Signal()
    delete_wanted = Signal(str)
    """The code, as it was typed once more."""

    def __init__(self) -> None:
        super().__init__()
        self.code = PlainLabel("", wrap=True)
        self.take_all = QPushButton("&Export all")
        self.delete_all = QPushButton("Delete a&ll …")
        self.typed = QLineEdit()
        self.typed.setFixedWidth(260)
        self.typed.setAccessibleName("The participant's code, typed once more")
        self.typed.setPlaceholderText("type the code once more")
        self.confirm = QPushButton("Delete for good")
        self.keep = QPushButton("Keep")
        self._lay_out()
        self.take_all.clicked.connect(self.export_wanted)
        self.delete_all.clicked.connect(lambda: self.ask(True))
        self.keep.clicked.connect(lambda: self.ask(False))
        self.confirm.clicked.connect(self._confirm)
        self.typed.returnPressed.connect(self._confirm)
        QShortcut(
            QKeySequence("Escape"), self.typed, lambda: self.ask(False), context=Qt.ShortcutContext.WidgetShortcut
        )
        self.ask(False)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP_PX)
        for widget in (self.take_all, self.delete_all, self.typed, self.confirm, self.keep):
            row.addWidget(widget)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.code)
        column.addLayout(row)

    def show_code(self, code: str, free: bool) -> None:
        """Whose data it is about, empty for nobody's, and whether something can be done now; a question is taken away."""
        self.code.setText(
            f"Participant {code}: every session, and every decoder made of them, in this folder."
            if code
            else "Put the cursor on a session that has a participant's code."
        )
        for button in (self.take_all, self.delete_all):
            button.setEnabled(bool(code) and free)
        self.ask(False)

    def ask(self, asked: bool) -> None:
        """Show the line in which the code is typed once more, or hide it; Escape hides it as well."""
        self.typed.clear()
        for widget in (self.typed, self.confirm, self.keep):
            widget.setVisible(asked)
        if asked:
            self.typed.setFocus()

    def _confirm(self) -> None:
        self.delete_wanted.emit(self.typed.text().strip())
