"""The known pictures nearest to what was read, with the rank of the one that was shown."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from bci_app.engine.nearest import N_NEAREST, Nearest
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.picture import thumbnail
from bci_app.ui.views.text import PlainLabel

SHOWN = "shown"
TIP = (
    "Pictures of this session and of the calibration whose latent correlates most with the reading; the picture that was shown "
    "may be among them and is marked then. Below: its rank among all of them, that of a reading from noise, and what guessing "
    "gives."
)


class NearestView(QWidget):
    """Three small pictures below one another, the nearest on top; below them ranks.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self.strip = _Strip(colours)
        self._ranks = PlainLabel(" ", points=theme.SMALL_PT, muted=True)
        self._ranks.setFixedHeight(4 * self._ranks.fontMetrics().lineSpacing() + 4)
        self._ranks.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(PlainLabel("Nearest", points=theme.TITLE_PT, bold=True))
        layout.addWidget(self.strip, 1)
        layout.addWidget(self._ranks)
        self.setToolTip(TIP)
        self.setMinimumWidth(80)
        self.setMaximumWidth(160)

    @property
    def captions(self) -> tuple[str, ...]:
        """What stands under each picture: its correlation, and whether it is the one shown."""
        return tuple(caption for _, caption, _ in self.strip.cells)

    @property
    def ranks(self) -> str:
        """The text below the pictures."""
        return self._ranks.text()

    def show_nearest(self, nearest: Nearest | None) -> None:
        """Show the neighbours of a reading; None for a reading without any."""
        if nearest is None:
            self.strip.show_cells(())
            self._ranks.setText(" ")
            return
        self.strip.show_cells(
            tuple(
                (
                    thumbnail(each.picture.image),
                    f"{each.fit:.2f} {SHOWN}" if each.shown else f"{each.fit:.2f}",
                    each.shown,
                )
                for each in nearest.neighbours
            )
        )
        ranks = (("rank", nearest.rank), ("noise", nearest.noise_rank))
        lines = [f"{name} {rank:g}" for name, rank in ranks if rank is not None]
        if lines:
            lines += [f"chance {nearest.chance_rank:.0f}", f"of {nearest.n_known}"]  # as short as the column is narrow
        self._ranks.setText("\n".join(lines) or " ")


class _Strip(QWidget):
    """The pictures with their captions."""

    def __init__(self, colours: Theme) -> None:
        super().__init__()
        self._colours = colours
        self.cells: tuple[tuple[QImage, str, bool], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Room for three thumbnails."""
        return QSize(100, 320)

    def show_cells(self, cells: tuple[tuple[QImage, str, bool], ...]) -> None:
        """Show pictures with their captions; those shown get a frame."""
        self.cells = cells
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw pictures, frames and captions."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(theme.font(theme.SMALL_PT))
        line = painter.fontMetrics().height()
        height = self.height() // N_NEAREST
        side = min(self.width(), height - line - 4)
        for number in range(N_NEAREST if side > 8 else 0):
            square = QRect(0, number * height, side - 1, side - 1)
            painter.setPen(QColor(self._colours.border))
            if number >= len(self.cells):
                painter.drawRect(square)
                continue
            picture, caption, shown = self.cells[number]
            painter.drawImage(square, picture)
            if shown:
                painter.setPen(QPen(QColor(self._colours.decoder), 3))
                painter.drawRect(square.adjusted(1, 1, -1, -1))
            painter.setPen(QColor(self._colours.text if shown else self._colours.muted))
            painter.drawText(
                QRect(0, square.bottom() + 2, self.width(), line), int(Qt.AlignmentFlag.AlignLeft), caption
            )
        painter.end()
