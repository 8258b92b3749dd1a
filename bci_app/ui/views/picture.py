"""One picture, large, with a caption; tells when a new picture has reached the screen, or fades from one to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from bci_app.ui import theme
from bci_app.ui.views.text import ElidedLabel, PlainLabel

NARROW_PX = 220
"""A narrower pane gives its note three lines instead of two."""
FADE_MS = 200
"""How long one reading takes to become the next."""
_STEP_MS = 40
THUMB_PX = 160
"""Thumbnails are kept at this size; strips draw them smaller."""


def to_qimage(image: npt.NDArray[np.uint8]) -> tuple[QImage, npt.NDArray[np.uint8]]:
    """Qt picture over the pixels of an array, and the array that must outlive it.

    Parameters
    ----------
    image : uint8 array (h, w, 3)
        Red, green, blue.

    Returns
    -------
    QImage
        Shares its pixels with the array.
    uint8 array (h, w, 3)
        The pixels. QImage does not own them: keep this array as long as the picture.
    """
    pixels = np.ascontiguousarray(image, dtype=np.uint8)
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888), pixels


def thumbnail(image: npt.NDArray[np.uint8]) -> QImage:
    """A small copy of a picture, uint8 (h, w, 3), with its proportions; it owns its pixels."""
    picture, _pixels = to_qimage(image)
    size = picture.size().scaled(THUMB_PX, THUMB_PX, Qt.AspectRatioMode.KeepAspectRatio)
    return picture.scaled(
        size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    ).copy()  # a copy of its own: the array may go


class Canvas(QWidget):
    """The bare picture, scaled to the widget with its proportions kept.

    Parameters
    ----------
    placeholder : str
        Text in the middle of the grey square while there is no picture.
    smooth : bool
        Interpolate when scaling; False keeps the pixels square.
    """

    painted = Signal(object)
    """Carries the token of a new picture, once, after its first paint."""

    def __init__(self, placeholder: str = "", *, smooth: bool = True) -> None:
        super().__init__()
        self._placeholder = placeholder
        self._smooth = smooth
        self._image: QImage | None = None
        self._pixels: npt.NDArray[np.uint8] | None = None
        self._token: Any = None
        self._drawn = False
        self._repainting = False
        self._fade: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]] | None = None  # from, to
        self._share = self._step = 1.0
        self._fading = QTimer(self, interval=_STEP_MS)
        self._fading.timeout.connect(self._fade_on)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(64, 64)

    def sizeHint(self) -> QSize:
        """A comfortable size; the layout stretches it."""
        return QSize(420, 420)

    def show_image(self, image: npt.NDArray[np.uint8]) -> None:
        """Show a picture at the next paint.

        Parameters
        ----------
        image : uint8 array (h, w, 3)
            Red, green, blue.
        """
        self._end_fade()
        self._image, self._pixels = to_qimage(image)
        self._token = None
        self.update()

    def fade_to(self, image: npt.NDArray[np.uint8], fade_ms: int = FADE_MS) -> None:
        """Let what is on show become another picture, step by step; the first picture comes at once.

        A picture that comes before the fade has ended takes over from the mixture that is on show: nothing ever jumps.

        Parameters
        ----------
        image : uint8 array (h, w, 3)
            Red, green, blue.
        fade_ms : int
            How long it takes; 0 for at once.
        """
        before = self._pixels
        if before is None or fade_ms <= 0 or not self.isVisible():
            self.show_image(image)
            return
        newest = np.ascontiguousarray(image, dtype=np.uint8)
        self._fade = _in_size(before, newest), newest
        self._token, self._share, self._step = None, 0.0, min(1.0, _STEP_MS / fade_ms)
        self._fade_on()
        self._fading.start()

    @property
    def share(self) -> float:
        """How much of the newest picture is on show, 0 to 1."""
        return self._share

    def show_now(self, image: npt.NDArray[np.uint8], token: Any) -> None:
        """Show a picture at once; `painted` follows when it has gone to the screen.

        A hidden window paints nothing: then `painted` comes with its first paint.

        Parameters
        ----------
        image : uint8 array (h, w, 3)
            Red, green, blue.
        token : object
            What `painted` carries.
        """
        self._end_fade()
        self._image, self._pixels = to_qimage(image)
        self._token = token
        self._drawn = False
        self._repainting = True
        self.repaint()  # paints and flushes before it returns, so the stamp is taken after the pixels left
        self._repainting = False
        if self._drawn:
            self._announce()

    def clear(self, placeholder: str = "") -> None:
        """Show mid grey, with a text or none."""
        self._end_fade()
        self._image, self._pixels, self._token = None, None, None
        self._placeholder = placeholder
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture or the grey square."""
        painter = QPainter(self)
        target = self.picture_rect()
        if self._image is None:
            self._paint_placeholder(painter, target)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._smooth)
            painter.drawImage(QRectF(target), self._image)
        painter.end()
        self._drawn = True
        if not self._repainting:
            self._announce()

    def hideEvent(self, event: QHideEvent) -> None:
        """What nobody sees need not fade."""
        super().hideEvent(event)
        self._end_fade()

    def picture_rect(self) -> QRect:
        """Rectangle in the widget, in pixels, that the picture covers."""
        width, height = (1, 1) if self._image is None else (self._image.width(), self._image.height())
        size = QSize(width, height).scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        return QRect(
            (self.width() - size.width()) // 2,
            (self.height() - size.height()) // 2,
            size.width(),
            size.height(),
        )

    def _paint_placeholder(self, painter: QPainter, target: QRect) -> None:
        painter.fillRect(target, QColor(theme.MID_GREY, theme.MID_GREY, theme.MID_GREY))
        if self._placeholder:
            painter.setPen(QColor("#101010"))
            painter.setFont(theme.font(theme.BODY_PT))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(target.adjusted(16, 16, -16, -16), int(flags), self._placeholder)

    def _fade_on(self) -> None:
        """One step further."""
        self._share = min(1.0, self._share + self._step)
        if self._fade is None or self._share >= 1.0 - 1e-9:
            self._end_fade()
        else:
            self._image, self._pixels = to_qimage(_mixed(*self._fade, self._share))
        self.update()

    def _end_fade(self) -> None:
        """What was on its way is there."""
        self._fading.stop()
        if self._fade is not None:
            self._image, self._pixels = to_qimage(self._fade[1])
        self._fade, self._share = None, 1.0

    def _announce(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            self.painted.emit(token)


def _mixed(before: npt.NDArray[np.uint8], newest: npt.NDArray[np.uint8], share: float) -> npt.NDArray[np.uint8]:
    """Both pictures (h, w, 3) in one, `share` of it the newest; mixed before it is scaled, which is the dearer of the two."""
    mixed = newest.astype(np.int16)  # in 128ths, so that nothing leaves its 16 bits
    mixed -= before
    mixed *= round(128 * share)
    mixed += 64
    mixed >>= 7
    mixed += before
    return mixed.astype(np.uint8)


def _in_size(picture: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """`picture` (h, w, 3) with as many pixels as `other` has."""
    if picture.shape == other.shape:
        return picture
    rows, columns = (np.arange(n) * m // n for n, m in zip(other.shape[:2], picture.shape[:2], strict=True))
    return np.ascontiguousarray(picture[rows[:, np.newaxis], columns])


class PictureView(QWidget):
    """A picture with its caption above and a note below.

    Parameters
    ----------
    caption : str
        What the picture is, e.g. "Shown".
    note : str
        Small text under the picture.
    placeholder : str
        Text while there is no picture.
    smooth : bool
        Interpolate when scaling.
    """

    painted = Signal(object)
    """Carries the token of a new picture, once, after its first paint."""

    def __init__(self, caption: str, note: str = "", placeholder: str = "", *, smooth: bool = True) -> None:
        super().__init__()
        self.canvas = Canvas(placeholder, smooth=smooth)
        self.canvas.painted.connect(self.painted)
        self._caption = ElidedLabel(caption, points=theme.TITLE_PT, bold=True)
        self._detail = ElidedLabel("", points=theme.BODY_PT, muted=True)
        self._detail.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._note = PlainLabel(note or " ", points=theme.SMALL_PT, muted=True, wrap=True)
        self._note.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._fit_note()
        header = QHBoxLayout()
        header.addWidget(self._caption, 1)
        header.addWidget(self._detail)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(header)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self._note)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no room for both, the caption stays."""
        super().resizeEvent(event)
        self._fit_detail()
        self._fit_note()

    def _fit_note(self) -> None:
        """A line more where the pane is narrow; panes side by side stay equal, whatever they say."""
        n_lines = 2 if self.width() >= NARROW_PX else 3
        self._note.setFixedHeight(n_lines * self._note.fontMetrics().lineSpacing())

    def _write_detail(self, text: str) -> None:
        if text != self._detail.text():
            self._detail.setText(text)
            self._fit_detail()

    def _fit_detail(self) -> None:
        wanted = sum(label.fontMetrics().horizontalAdvance(label.text()) for label in (self._caption, self._detail))
        self._detail.setVisible(wanted + theme.GAP_PX <= self.width())

    @property
    def detail(self) -> str:
        """The quiet text at the right of the caption."""
        return self._detail.text()

    def show_image(self, image: npt.NDArray[np.uint8], detail: str = "") -> None:
        """Show a picture, uint8 (h, w, 3), at the next paint."""
        self._write_detail(detail)
        self.canvas.show_image(image)

    def fade_to(self, image: npt.NDArray[np.uint8], detail: str = "", fade_ms: int = FADE_MS) -> None:
        """Let what is on show become another picture, uint8 (h, w, 3), within `fade_ms`."""
        self._write_detail(detail)
        self.canvas.fade_to(image, fade_ms)

    def show_now(self, image: npt.NDArray[np.uint8], token: Any, detail: str = "") -> None:
        """Show a picture, uint8 (h, w, 3), at once; `painted` brings the token back when it is on the screen."""
        self._write_detail(detail)
        self.canvas.show_now(image, token)

    def clear(self, placeholder: str = "") -> None:
        """Show mid grey."""
        self._write_detail("")
        self.canvas.clear(placeholder)
