"""The streams of the network in a table that keeps its selection while it changes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QTableWidgetItem

from bci_app.engine.stream_list import StreamRow
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.row_table import RowTable
from bci_app.ui.views.text import plain_tooltip

COLUMNS = ("", "Name", "Type", "Host", "Hz", "Channels", "Unit", "source_id")
_LONGEST = 120
_WIDEST_PX = 200
_NUMBERS = (4, 5)
CHOSEN, MARKERS, GONE = "● signal", "◆ markers", "gone"

RowKey = tuple[str, str, str]


class StreamTable(RowTable[StreamRow]):
    """One row per stream; what is chosen and what has gone is said in the first column.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__(COLUMNS, len(COLUMNS) - 1, "Streams on the network", colours)
        self._led_to: RowKey | None = None
        self.horizontalHeader().setMaximumSectionSize(_WIDEST_PX)
        self.setWordWrap(False)  # a long name is cut in its last word, not before it

    def cells(self) -> tuple[tuple[str, ...], ...]:
        """What is written, row by row."""
        return tuple(_cells(row, self._mark(row)) for row in self._rows)

    def show_rows(self, rows: Sequence[StreamRow], signal: StreamRow | None, markers: str | None) -> None:
        """Write the table anew; the cursor stays on its stream, but goes once to one that was chosen elsewhere.

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
        newly = signal.key if signal is not None and signal.key != self._led_to else None
        wanted = newly or (None if before is None else before.key)
        if wanted in keys:
            self.setCurrentCell(keys.index(wanted), 1)
        elif rows and self.currentRow() < 0:
            self.setCurrentCell(0, 1)
        self._led_to = newly or self._led_to

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
    rate = "text" if told.text else f"{told.sfreq:g}" if told.sfreq else "none"
    cells = (
        mark,
        told.name,
        told.type,
        told.hostname,
        rate,
        str(told.n_channels),
        told.unit or "–",
        told.source_id or "–",
    )
    return tuple(_printable(cell) for cell in cells)


def _printable(text: str) -> str:
    """What came over the network, as one short line."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST])
