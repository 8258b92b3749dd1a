"""How good each channel is, in signs and words, and which of them the user has marked bad."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bci_app.engine.quality import SECONDS, ChannelQuality, Grade
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import PlainLabel

SIGNS: dict[Grade, str] = {"good": "✓", "fair": "▲", "bad": "✕"}
MARKED = "✕ marked bad"
TOO_EARLY = "Channels are judged from two seconds of EEG in microvolts."
_NAMED = 6
"""Bad channels whose names stand over the table."""
COLUMNS = ("Channel", f"Last {SECONDS:g} s", "Why", "Your mark")


class QualityView(QWidget):
    """A row for each channel; a channel is marked, or not any more, by a double click or a key of the page.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    selected = Signal(str)
    """The channel that the cursor is on."""
    mark_wanted = Signal(str)
    """A channel that is to be marked bad, or not any more."""
    marks_wanted = Signal()
    """All that are judged bad are to be marked so."""

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self._colours = colours
        self._shown: dict[str, tuple[str, ...]] = {}
        self._rows: dict[str, int] = {}
        self._summary = PlainLabel(TOO_EARLY, points=theme.SMALL_PT, wrap=True)
        self.table = self._build_table()
        self.mark_button = QPushButton("Mark the bad ones")
        self.mark_button.clicked.connect(lambda: self.marks_wanted.emit())
        above = QHBoxLayout()
        above.addWidget(self._summary, 1)
        above.addWidget(self.mark_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(above)
        layout.addWidget(self.table, 1)

    @property
    def summary(self) -> str:
        """How many channels are good, fair and bad."""
        return self._summary.text()

    @property
    def channel(self) -> str:
        """The channel that the cursor is on; empty before there are channels."""
        item = self.table.item(self.table.currentRow(), 0)
        return "" if item is None else item.text()

    def texts(self) -> dict[str, tuple[str, ...]]:
        """What is written of each channel: verdict, reason and mark."""
        return dict(self._shown)

    def show_quality(
        self, channels: tuple[str, ...], quality: tuple[ChannelQuality, ...], marked: Collection[str]
    ) -> None:
        """Write a row for each of `channels`; `quality` is empty where nothing can be told. Equal rows are left alone."""
        if tuple(self._rows) != channels:
            self._set_channels(channels)
        grades = {each.channel: each for each in quality}
        for name in channels:
            verdict = grades.get(name)
            state = ("–", "") if verdict is None else (f"{SIGNS[verdict.grade]} {verdict.grade}", verdict.words)
            self._write(name, (*state, MARKED if name in marked else ""), None if verdict is None else verdict.grade)
        self._summary.setText(_summed(quality, sum(name in marked for name in channels)))

    def _build_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setHorizontalHeaderLabels(list(COLUMNS))
        table.setAccessibleName("Quality of each channel")
        table.setFont(theme.font(theme.SMALL_PT))
        header = table.horizontalHeader()
        header.setFont(theme.font(theme.SMALL_PT))
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        for column, letters in ((0, "EEG 000-REF"), (1, COLUMNS[1] + "00"), (3, MARKED)):
            header.resizeSection(column, table.fontMetrics().horizontalAdvance(letters) + 12)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 6)
        table.setShowGrid(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setTabKeyNavigation(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.itemDoubleClicked.connect(lambda item: self.mark_wanted.emit(self.channel))
        table.currentCellChanged.connect(lambda *_: self.selected.emit(self.channel))
        return table

    def _set_channels(self, channels: tuple[str, ...]) -> None:
        before = self.channel
        self._rows, self._shown = {name: row for row, name in enumerate(channels)}, {}
        self.table.blockSignals(True)
        self.table.setRowCount(len(channels))
        for row, name in enumerate(channels):
            for column in range(len(COLUMNS)):
                self.table.setItem(row, column, QTableWidgetItem(name if column == 0 else ""))
        self.table.blockSignals(False)
        if channels:
            self.table.setCurrentCell(self._rows.get(before, 0), 0)

    def _write(self, name: str, texts: tuple[str, ...], grade: Grade | None) -> None:
        if self._shown.get(name) == texts:
            return
        self._shown[name] = texts
        colours = self._colours
        tone = {"good": colours.good, "fair": colours.warn, "bad": colours.bad, None: colours.muted}[grade]
        for column, (text, colour) in enumerate(zip(texts, (tone, colours.text, colours.bad), strict=True), start=1):
            item = self.table.item(self._rows[name], column)
            if item is not None:
                item.setText(text)
                item.setForeground(QBrush(QColor(colour)))


def _summed(quality: tuple[ChannelQuality, ...], n_marked: int) -> str:
    counts = Counter(each.grade for each in quality)
    judged = [f"{SIGNS[grade]} {counts[grade]} {grade}" for grade in SIGNS] if quality else [TOO_EARLY]
    bad = [each.channel for each in quality if each.grade == "bad"]
    if bad:
        judged[-1] += f": {', '.join(bad[:_NAMED])}{' …' if len(bad) > _NAMED else ''}"
    return " · ".join([*judged, f"{n_marked} marked bad"])
