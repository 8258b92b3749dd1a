"""A table of rows of which one is under the cursor, and which Enter or a double click picks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget

from bci_app.ui.theme import Theme

Row = TypeVar("Row")


class RowTable(QTableWidget, Generic[Row]):
    """One line per row, written by whoever makes it.

    Parameters
    ----------
    columns : sequence of str
        Their headings.
    stretched : int
        The column that takes the room that is left.
    name : str
        What it is called for those who do not see it.
    colours : Theme
        Appearance.
    """

    picked = Signal(object)
    """The row that Enter or a double click was given to."""

    def __init__(self, columns: Sequence[str], stretched: int, name: str, colours: Theme) -> None:
        super().__init__(0, len(columns))
        self._colours = colours
        self._rows: tuple[Row, ...] = ()
        self.setHorizontalHeaderLabels(columns)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(name)
        self.cellDoubleClicked.connect(lambda row, column: self.picked.emit(self._rows[row]))

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        row = self.currentRow()
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter picks the row under the cursor."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.selected is not None:
            self.picked.emit(self.selected)
        else:
            super().keyPressEvent(event)
