"""Stream, model and device in plain words, and how far the session has come."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from bci_app.engine.views import Status
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import ElidedLabel, PlainLabel

NOT_MEDICAL = "Research software, not a medical device"
Level = Literal["good", "note", "warn"]


class StatusView(QWidget):
    """Three chips and the progress; the watermark goes to the panel of the EEG, whose origin it tells.

    Parameters
    ----------
    colours : Theme
        Appearance.
    title : str
        Name of the session.
    """

    def __init__(self, colours: Theme = theme.DARK, *, title: str = "") -> None:
        super().__init__()
        self._names = QWidget()
        self._title = ElidedLabel(title, points=theme.TITLE_PT, bold=True)
        self.chips = {name: Chip(name, colours) for name in ("Stream", "Model", "Device")}
        self._progress = ElidedLabel("", points=theme.BODY_PT)
        self._progress.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(6)
        self._bar.setRange(0, 1)
        self._bar.hide()
        self._lay_out()

    @property
    def progress(self) -> str:
        """The written progress."""
        return self._progress.text()

    @property
    def progress_share(self) -> float:
        """How full the bar is, 0 to 1."""
        return self._bar.value() / max(1, self._bar.maximum())

    def leave_names(self) -> None:
        """Say no names: a window round this one does, and the room is needed."""
        self._names.hide()

    def show_status(self, status: Status) -> None:
        """Write the three chips, and the progress where there is one."""
        self.chips["Stream"].show_text(status.stream, "good" if status.stream_ok else "warn")
        self.chips["Model"].show_text(status.model, "note")
        self.chips["Device"].show_text(status.device, "good" if status.device_ok else "warn")
        if status.progress:
            self._progress.setText(status.progress)

    def show_progress(self, done: int, total: int, text: str) -> None:
        """Write a progress and fill the bar."""
        self._bar.show()
        self._bar.setRange(0, max(1, total))
        self._bar.setValue(min(max(done, 0), max(1, total)))
        if text:
            self._progress.setText(text)

    def _lay_out(self) -> None:
        names = QVBoxLayout(self._names)
        names.setContentsMargins(0, 0, 0, 0)
        names.setSpacing(0)
        names.addWidget(self._title)
        names.addWidget(PlainLabel(NOT_MEDICAL, points=theme.SMALL_PT, muted=True))
        progress = QVBoxLayout()
        progress.setSpacing(4)
        progress.addWidget(self._progress)
        progress.addWidget(self._bar)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.GAP_PX)
        layout.addWidget(self._names)
        for chip, stretch in zip(self.chips.values(), (3, 4, 3), strict=True):
            layout.addWidget(chip, stretch)
        layout.addLayout(progress, 2)


class Chip(QFrame):
    """A name and a sentence with a sign that tells good from not good by shape as well as colour.

    Parameters
    ----------
    name : str
        What the chip is about.
    colours : Theme
        Appearance.
    """

    def __init__(self, name: str, colours: Theme) -> None:
        super().__init__()
        self.setObjectName("chip")
        self._sign = Sign(colours)
        self._text = ElidedLabel("…", points=theme.BODY_PT)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 5, 10, 5)
        layout.setSpacing(8)
        layout.addWidget(self._sign)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(PlainLabel(name, points=theme.SMALL_PT, muted=True))
        words.addWidget(self._text)
        layout.addLayout(words, 1)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(130)

    @property
    def text(self) -> str:
        """The sentence."""
        return self._text.text()

    @property
    def level(self) -> Level:
        """What the sign says."""
        return self._sign.level

    def show_text(self, text: str, level: Level) -> None:
        """Write a sentence, plain text, and set the sign."""
        self._text.setText(text)
        self._sign.set_level(level)


class Sign(QWidget):
    """A ring with a tick (good), a triangle with an exclamation mark (warn) or a plain dot (note)."""

    def __init__(self, colours: Theme) -> None:
        super().__init__()
        self._colours = colours
        self.level: Level = "note"
        self.setFixedSize(20, 20)

    def set_level(self, level: Level) -> None:
        """Choose the sign."""
        if level != self.level:
            self.level = level
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the sign."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = {"good": self._colours.good, "warn": self._colours.warn, "note": self._colours.muted}[self.level]
        painter.setPen(QPen(QColor(colour), 2))
        if self.level == "warn":
            painter.drawPolygon(QPolygonF([QPointF(10, 2), QPointF(18.5, 17.5), QPointF(1.5, 17.5)]))
            painter.drawLine(QPointF(10, 7.5), QPointF(10, 12))
            painter.drawPoint(QPointF(10, 15))
        elif self.level == "good":
            painter.drawEllipse(QPointF(10, 10), 8, 8)
            painter.drawPolyline(QPolygonF([QPointF(6, 10.5), QPointF(9, 13.5), QPointF(14, 7)]))
        else:
            painter.setBrush(QColor(colour))
            painter.drawEllipse(QPointF(10, 10), 3.5, 3.5)
        painter.end()
