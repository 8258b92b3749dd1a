"""Fields of forms: a path with a button that looks for it, a choice from a list, and rows with a name before each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from bci_app.ui import theme
from bci_app.ui.views.text import PlainLabel


class PathField(QWidget):
    """A line for a path, and a button that opens a dialog for it; the dialog does not stop the window.

    Parameters
    ----------
    name : str
        What is looked for, for the title of the dialog and for screen readers.
    empty : str
        What stands in the line while it is empty.
    folder : bool
        Whether it is a folder.
    """

    changed = Signal()

    def __init__(self, name: str, empty: str, *, folder: bool = True) -> None:
        super().__init__()
        self._name, self._folder = name, folder
        self.line = QLineEdit()
        self.line.setPlaceholderText(empty)
        self.line.setAccessibleName(name)
        self.line.editingFinished.connect(self.changed)
        self.browse = QPushButton("Browse…")
        self.browse.setAccessibleName(f"Browse for {name}")
        self.browse.clicked.connect(self._open)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.browse)
        self.setFocusProxy(self.line)

    @property
    def path(self) -> Path | None:
        """What is written; None if nothing is."""
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None

    def set_path(self, path: Path | None) -> None:
        """Write a path; `changed` is not told."""
        self.line.setText("" if path is None else str(path))

    def _open(self) -> None:
        dialog = QFileDialog(self, f"Choose {self._name}", str(self.path or Path.home()))
        if self._folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._take)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _take(self, chosen: str) -> None:
        self.line.setText(chosen)
        self.changed.emit()


def choice_field(name: str, options: Sequence[tuple[str, object]], now: object = None) -> QComboBox:
    """A list of texts, each with the value that it stands for; the one whose value is `now` is chosen."""
    field = QComboBox()
    field.setAccessibleName(name)
    for text, value in options:
        field.addItem(text, value)
    values = [value for _, value in options]
    field.setCurrentIndex(values.index(now) if now in values else 0)
    return field


def form(rows: Sequence[tuple[str, QWidget]]) -> QWidget:
    """Fields below one another, each behind its name; a name with "&" gives its field a key."""
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(theme.GAP_PX * 2)
    grid.setVerticalSpacing(theme.GAP_PX)
    for number, (name, field) in enumerate(rows):
        label = PlainLabel(name)
        label.setBuddy(field)
        grid.addWidget(label, number, 0)
        grid.addWidget(field, number, 1)
    grid.setColumnStretch(1, 1)
    return made
