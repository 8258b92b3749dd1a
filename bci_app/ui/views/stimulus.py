"""What a participant sees: mid grey, a picture in its middle, and little else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QCloseEvent, QColor, QImage, QKeyEvent, QPainter, QPaintEvent, QPen, QRegion
from PySide6.QtWidgets import QSizePolicy, QWidget

from bci_app.engine.evolution_settings import Stimulus
from bci_app.ui import theme
from bci_app.ui.views.picture import to_qimage

GREY = QColor(theme.MID_GREY, theme.MID_GREY, theme.MID_GREY)
_QUIET = QColor("#303030")
_FIXATION = 0.03
"""Length of the cross, as a share of the height."""
_PHOTODIODE = 0.08
"""Side of the photodiode's square, as a share of the height."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One state of the participant's screen: a picture, uint8 (h, w, 3), or the grey, and a line of text below."""

    image: npt.NDArray[np.uint8] | None = None
    prompt: str = ""


class Surface(Protocol):
    """A place that a scene can be painted on.

    Attributes
    ----------
    how : str
        It is painted, in plain words.
    lead_s : float
        How long before it is due a scene is best painted.
    refresh_hz : float
        Frames per second of the screen.
    """

    @property
    def how(self) -> str: ...

    @property
    def lead_s(self) -> float: ...

    @property
    def refresh_hz(self) -> float: ...

    def draw(self, scene: Scene, painted: Callable[[], None]) -> None:
        """Paint at once; `painted` is called when the frame has gone out, unless another scene came before."""


class StimulusView(QWidget):
    """A surface in a window, drawn without OpenGL.

    Parameters
    ----------
    look : Stimulus
        Size of the picture, fixation cross, photodiode square.
    on_key : callable, optional
        Takes a key and says whether it meant something; where None, keys are the window's affair.
    on_closed : callable, optional
        The person closed it as a window.
    """

    def __init__(
        self,
        look: Stimulus,
        on_key: Callable[[int], bool] | None = None,
        on_closed: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._look = look
        self._on_key = on_key
        self._on_closed = on_closed
        self._scene = Scene()
        self._painted: Callable[[], None] | None = None
        self._drawn = False
        self._drawing = False
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 160)

    @property
    def how(self) -> str:
        """It is painted, in plain words."""
        return "raster"

    @property
    def lead_s(self) -> float:
        """It is painted when it is due."""
        return 0.0

    @property
    def refresh_hz(self) -> float:
        """Frames per second of its screen."""
        return float(self.screen().refreshRate())

    def sizeHint(self) -> QSize:
        """A comfortable size; the layout stretches it."""
        return QSize(480, 360)

    def draw(self, scene: Scene, painted: Callable[[], None]) -> None:
        """Paint `scene` at once; while hidden it is painted, and `painted` called, when the view appears."""
        self._scene, self._painted = scene, painted
        self._drawn, self._drawing = False, True
        self.repaint(
            changing_part(self.size(), self._look)
        )  # paints and flushes before it returns, so what is called after it comes after the pixels
        self._drawing = False
        if self._drawn:
            self._announce()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the scene."""
        painter = QPainter(self)
        paint_scene(painter, self.size(), self._scene, self._look)
        painter.end()
        self._drawn = True
        if not self._drawing:
            self._announce()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hand keys on."""
        if self._on_key is None or event.isAutoRepeat() or not self._on_key(event.key()):
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the person closed it."""
        event.accept()
        self._on_closed()

    def discard(self) -> None:
        """Take the view away; nobody is told."""
        self._on_closed = lambda: None
        self.close()
        self.deleteLater()

    def _announce(self) -> None:
        painted, self._painted = self._painted, None
        if painted is not None:
            painted()


def paint_scene(painter: QPainter, size: QSize, scene: Scene, look: Stimulus) -> None:
    """Draw a scene over the whole of an area of `size`."""
    painter.fillRect(QRect(QPoint(0, 0), size), GREY)
    places = _Places.of(size, look)
    if scene.image is not None:
        picture, _pixels = to_qimage(scene.image)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(_fitted(picture, places.picture)), picture)
    elif look.fixation:
        _paint_cross(painter, QRectF(places.picture).center(), round(_FIXATION * size.height()))
    if look.photodiode:
        level = 0 if scene.image is None else 255
        painter.fillRect(places.photodiode, QColor(level, level, level))
    if scene.prompt:
        painter.setPen(_QUIET)
        painter.setFont(theme.font(max(theme.BODY_PT, size.height() // 50)))
        painter.drawText(places.prompt, int(Qt.AlignmentFlag.AlignCenter), scene.prompt)


def changing_part(size: QSize, look: Stimulus) -> QRegion:
    """Where one scene differs from another: the rest need not be painted again."""
    places = _Places.of(size, look)
    cross = round(_FIXATION * size.height()) + 4
    middle = QRect(0, 0, cross, cross)
    middle.moveCenter(places.picture.center())
    return QRegion(places.picture) + QRegion(middle) + QRegion(places.prompt) + QRegion(places.photodiode)


@dataclass(frozen=True, slots=True)
class _Places:
    """Squares of picture and photodiode, and the line of text."""

    picture: QRect
    prompt: QRect
    photodiode: QRect

    @classmethod
    def of(cls, size: QSize, look: Stimulus) -> Self:
        side = min(round(look.height * size.height()), size.width())
        picture = QRect((size.width() - side) // 2, (size.height() - side) // 2, side, side)
        below = size.height() - picture.bottom() - 1
        prompt = QRect(0, picture.bottom() + 1 + below // 8, size.width(), max(1, below // 3))
        square = round(_PHOTODIODE * size.height())
        return cls(picture, prompt, QRect(0, size.height() - square, square, square))


def _paint_cross(painter: QPainter, centre: QPointF, length: int) -> None:
    painter.setPen(QPen(_QUIET, max(2, length // 10)))
    for across in (QPointF(length / 2, 0), QPointF(0, length / 2)):
        painter.drawLine(centre - across, centre + across)


def _fitted(picture: QImage, square: QRect) -> QRect:
    size = picture.size().scaled(square.size(), Qt.AspectRatioMode.KeepAspectRatio)
    fitted = QRect(0, 0, size.width(), size.height())
    fitted.moveCenter(square.center())
    return fitted
