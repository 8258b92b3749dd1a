"""Is it reading or guessing? What the model's own test says, and what this session comes to so far."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from bci_app.engine.text_views import OwnTest, SessionScores
from bci_app.text.scores import FEWEST_SENTENCES, Gap
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.identification import RUNNING_TIP
from bci_app.ui.views.text import PlainLabel, plain_tooltip

WHAT = "BLEU-1, matched minus shuffled, in points; guessing gives 0"
COLUMNS = ("Fed", "Matched", "Shuffled", "Difference")
WIDEST = {COLUMNS[1]: "100.0", COLUMNS[2]: "100.0", COLUMNS[3]: "(+99.9 to +99.9)"}
"""The longest that stands in a column."""
ROWS = {"eeg": "{signal}", "noise": "Noise"}


class TextEvidenceView(QWidget):
    """A verdict on the model, its figure with the interval, and the running figures of the session beside the noise twin.

    Parameters
    ----------
    tested : OwnTest
        What the bundle says.
    colours : Theme
        Appearance.
    signal : str
        What is read.
    """

    def __init__(self, tested: OwnTest, colours: Theme = theme.DARK, *, signal: str = "EEG") -> None:
        super().__init__()
        self._colours = colours
        self._verdict = PlainLabel("", bold=True, wrap=True)
        self._figure = PlainLabel("", points=theme.TITLE_PT, wrap=True)
        self._held_out = PlainLabel("", points=theme.SMALL_PT, muted=True, wrap=True)
        self._session = PlainLabel("", wrap=True)
        self._cells: dict[tuple[str, str], PlainLabel] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, theme.GAP_PX // 2, 0)
        layout.setSpacing(5)
        layout.addWidget(PlainLabel("In this session so far", points=theme.SMALL_PT, muted=True))
        layout.addWidget(self._session)
        layout.addWidget(self._build_table(signal))
        line = QFrame()
        line.setFixedHeight(1)
        line.setStyleSheet(f"background: {colours.border};")
        layout.addWidget(line)
        layout.addWidget(PlainLabel("The model's own test", points=theme.SMALL_PT, muted=True))
        for label in (self._verdict, self._figure, self._held_out):
            layout.addWidget(label)
        layout.addStretch(1)
        layout.addWidget(PlainLabel(WHAT, points=theme.SMALL_PT, muted=True, wrap=True))
        self._show_tested(tested)
        self.show_scores(SessionScores())

    @property
    def verdict(self) -> str:
        """The sentence about the model."""
        return self._verdict.text()

    @property
    def figure(self) -> str:
        """The model's figure with its interval."""
        return self._figure.text()

    @property
    def session_verdict(self) -> str:
        """The sentence about the session."""
        return self._session.text()

    @property
    def cells(self) -> dict[tuple[str, str], str]:
        """The written figures of the session, by row (``eeg``, ``noise``) and column."""
        return {place: label.text() for place, label in self._cells.items()}

    def show_scores(self, scores: SessionScores) -> None:
        """Write what the session comes to; figures of too few sentences are kept back."""
        colour = ""
        if scores.eeg is None or scores.noise is None:
            words = scores.verdict
        elif not scores.enough:
            words = f"Too few sentences to say anything: {scores.eeg.n_sentences} of at least {FEWEST_SENTENCES}."
        else:
            sign, words = ("✓" if scores.convincing else "▲"), scores.verdict.split(". ")[0].rstrip(".")
            words, colour = f"{sign} So far: {words}", self._colours.good if scores.convincing else self._colours.warn
        self._session.setText(words)
        self._session.setToolTip(plain_tooltip(f"{scores.verdict} {RUNNING_TIP}"))
        self._session.setStyleSheet(f"color: {colour};" if colour else "")
        for name, gap in (("eeg", scores.eeg), ("noise", scores.noise)):
            self._write(name, gap if scores.enough else None)

    def _show_tested(self, tested: OwnTest) -> None:
        sign = "✓" if tested.convincing else "▲"
        self._verdict.setText(f"{sign} {tested.verdict}")
        self._verdict.setStyleSheet(f"color: {self._colours.good if tested.convincing else self._colours.warn};")
        score = tested.score
        self._figure.setVisible(score is not None)
        self._held_out.setVisible(score is not None)
        if score is not None:
            self._figure.setText(f"{score.value:+.1f} points (95 %: {score.low:+.1f} to {score.high:+.1f})")
            noise = "" if score.noise_input is None else f"; fed noise {score.noise_input:+.1f}"
            self._held_out.setText(f"{score.n} readings{noise}. Held out: {score.held_out}")

    def _build_table(self, signal: str) -> QWidget:
        table = QWidget()
        grid = QGridLayout(table)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(2)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for column, name in enumerate(COLUMNS):
            head = PlainLabel(name, points=theme.SMALL_PT, muted=True)
            grid.addWidget(head, 0, column, Qt.AlignmentFlag.AlignLeft if column == 0 else right)
        for row, (name, words) in enumerate(ROWS.items(), 1):
            label = PlainLabel(words.format(signal=signal), points=theme.SMALL_PT, bold=True)
            label.setStyleSheet(f"color: {self._colours.decoder if name == 'eeg' else self._colours.noise_twin};")
            grid.addWidget(label, row, 0)
            for column, place in enumerate(COLUMNS[1:], 1):
                cell = self._cells[name, place] = PlainLabel("–", points=theme.SMALL_PT)
                cell.setAlignment(right)
                cell.setMinimumWidth(cell.fontMetrics().horizontalAdvance(WIDEST[place]))  # cut by no panel later
                grid.addWidget(cell, row, column, right)
        grid.setColumnStretch(3, 1)
        return table

    def _write(self, name: str, gap: Gap | None) -> None:
        texts = ("–",) * 3
        if gap is not None:
            interval = f"{gap.gap.value:+.1f}\n({gap.gap.low:+.1f} to {gap.gap.high:+.1f})"
            texts = (f"{gap.matched:.1f}", f"{gap.shuffled:.1f}", interval)
        for place, text in zip(COLUMNS[1:], texts, strict=True):
            self._cells[name, place].setText(text)
