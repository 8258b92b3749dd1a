"""The sessions of a folder of runs in a table that keeps its selection when it is written anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QTableWidgetItem

from bci_app.engine.sessions import SessionEntry
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.row_table import RowTable
from bci_app.ui.views.text import plain_tooltip

COLUMNS = ("Began", "What", "Participant", "How it ended", "Size")
KINDS = {
    "pictures": "pictures read",
    "text": "sentences read",
    "evolution": "pictures evolved",
    "signal": "signal recorded",
    "calibration": "calibration",
    "decoder": "decoder made",
}
_ENDED, _SIZE = 3, 4


class SessionTable(RowTable[SessionEntry]):
    """One row per session, the newest first; how it ended is said in words.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__(COLUMNS, _ENDED, "Sessions", colours)

    def select(self, folder: Path) -> None:
        """Put the cursor on the session in `folder`, if it is there."""
        for row, entry in enumerate(self._rows):
            if entry.folder == folder:
                self.setCurrentCell(row, 0)

    def cells(self) -> tuple[tuple[str, ...], ...]:
        """What is written, row by row."""
        return tuple(map(_cells, self._rows))

    def show_entries(self, entries: Sequence[SessionEntry]) -> None:
        """Write the table anew; the cursor stays on its session, or where that was."""
        before, row = self.selected, self.currentRow()
        self._rows = tuple(entries)
        self.setRowCount(len(entries))
        for number, entry in enumerate(entries):
            for column, text in enumerate(_cells(entry)):
                self._write(number, column, text, entry)
        if entries:
            self.setCurrentCell(min(max(row, 0), len(entries) - 1), 0)
        if before is not None:
            self.select(before.folder)

    def _write(self, number: int, column: int, text: str, entry: SessionEntry) -> None:
        cell = QTableWidgetItem(text)
        if column == _SIZE:
            cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        colours = {"complete": self._colours.text, "running": self._colours.text}
        colour = colours.get(entry.state, self._colours.warn) if column == _ENDED else self._colours.text
        cell.setForeground(QBrush(QColor(colour)))
        cell.setToolTip(plain_tooltip(f"{entry.folder.name}, {entry.title}: {entry.ended}"))
        self.setItem(number, column, cell)


def _cells(entry: SessionEntry) -> tuple[str, ...]:
    what = KINDS.get(entry.kind, entry.kind)
    marked = f"{what}, {entry.watermark.lower().removesuffix(' participant')}" if entry.watermark else what
    cells = (
        _local(entry.began),
        marked,
        entry.participant or "–",
        f"{entry.state}: {entry.ended}",
        _size(entry.n_bytes),
    )
    return tuple("".join(letter if letter.isprintable() else " " for letter in cell) for cell in cells)


def _local(began: str) -> str:
    """A time in UTC by the clock on the wall here; a dash if there is none."""
    try:
        return datetime.fromisoformat(began).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return "–"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:,.1f} kB"
