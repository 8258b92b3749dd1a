"""The pictures of the generation on show, each with its response so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from bci_app.engine.evolution_views import Member, response_text
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.picture import to_qimage

KINDS = {"natural": "Natural", "prior": "Prior"}
"""Reference pictures, in words."""
GAP_PX = 8
LEAST_FOR_TEXT_PX = 34
"""Pictures that are smaller have no room for a number."""

ROOMY_PX = 48
"""Those have room for three digits."""


class PopulationView(QWidget):
    """A grid of the evolved pictures, and below it the reference pictures; the best of the evolved has a frame and a star.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self._colours = colours
        self._members: tuple[Member, ...] = ()
        self._shown: tuple[tuple[str, int], ...] = ()
        self._images: dict[str, tuple[QImage, object]] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 180)

    def sizeHint(self) -> QSize:
        """Room for a usual population."""
        return QSize(640, 420)

    @property
    def best(self) -> str | None:
        """Id of the framed picture; None before the first response."""
        answered = [member for member in self._of("evolved") if not math.isnan(member.score)]
        return max(answered, key=lambda member: member.score).id if answered else None

    def texts(self, digits: int = 3) -> dict[str, str]:
        """What is written below each picture, by its id, in so many digits."""
        best = self.best
        return {
            each.id: ("★ " if each.id == best else "") + response_text(each.score, digits) for each in self._members
        }

    def show_members(self, members: tuple[Member, ...]) -> None:
        """Draw the pictures of a generation."""
        shown = tuple((each.id, each.n_responses) for each in members)
        if shown == self._shown:
            return
        self._members, self._shown = members, shown
        self._images = {each.id: self._images.get(each.id) or to_qimage(each.image) for each in members}
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the grid."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(theme.font(theme.SMALL_PT))
        line = painter.fontMetrics().height()
        evolved, references = self._of("evolved"), [member for kind in KINDS for member in self._of(kind)]
        grid = fitted_grid(self.width(), self.height(), len(evolved), len(references), line)
        self._paint_all(painter, evolved, grid, 0)
        top = grid.rows(len(evolved)) * grid.pitch + line
        pitch = grid.pitch + line  # a line above each row, for what its pictures are
        self._paint_all(painter, references, grid, top, pitch)
        painter.setPen(QColor(self._colours.muted))
        for kind, word in KINDS.items():
            index = next((index for index, member in enumerate(references) if member.kind == kind), None)
            if index is not None:
                cell = grid.cell(index, top, pitch)
                painter.drawText(
                    cell.left(), cell.top() - line, self.width(), line, int(Qt.AlignmentFlag.AlignLeft), word
                )
        painter.end()

    def _paint_all(
        self, painter: QPainter, members: list[Member], grid: Grid, top: int, pitch: int | None = None
    ) -> None:
        texts, best = self.texts(3 if grid.side >= ROOMY_PX else 2), self.best
        for index, member in enumerate(members):
            cell = grid.cell(index, top, pitch or grid.pitch)
            self._paint(painter, member, cell, texts[member.id], framed=member.id == best)

    def _of(self, kind: str) -> list[Member]:
        return [member for member in self._members if member.kind == kind]

    def _paint(self, painter: QPainter, member: Member, cell: QRect, text: str, *, framed: bool) -> None:
        image, _pixels = self._images[member.id]
        painter.drawImage(cell, image)
        if framed:
            painter.setPen(QPen(QColor(self._colours.evolved), 3))
            painter.drawRect(cell.adjusted(-2, -2, 1, 1))
        if cell.width() >= LEAST_FOR_TEXT_PX:
            painter.setPen(QColor(self._colours.text if framed else self._colours.muted))
            below = QRect(
                cell.left() - GAP_PX // 2, cell.bottom() + 3, cell.width() + GAP_PX, painter.fontMetrics().height()
            )
            painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), text)


@dataclass(frozen=True, slots=True)
class Grid:
    """Squares of `side` pixels in `columns`, with `line` pixels of text below each."""

    side: int
    columns: int
    line: int

    @property
    def pitch(self) -> int:
        """From row to row."""
        return self.side + (self.line if self.side >= LEAST_FOR_TEXT_PX else 0) + GAP_PX

    def rows(self, n: int) -> int:
        """Of `n` squares."""
        return -(-n // self.columns)

    def cell(self, index: int, top: int, pitch: int) -> QRect:
        """Of one square of a group that begins at `top`, with `pitch` pixels from row to row."""
        row, column = divmod(index, self.columns)
        return QRect(3 + column * (self.side + GAP_PX), top + 3 + row * pitch, self.side, self.side)


def fitted_grid(width: int, height: int, n_evolved: int, n_references: int, line: int) -> Grid:
    """The grid with the largest squares that has room for all pictures, the references below with a line above each row."""

    def grid(columns: int) -> Grid:
        below = -(-n_references // columns)
        rows = -(-n_evolved // columns) + below
        across = (width - 6) // columns - GAP_PX
        down = (height - 6 - below * line) // max(rows, 1) - GAP_PX
        with_text = min(across, down - line)
        without = max(1, min(across, down, LEAST_FOR_TEXT_PX - 1))
        return Grid(with_text if with_text >= LEAST_FOR_TEXT_PX else without, columns, line)

    return max(map(grid, range(1, max(1, n_evolved, n_references) + 1)), key=lambda each: each.side)
