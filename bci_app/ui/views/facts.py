"""Counts and times in two columns: what was shown, what came of it, and how well pictures came on time."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from bci_app.engine.evolution_views import OnsetRow, response_text
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import PlainLabel, plain_tooltip

ONSETS = {"late": "Late", "worst": "Frames late", "delay": "Delay, ms", "never": "Unpainted", "held": "Held"}
COUNTS = {
    "shown": "Shown",
    "answered": "Answered",
    "rejected": "Rejected",
    "missing": "Missing",
    "shown_again": "Again",
}
TIPS = {
    "shown": "Presentations so far",
    "answered": "Presentations with a response",
    "rejected": "Trials left out for their amplitude or a flat channel",
    "missing": "Presentations without a response, after they were shown again as often as asked for",
    "shown_again": "Presentations repeated because the first one gave no response",
    "late": "Pictures that came a frame or more after they were due",
    "worst": "The latest picture, in frames of the screen",
    "delay": "From due to painted: half of the pictures, and 99 of 100, took at most this long",
    "never": "Pictures that the screen never showed; they are shown again",
    "held": "Pictures that the flash guard held back",
}
_WIDEST = {0: "▲ 0000", 3: "▲ 00 of 000"}
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
                label = PlainLabel(word, points=theme.SMALL_PT, muted=True)
                label.setToolTip(plain_tooltip(TIPS[name]))
                grid.addWidget(label, row, column)
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
