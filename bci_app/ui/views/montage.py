"""The cap seen from above: where each channel sits, by its name; nose up."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from bci_app.ui import theme
from bci_app.ui.theme import Theme
from bci_app.ui.views.text import plain_tooltip

ROOM = 1.3
"""Half of the picture's side in head radii: electrodes on cheeks and neck lie outside the circle."""
_LONGEST = 12
_DOT_PX = 5.0

Places = Mapping[str, tuple[float, float]]


class MontageView(QWidget):
    """A head with a dot and a name for every channel whose place is known.

    Parameters
    ----------
    colours : Theme
        Appearance.
    """

    def __init__(self, colours: Theme = theme.DARK) -> None:
        super().__init__()
        self._colours = colours
        self._places: dict[str, tuple[float, float]] = {}
        self._bad: frozenset[str] = frozenset()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 220)

    def sizeHint(self) -> QSize:
        """Square."""
        return QSize(360, 360)

    def show_places(self, places: Places, bad: Collection[str] = ()) -> None:
        """Show channels at their places: (x, y) in head radii, x to the right, y to the front; `bad` ones are crossed."""
        self._places, self._bad = dict(places), frozenset(bad)
        names = ", ".join(self._places) or "none"
        self.setAccessibleName("Electrodes seen from above, nose up")
        self.setAccessibleDescription(f"Known places: {names}")
        self.update()

    def place_px(self, name: str) -> QPointF:
        """Where the dot of a channel is drawn."""
        radius = min(self.width(), self.height()) / (2 * ROOM)
        x, y = self._places[name]
        return QPointF(self.width() / 2 + radius * x, self.height() / 2 - radius * y)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw head, dots and names."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self._colours.border), 2))
        painter.drawPath(self._head())
        painter.setFont(theme.font(theme.SMALL_PT))
        for name in self._places:
            self._draw_dot(painter, name)
        painter.setPen(QColor(self._colours.text))
        for name, box in self.names_px().items():
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), _written(name))
        painter.end()

    def names_px(self) -> dict[str, QRectF]:
        """Where names are written: bad channels first, then in their order, each that covers none before it."""
        metrics = QFontMetricsF(theme.font(theme.SMALL_PT))
        boxes: dict[str, QRectF] = {}
        for name in sorted(self._places, key=lambda each: each not in self._bad):
            at = self.place_px(name)
            width = metrics.horizontalAdvance(_written(name)) + 2
            box = QRectF(at.x() - width / 2, at.y() + _DOT_PX - 1, width, metrics.height() - 1)
            if not any(box.intersects(other) for other in boxes.values()):
                boxes[name] = box
        return boxes

    def event(self, event: QEvent) -> bool:
        """Tell the name of the channel under the pointer: in a dense cap not all are written."""
        if event.type() != QEvent.Type.ToolTip or not isinstance(event, QHelpEvent):
            return super().event(event)
        name = self.name_at(QPointF(event.pos()))
        QToolTip.showText(event.globalPos(), plain_tooltip(name) if name else "", self)
        return True

    def name_at(self, at: QPointF) -> str:
        """The channel nearest to a point, if its dot is there; else nothing."""
        away = {name: QLineF(self.place_px(name), at).length() for name in self._places}
        nearest = min(away, key=lambda name: away[name], default="")
        return nearest if nearest and away[nearest] <= 2 * _DOT_PX else ""

    def _head(self) -> QPainterPath:
        radius = min(self.width(), self.height()) / (2 * ROOM)
        middle = QPointF(self.width() / 2, self.height() / 2)
        path = QPainterPath()
        path.addEllipse(middle, radius, radius)
        path.moveTo(middle + QPointF(-0.1 * radius, -0.995 * radius))
        path.lineTo(middle + QPointF(0, -1.12 * radius))
        path.lineTo(middle + QPointF(0.1 * radius, -0.995 * radius))
        for side in (-1, 1):
            path.addEllipse(middle + QPointF(side * 1.04 * radius, 0), 0.04 * radius, 0.14 * radius)
        return path

    def _draw_dot(self, painter: QPainter, name: str) -> None:
        at = self.place_px(name)
        bad = name in self._bad
        painter.setPen(QPen(QColor(self._colours.bad if bad else self._colours.trace), 2))
        if bad:
            painter.drawLine(at - QPointF(_DOT_PX, _DOT_PX), at + QPointF(_DOT_PX, _DOT_PX))
            painter.drawLine(at - QPointF(_DOT_PX, -_DOT_PX), at + QPointF(_DOT_PX, -_DOT_PX))
        else:
            painter.setBrush(QColor(self._colours.trace))
            painter.drawEllipse(at, _DOT_PX - 1, _DOT_PX - 1)
            painter.setBrush(Qt.BrushStyle.NoBrush)


def _written(name: str) -> str:
    return name[:_LONGEST]
