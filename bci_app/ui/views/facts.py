"""Counts and times in two columns: what was shown, what came of it, and how well pictures came on time."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from bci_app.engine.evolution_views import OnsetRow, response_text
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import PlainLabel

ONSETS = {
    "late": "Late by a frame",
    "worst": "Worst, frames",
    "delay": "Delay p50/p99, ms",
    "never": "Never painted",
    "held": "Held, flashing",
}
COUNTS = {
    "shown": "Shown",
    "answered": "Answered",
    "rejected": "Rejected",
    "missing": "Missing",
    "shown_again": "Shown again",
}
_WIDEST = {0: "▲ 0000", 3: "▲ 000 of 0000"}
_TROUBLE = ("late", "never", "rejected", "missing")


class FactsView(QWidget):
    """Two columns of names with values; what went wrong is marked by a sign and a colour.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self._colours = colours
        self._values: dict[str, PlainLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(2)
        for column, names in ((0, COUNTS), (3, ONSETS)):
            for row, (name, word) in enumerate(names.items()):
                grid.addWidget(PlainLabel(word, points=theme.SMALL_PT, muted=True), row, column)
                value = self._values[name] = PlainLabel("–", points=theme.SMALL_PT)
                value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                value.setMinimumWidth(
                    value.fontMetrics().horizontalAdvance(_WIDEST[column])
                )  # so that nothing moves later
                grid.addWidget(value, row, column + 1)
        grid.setColumnMinimumWidth(2, 12)
        grid.setColumnStretch(2, 1)
        grid.setRowStretch(len(COUNTS), 1)

    @property
    def texts(self) -> dict[str, str]:
        """What is written, by name."""
        return {name: label.text() for name, label in self._values.items()}

    def show_facts(self, counts: Mapping[str, int], onsets: OnsetRow, n_held: int) -> None:
        """Write counts of presentations, delays of onsets, and how many pictures the flash guard held."""
        for name in COUNTS:
            self._write(name, str(counts.get(name, 0)), counts.get(name, 0))
        self._write("late", f"{onsets.late} of {onsets.n}", onsets.late)
        self._write("worst", str(onsets.worst_frames))
        self._write("delay", f"{response_text(onsets.p50_ms)} / {response_text(onsets.p99_ms)}")
        self._write("never", str(onsets.never), onsets.never)
        self._write("held", str(n_held))

    def _write(self, name: str, text: str, n: int = 0) -> None:
        trouble = name in _TROUBLE and n > 0
        label = self._values[name]
        label.setText(f"▲ {text}" if trouble else text)
        label.setStyleSheet(f"color: {self._colours.warn};" if trouble else "")
