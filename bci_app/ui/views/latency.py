"""How long each step takes, in milliseconds; and, apart from what was measured, what the configuration and the screen add."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bci_app.engine.budget import BUDGET_MS
from bci_app.engine.latency import AlgorithmicLatency, display_ms
from bci_app.engine.views import LatencyRow
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import ElidedLabel, PlainLabel, plain_tooltip

TOTAL = "total"
"""The row compared with the budget is the one whose name begins so."""
USUAL_ROWS = 6
UNTIMED = "No result has been timed yet."
COLUMNS = ("Step", "p50", "p95", "p99", "max")
COLUMN_TIPS = (
    "Step, from the last sample in hand to the result given to the screen",
    "Half of the results took at most this long",
    "95 of 100 results took at most this long",
    "99 of 100 results took at most this long",
    "The longest of the results",
)


class LatencyView(QWidget):
    """Table of steps with percentiles; the total is compared with its budget, if it has one.

    Parameters
    ----------
    colours : Theme
        Appearance.
    budget_ms : float or None
        Largest accepted 95th percentile of the total, in milliseconds.
    """

    def __init__(self, colours: Theme = theme.DARK, *, budget_ms: float | None = BUDGET_MS) -> None:
        super().__init__()
        self._colours = colours
        self._budget_ms = budget_ms
        self._rows: tuple[LatencyRow, ...] = ()
        self._verdict = PlainLabel(UNTIMED, points=theme.SMALL_PT, wrap=True)
        self._table = self._build_table()
        self._besides = (
            ElidedLabel("", points=theme.SMALL_PT, muted=True),
            ElidedLabel("", points=theme.SMALL_PT, muted=True),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._verdict)
        layout.addWidget(self._table, 1)
        for label in self._besides:
            layout.addWidget(label)
            label.hide()
        self.setMinimumWidth(280)
        self._fit(USUAL_ROWS)

    @property
    def verdict(self) -> str:
        """The sentence over the table."""
        return self._verdict.text()

    @property
    def besides(self) -> tuple[str, str]:
        """What is written below the table: latencies that are not measured."""
        algorithmic, display = self._besides
        return algorithmic.text(), display.text()

    def show_besides(self, algorithmic: AlgorithmicLatency, refresh_hz: float, fade_ms: int) -> None:
        """Write what comes on top of what is measured; its origin is in the tooltips.

        Parameters
        ----------
        algorithmic : AlgorithmicLatency
            From the configuration.
        refresh_hz : float
            Frames per second of the screen.
        fade_ms : int
            How long one picture takes to become the next.
        """
        fade = f", fade {fade_ms} ms" if fade_ms else ""
        texts = (
            f"Algorithmic: window {algorithmic.window_ms:.0f}, filters {algorithmic.filter_ms:.0f} ms",
            f"Display, estimated: {display_ms(refresh_hz):.0f} ms{fade}",
        )
        tips = (
            "Not measured: follows from the decoder's configuration. Window: from the marker to the last sample of its trial, or "
            f"the length of a sliding window. Filters: their group delay at {algorithmic.at_hz:g} Hz.",
            f"Not measured: half a frame of waiting and one of scanning out at {refresh_hz:.0f} Hz; what the panel itself adds "
            "only a photodiode can tell. Fade: until the newest picture stands alone.",
        )
        for label, text, tip in zip(self._besides, texts, tips, strict=True):
            label.setText(text)
            label.setToolTip(plain_tooltip(tip))
            label.show()

    @property
    def over_budget(self) -> bool:
        """Whether the total is over its budget."""
        return any(self._is_late(row) for row in self._rows)

    def cells(self) -> tuple[tuple[str, ...], ...]:
        """The written table, row by row."""
        table = self._table
        columns = range(table.columnCount())
        return tuple(tuple(self._cell(row, column).text() for column in columns) for row in range(table.rowCount()))

    def show_latencies(self, rows: tuple[LatencyRow, ...]) -> None:
        """Write the table; rows that did not change are left alone."""
        if rows == self._rows:
            return
        if len(rows) != self._table.rowCount():
            self._make_rows(len(rows))
        self._rows = rows
        for index, row in enumerate(rows):
            self._write_row(index, row)
        self._fit_columns()
        self._write_verdict()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no room for the longest result, the names of the steps and the percentiles stay."""
        super().resizeEvent(event)
        self._fit_columns()

    def _fit_columns(self) -> None:
        header, last = self._table.horizontalHeader(), len(COLUMNS) - 1
        widths = [max(self._table.sizeHintForColumn(each), header.sectionSizeHint(each)) for each in range(last + 1)]
        self._table.setColumnHidden(last, sum(widths) > self.width())

    def _build_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        for column, tip in enumerate(COLUMN_TIPS):
            header = QTableWidgetItem(COLUMNS[column])
            header.setToolTip(plain_tooltip(tip))
            header.setTextAlignment(_alignment(column))
            table.setHorizontalHeaderItem(column, header)
        table.setFont(theme.font(theme.SMALL_PT))
        table.horizontalHeader().setFont(theme.font(theme.SMALL_PT))
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setMinimumSectionSize(40)
        table.horizontalHeader().setHighlightSections(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 4)
        table.setShowGrid(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return table

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        cell = self._table.item(row, column)
        assert cell is not None, "every cell is made with its row"
        return cell

    def _make_rows(self, count: int) -> None:
        self._table.setRowCount(count)
        self._fit(count)
        for row in range(count):
            for column in range(len(COLUMNS)):
                item = QTableWidgetItem()
                item.setTextAlignment(_alignment(column))
                self._table.setItem(row, column, item)

    def _fit(self, count: int) -> None:
        """Keep room for all rows: the total is the last one."""
        row_px = self._table.verticalHeader().defaultSectionSize()
        self._table.setMinimumHeight(self._table.horizontalHeader().sizeHint().height() + count * row_px + 4)

    def _is_late(self, row: LatencyRow) -> bool:
        return self._budget_ms is not None and row.step.startswith(TOTAL) and row.p95_ms > self._budget_ms

    def _write_row(self, index: int, row: LatencyRow) -> None:
        is_total = row.step.startswith(TOTAL)
        late = self._is_late(row)
        values = (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms)
        texts = (row.step, *(f"{value:.1f}" for value in values))
        colour = QBrush(QColor(self._colours.warn if late else self._colours.text))
        for column, text in enumerate(texts):
            item = self._cell(index, column)
            item.setText(text)
            item.setForeground(colour)
            item.setFont(theme.font(theme.SMALL_PT, bold=is_total))

    def _write_verdict(self) -> None:
        total = next((row for row in self._rows if row.step.startswith(TOTAL)), None)
        if total is None:
            self._verdict.setText(UNTIMED)
            self._verdict.setStyleSheet("")
            return
        if self._budget_ms is None:
            self._verdict.setText(
                f"{total.p50_ms:.0f} ms {total.step.removeprefix(TOTAL).strip()}, p95 {total.p95_ms:.0f} ms"
            )
            return
        late = self._is_late(total)
        sign, word = ("▲", "over") if late else ("✓", "within")
        text = f"{sign} p95 {total.p95_ms:.0f} ms, {word} the budget of {self._budget_ms:.0f}"
        self._verdict.setText(text)
        self._verdict.setStyleSheet(f"color: {self._colours.warn if late else self._colours.good};")


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
