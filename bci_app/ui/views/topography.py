"""Power over the head, as a picture between the electrodes."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPainterPath, QPaintEvent, QPen

from bci_app.engine.topography import HeadMap
from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.montage import ROOM, MontageView

NO_MAP = "A map needs four good channels in known places"
_COLOURS = "viridis"
"""Grows evenly from dark to bright, also for those who see colours differently."""
_STOPS = 8
_BAR_PX = 10
_LEAST_RANGE = 1.0
"""Differences of less than a decibel do not fill the range of colours: noise would look like a pattern."""


class TopographyView(MontageView):
    """A head on which brightness is power.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__(colours)
        self._image: QImage | None = None
        self._levels = (0.0, 0.0)
        self._caption = NO_MAP
        self._map: pg.ColorMap = pg.colormap.get(_COLOURS)
        self._table = self._map.getLookupTable(0.0, 1.0, 256, alpha=False, mode="byte")

    @property
    def caption(self) -> str:
        """What is written below the head."""
        return self._caption

    @property
    def levels(self) -> tuple[float, float]:
        """What the darkest and the brightest colour stand for."""
        return self._levels

    def show_map(self, head: HeadMap | None, values: NDArray[np.float64], caption: str) -> None:
        """Show `values` (n_channels,) of the channels of `head`, which `caption` names; None where there is no map."""
        if head is None:
            self._image, self._caption = None, NO_MAP
            self.show_places({})
            return
        low, high = float(values.min()), float(values.max())
        middle, half = (low + high) / 2, max((high - low) / 2, _LEAST_RANGE / 2)
        self._levels, self._caption = (middle - half, middle + half), caption
        share = (head.picture(values) - self._levels[0]) / (2 * half)
        colours = self._table[np.clip(255 * share, 0, 255).astype(np.uint8)]
        pixels = np.ascontiguousarray(colours[..., :3], dtype=np.uint8)
        height, width = pixels.shape[:2]
        self._image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        at = {name: (float(x), float(y)) for name, (x, y) in zip(head.channels, head.places, strict=True)}
        self.show_places(at)
        strongest = head.channels[int(np.argmax(values))]
        self.setAccessibleDescription(f"{caption}, {low:.0f} to {high:.0f} dB, strongest at {strongest}")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture within the head, the electrodes on it, and what the colours mean."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        head = self._head()
        if self._image is not None:
            self._draw_picture(painter)
            self._draw_bar(painter)
        painter.setPen(QPen(QColor(self._colours.border), 2))
        painter.drawPath(head)
        painter.setPen(QPen(QColor(self._colours.window), 1))
        painter.setBrush(QColor(self._colours.text))
        for name in self._places:
            painter.drawEllipse(self.place_px(name), 2.5, 2.5)
        painter.setFont(theme.font(theme.SMALL_PT))
        painter.setPen(QColor(self._colours.muted))
        where = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        where |= Qt.AlignmentFlag.AlignVCenter if self._image is None else Qt.AlignmentFlag.AlignBottom
        narrow = self.width() // 4 if self._image is None else 0  # within the empty head
        painter.drawText(self.rect().adjusted(narrow, 0, -narrow, 0), int(where), self._caption)
        painter.end()

    def _draw_picture(self, painter: QPainter) -> None:
        assert self._image is not None
        middle, radius = QPointF(self.width() / 2, self.height() / 2), min(self.width(), self.height()) / (2 * ROOM)
        circle = QPainterPath()
        circle.addEllipse(middle, radius, radius)
        painter.save()
        painter.setClipPath(circle)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(middle.x() - radius, middle.y() - radius, 2 * radius, 2 * radius), self._image)
        painter.restore()

    def _draw_bar(self, painter: QPainter) -> None:
        """The colours beside the head, with the values of their ends."""
        top, bottom = 0.2 * self.height(), 0.8 * self.height()
        bar = QRectF(4, top, _BAR_PX, bottom - top)
        gradient = QLinearGradient(bar.bottomLeft(), bar.topLeft())
        for stop in range(_STOPS + 1):
            gradient.setColorAt(stop / _STOPS, QColor(*self._table[round(255 * stop / _STOPS)][:3].tolist()))
        painter.fillRect(bar, gradient)
        painter.setFont(theme.font(theme.SMALL_PT))
        painter.setPen(QColor(self._colours.muted))
        painter.drawText(QPointF(4, top - 6), f"{round(self._levels[1])} dB")
        painter.drawText(QPointF(4, bottom + 16), f"{round(self._levels[0])} dB")
