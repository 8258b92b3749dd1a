"""Fields of forms: a path with a button that looks for it, a choice from a list, rows with names; and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from bci_app.ui import theme
from bci_app.ui.views.text import PlainLabel

_FEWEST_LETTERS = 12


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


class Beside(QWidget):
    """Two fields on one line, the second behind its own name.

    Parameters
    ----------
    first : QWidget
        The field that the row is named after.
    name : str
        Of the second field; with "&" it gives it a key.
    second : QWidget
        The other one.
    """

    def __init__(self, first: QWidget, name: str, second: QWidget) -> None:
        super().__init__()
        self.first, self.name, self.second = first, name, second
        for field in (first, second):
            if isinstance(field, QComboBox):  # its longest text asks for no room: two of them would not fit
                field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                field.setMinimumContentsLength(_FEWEST_LETTERS)
        label = PlainLabel(name)
        label.setBuddy(second)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_PX * 2)
        layout.addWidget(first, 1)
        layout.addWidget(label)
        layout.addWidget(second, 1)
        self.setFocusProxy(first)


def named_fields(rows: Sequence[tuple[str, QWidget]]) -> dict[str, QWidget]:
    """The fields of a form by their names, without the marks of keys."""
    found: dict[str, QWidget] = {}
    for name, field in rows:
        pairs = [(name, field.first), (field.name, field.second)] if isinstance(field, Beside) else [(name, field)]
        found |= {each.replace("&", ""): widget for each, widget in pairs}
    return found


class TallScroll(QScrollArea):
    """As tall as its content where there is room, and scrolled where there is not: no field is ever squeezed.

    Parameters
    ----------
    content : QWidget
        What it shows; it becomes its owner.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        content.setObjectName("scrolled")
        self._content = content
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("QScrollArea, #scrolled { background: transparent; }")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def sizeHint(self) -> QSize:
        """Of the content, at the width that there is."""
        return QSize(self._content.sizeHint().width(), self._height())

    def minimumSizeHint(self) -> QSize:
        """As wide as the content needs, with its bar beside it; as low as a few lines."""
        width = self._content.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        return QSize(width, 4 * self.fontMetrics().lineSpacing())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width may need another height."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._content.setMinimumHeight(self._height())
            self.updateGeometry()

    def _height(self) -> int:
        hint = self._content.sizeHint().height()
        return self._content.heightForWidth(self.viewport().width()) if self._content.hasHeightForWidth() else hint


def field_text(field: QWidget) -> str:
    """What stands in a field of a form, as a text that `set_field_text` takes back."""
    if isinstance(field, (QSpinBox, QDoubleSpinBox)):
        return str(field.value())
    if isinstance(field, QComboBox):
        return str(field.currentData())
    if isinstance(field, QAbstractButton):
        return str(field.isChecked())
    line = field.line if isinstance(field, PathField) else field
    return line.text() if isinstance(line, QLineEdit) else ""


def set_field_text(field: QWidget, text: str) -> bool:
    """Write a text of `field_text` into a field; False, and nothing changes, if it does not fit there (any more)."""
    if isinstance(field, (QSpinBox, QDoubleSpinBox)):
        return _set_number(field, text)
    if isinstance(field, QComboBox):
        texts = [str(field.itemData(index)) for index in range(field.count())]
        field.setCurrentIndex(texts.index(text) if text in texts else field.currentIndex())
        return text in texts
    if isinstance(field, QAbstractButton):
        field.setChecked(text == "True" if text in ("True", "False") else field.isChecked())
        return text in ("True", "False")
    line = field.line if isinstance(field, PathField) else field
    fits = isinstance(line, QLineEdit) and text.isprintable()
    if fits and isinstance(line, QLineEdit):
        line.setText(text)
    return fits


def _set_number(field: QSpinBox | QDoubleSpinBox, text: str) -> bool:
    try:
        number = int(text) if isinstance(field, QSpinBox) else float(text)
    except ValueError:
        return False
    if not field.minimum() <= number <= field.maximum():
        return False
    field.setValue(number)  # type: ignore[arg-type]
    return True
