"""The streams of the network in a table that keeps its selection while it changes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from bci_app.engine.stream_list import StreamRow
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import plain_tooltip

COLUMNS = ("", "Name", "Type", "Channels", "Hz", "Unit", "Host", "source_id")
_LONGEST = 120
_WIDEST_PX = 260
_NUMBERS = (3, 4)
CHOSEN, MARKERS, GONE = "● signal", "◆ markers", "gone"

RowKey = tuple[str, str, str]


class StreamTable(QTableWidget):
    """One row per stream; what is chosen and what has gone is said in the first column.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    picked = Signal(object)
    """The `StreamRow` that Enter or a double click was given to."""

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__(0, len(COLUMNS))
        self._colours = colours
        self._rows: tuple[StreamRow, ...] = ()
        self.setHorizontalHeaderLabels(COLUMNS)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        header.setMaximumSectionSize(_WIDEST_PX)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Streams on the network")
        self.cellDoubleClicked.connect(lambda row, column: self.picked.emit(self._rows[row]))

    @property
    def selected(self) -> StreamRow | None:
        """The stream under the cursor."""
        row = self.currentRow()
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def cells(self) -> tuple[tuple[str, ...], ...]:
        """What is written, row by row."""
        return tuple(_cells(row, self._mark(row)) for row in self._rows)

    def show_rows(self, rows: Sequence[StreamRow], signal: StreamRow | None, markers: str | None) -> None:
        """Write the table anew.

        Parameters
        ----------
        rows : sequence of StreamRow
            In the order of the table.
        signal : StreamRow or None
            The stream that is chosen.
        markers : str or None
            Name of the marker stream that is chosen.
        """
        before = self.selected
        self._rows, self._signal, self._markers = tuple(rows), signal, markers
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate(_cells(row, self._mark(row))):
                self._write(number, column, text, row)
        keys = [row.key for row in rows]
        if before is not None and before.key in keys:
            self.setCurrentCell(keys.index(before.key), 1)
        elif rows and self.currentRow() < 0:
            self.setCurrentCell(0, 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter picks the stream under the cursor."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.selected is not None:
            self.picked.emit(self.selected)
        else:
            super().keyPressEvent(event)

    def _mark(self, row: StreamRow) -> str:
        if not row.there:
            return GONE
        if row == self._signal:
            return CHOSEN
        return MARKERS if row.description.text and row.description.name == self._markers else ""

    def _write(self, number: int, column: int, text: str, row: StreamRow) -> None:
        cell = self.item(number, column)
        if cell is None:
            cell = QTableWidgetItem()
            if column in _NUMBERS:
                cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(number, column, cell)
        cell.setText(text)
        cell.setToolTip(plain_tooltip(text))
        cell.setForeground(QBrush(QColor(self._colours.text if row.there else self._colours.muted)))


def _cells(row: StreamRow, mark: str) -> tuple[str, ...]:
    told = row.description
    rate = "text" if told.text else f"{told.sfreq:g}" if told.sfreq else "irregular"
    cells = (
        mark,
        told.name,
        told.type,
        str(told.n_channels),
        rate,
        told.unit or "–",
        told.hostname,
        told.source_id or "–",
    )
    return tuple(_printable(cell) for cell in cells)


def _printable(text: str) -> str:
    """What came over the network, as one short line."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST])
