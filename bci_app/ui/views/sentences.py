"""The last sentences in a table: shown, read, and made of noise by the same model."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from bci_app.engine.events import SentenceRead
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import plain_tooltip

MOST = 40


class SentencesView(QWidget):
    """The newest sentence on top; the oldest leaves when there are too many.

    Parameters
    ----------
    colours : Theme
        Appearance.
    signal : str
        What is read.
    """

    def __init__(self, colours: Theme = theme.DARK, *, signal: str = "EEG") -> None:
        super().__init__()
        self._colours = (colours.muted, colours.text, colours.text, colours.noise_twin)
        self._table = self._build_table(("No.", "Shown", f"Read from {signal}", "Fed noise"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)

    def cells(self) -> tuple[tuple[str, ...], ...]:
        """The written table, row by row."""
        rows, columns = range(self._table.rowCount()), range(self._table.columnCount())
        return tuple(tuple(self._text(row, column) for column in columns) for row in rows)

    def show_read(self, event: SentenceRead) -> None:
        """Add a sentence, or what is new of the newest."""
        if not self._table.rowCount() or self._text(0, 0) != str(event.number + 1):
            self._table.insertRow(0)
            self._table.setRowCount(min(self._table.rowCount(), MOST))
        noise = "…" if event.noise is None else event.noise
        texts = (str(event.number + 1), event.shown or "not told", event.read, noise)
        for column, (text, colour) in enumerate(zip(texts, self._colours, strict=True)):
            item = QTableWidgetItem(text)
            item.setForeground(QBrush(QColor(colour)))
            item.setTextAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            item.setToolTip(plain_tooltip(text))
            self._table.setItem(0, column, item)
        self._fit(0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break lines anew."""
        super().resizeEvent(event)
        for row in range(self._table.rowCount()):
            self._fit(row)

    def _fit(self, row: int) -> None:
        """As high as its texts, and a little more to tell it from the next."""
        self._table.resizeRowToContents(row)
        self._table.setRowHeight(row, self._table.rowHeight(row) + 6)

    def _text(self, row: int, column: int) -> str:
        item = self._table.item(row, column)
        assert item is not None, "every cell is made with its row"
        return item.text()

    def _build_table(self, columns: tuple[str, ...]) -> QTableWidget:
        table = QTableWidget(0, len(columns))
        table.setHorizontalHeaderLabels(columns)
        table.setFont(theme.font(theme.SMALL_PT))
        header = table.horizontalHeader()
        header.setFont(theme.font(theme.SMALL_PT))
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setHighlightSections(False)
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setWordWrap(True)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setVerticalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAlwaysOn
        )  # one that comes later narrows the columns
        return table
