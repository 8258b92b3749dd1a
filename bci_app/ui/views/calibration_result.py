"""How well a new decoder read pictures that it was not made with, beside chance and its controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from bci_app.engine.verdict import guessing
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import PlainLabel

if TYPE_CHECKING:
    from bci_app.contract.manifest import Score
    from bci_app.engine.calibration_run import CalibrationResult

Row = tuple[str, float | None, float | None, float | None]
"""Name, value, and interval, each None where there is none."""
_ROW_PX = 34


class CalibrationResultView(QWidget):
    """Bars of the score and its controls from 0 to 1, the verdict in words, and what should be known of the recording.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self._verdict = PlainLabel("", points=theme.TITLE_PT, bold=True, wrap=True)
        self.bars = _Bars(colours)
        self._facts = PlainLabel("", points=theme.SMALL_PT, muted=True, wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_PX)
        for widget in (self._verdict, self.bars, self._facts):
            layout.addWidget(widget)

    @property
    def verdict(self) -> str:
        """The sentence over the bars."""
        return self._verdict.text()

    @property
    def facts(self) -> str:
        """The text below the bars."""
        return self._facts.text()

    def show_result(self, result: CalibrationResult, onsets: str) -> None:
        """Show the figures of a calibration; `onsets` says how well its pictures came on time, if that is known."""
        score = result.score
        sign = "✓" if result.convincing else "▲"
        self._verdict.setText(f"{sign} {result.verdict}")
        self.bars.show_rows(rows_of(score))
        held_out = f"{score.name}, {score.n} trials; {score.held_out}."
        self._facts.setText("\n".join(filter(None, [held_out, onsets, *result.notes])))
        self.bars.show()

    def show_unmade(self, why: str, facts: str) -> None:
        """Say why there are no figures."""
        self._verdict.setText(f"▲ {why}")
        self._facts.setText(facts)
        self.bars.hide()


def rows_of(score: Score) -> tuple[Row, ...]:
    """The score and each of its controls."""
    return (
        ("Decoder on EEG", score.value, score.low, score.high),
        ("Decoder on noise", score.noise_input, None, None),
        ("Shuffled pictures", score.shuffled_pairing, None, None),
        ("Guessing", score.chance, *guessing(score.n)),
    )


class _Bars(QWidget):
    """A horizontal bar per row, its number behind it."""

    def __init__(self, colours: Theme) -> None:
        super().__init__()
        self._colours = colours
        self.rows: tuple[Row, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Room for four rows."""
        return QSize(700, 4 * _ROW_PX + 8)

    @property
    def texts(self) -> tuple[str, ...]:
        """What is written at each bar."""
        return tuple(f"{name} {_number(value, low, high)}" for name, value, low, high in self.rows)

    def show_rows(self, rows: tuple[Row, ...]) -> None:
        """Draw these rows."""
        self.rows = rows
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bars, intervals, names and numbers."""
        painter = QPainter(self)
        painter.setFont(theme.font(theme.BODY_PT))
        name_px = painter.fontMetrics().horizontalAdvance("Shuffled pictures  ")
        number_px = painter.fontMetrics().horizontalAdvance("0.00 (95 %: 0.00 to 0.00)  ")
        span = max(40, self.width() - name_px - number_px)
        colours = (self._colours.decoder, self._colours.noise_twin, self._colours.muted, self._colours.chance)
        middle = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for number, ((name, value, low, high), colour) in enumerate(zip(self.rows, colours, strict=False)):
            top = number * _ROW_PX
            painter.setPen(QColor(self._colours.text))
            painter.drawText(QRectF(0, top, name_px, _ROW_PX), middle, name)
            if value is not None:
                painter.fillRect(QRectF(name_px, top + 8, value * span, _ROW_PX - 16), QColor(colour))
            if low is not None and high is not None:
                painter.setPen(QPen(QColor(self._colours.text), 2))
                y = top + _ROW_PX // 2
                painter.drawLine(round(name_px + low * span), y, round(name_px + high * span), y)
            painter.setPen(QColor(self._colours.text))
            painter.drawText(QRectF(name_px + span + 8, top, number_px, _ROW_PX), middle, _number(value, low, high))
        painter.end()


def _number(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "not told"
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} (95 %: {low:.2f} to {high:.2f})"
