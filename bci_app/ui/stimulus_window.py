"""The participant's screen: a window without frame over all of it, bound to the frames of the screen where OpenGL can."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import (
    QExposeEvent,
    QGuiApplication,
    QKeyEvent,
    QOpenGLContext,
    QPainter,
    QScreen,
    QSurface,
    QSurfaceFormat,
    QWindow,
)
from PySide6.QtOpenGL import QOpenGLPaintDevice

from bci_app.contract.errors import SettingsError
from bci_app.engine.evolution_settings import Stimulus
from bci_app.ui.views.stimulus import Scene, StimulusView, paint_scene

logger = logging.getLogger(__name__)

TITLE = "Pictures"
TRIAL_FRAMES = 12
"""Frames that are timed to see whether OpenGL waits for the screen."""
_TOLERANCE = 0.15
_EXPOSED_WITHIN_S = 1.0

OnKey = Callable[[int], bool]
OnClosed = Callable[[], None]


def stimulus_screen(look: Stimulus, own: QScreen) -> QScreen | None:
    """The screen for a window of its own beside that of the experimenter, on `own`; None to show pictures in there.

    Raises
    ------
    SettingsError
        If a screen was chosen that is not there.
    """
    screens = QGuiApplication.screens()
    if look.where == "window":
        return None
    if look.screen is not None:
        return _numbered(screens, look.screen)
    other = next((screen for screen in screens if screen is not own), None)
    return own if other is None and look.where == "full-screen" else other


def _numbered(screens: Sequence[QScreen], number: int) -> QScreen:
    if number < len(screens):
        return screens[number]
    raise SettingsError(
        f"Pictures are to be shown on screen {number}, counted from 0; {len(screens)} can be found. Connect it, or choose "
        "another one."
    )


def open_stimulus_window(
    look: Stimulus, screen: QScreen, on_key: OnKey, on_closed: OnClosed
) -> OpenGLView | StimulusView:
    """A surface over the whole of `screen`, on show: OpenGL if its frames come as often as the screen's, else raster.

    Parameters
    ----------
    look : Stimulus
        Size of the picture, fixation cross, photodiode square.
    screen : QScreen
        Covered whole.
    on_key : callable
        Takes a key and says whether it meant something.
    on_closed : callable
        The person closed the window; `discard` takes it away and tells nobody.
    """
    window = OpenGLView(look, screen, on_key, on_closed)
    if window.works():
        return window
    window.discard()
    view = StimulusView(look, on_key, on_closed)
    view.setWindowFlags(Qt.WindowType.Window | Qt.WindowType.FramelessWindowHint)
    view.setWindowTitle(TITLE)
    view.setCursor(Qt.CursorShape.BlankCursor)
    view.setScreen(screen)
    view.setGeometry(screen.geometry())
    view.showFullScreen()
    view.activateWindow()
    return view


def in_step(swaps: Sequence[float], refresh_hz: float) -> bool:
    """Whether frames that were swapped at these times, in seconds, came as often as those of the screen."""
    if len(swaps) < TRIAL_FRAMES:
        return False
    frames = float(np.median(np.diff(swaps)[1:])) * refresh_hz
    logger.info("a frame of OpenGL takes %.2f frames of the screen", frames)
    return abs(frames - 1) < _TOLERANCE


class OpenGLView(QWindow):
    """A surface that waits for the screen: `draw` returns when the frame has been swapped in.

    Parameters as of `open_stimulus_window`.
    """

    def __init__(self, look: Stimulus, screen: QScreen, on_key: OnKey, on_closed: OnClosed) -> None:
        super().__init__(screen)
        self._look = look
        self._on_key = on_key
        self._on_closed = on_closed
        self._scene = Scene()
        self._painted: Callable[[], None] | None = None
        self._context = QOpenGLContext(self)
        self.setSurfaceType(QSurface.SurfaceType.OpenGLSurface)
        once_per_frame = QSurfaceFormat()
        once_per_frame.setSwapInterval(1)
        self.setFormat(once_per_frame)
        self._context.setFormat(once_per_frame)
        self.setFlags(Qt.WindowType.Window | Qt.WindowType.FramelessWindowHint)
        self.setTitle(TITLE)
        self.setCursor(Qt.CursorShape.BlankCursor)

    @property
    def how(self) -> str:
        """It is painted, in plain words."""
        return "OpenGL, vertical sync"

    @property
    def lead_s(self) -> float:
        """Half a frame, so that the frame nearest to the time it is due is met."""
        return 0.5 / self.refresh_hz

    @property
    def refresh_hz(self) -> float:
        """Frames per second of its screen."""
        return float(self.screen().refreshRate())

    def works(self) -> bool:
        """Show the window and time a few frames: whether OpenGL works here and waits for the screen."""
        if not self._context.create():
            logger.info("the stimulus window is drawn without OpenGL: there is none")
            return False
        self.setGeometry(self.screen().geometry())
        self.showFullScreen()
        self.requestActivate()
        until = time.monotonic() + _EXPOSED_WITHIN_S
        while not self.isExposed() and time.monotonic() < until:
            QGuiApplication.processEvents()
        swaps = [time.perf_counter() for _ in range(TRIAL_FRAMES) if self._swap()]
        return in_step(swaps, self.refresh_hz)

    def draw(self, scene: Scene, painted: Callable[[], None]) -> None:
        """Paint `scene` at once; while covered it is painted, and `painted` called, when the window appears."""
        self._scene, self._painted = scene, painted
        self._show()

    def discard(self) -> None:
        """Take the window away; nobody is told."""
        self._on_closed = lambda: None
        self.destroy()
        self.deleteLater()

    def exposeEvent(self, event: QExposeEvent) -> None:
        """Draw what the window has to show."""
        if self._context.isValid():
            self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hand keys on."""
        if event.isAutoRepeat() or not self._on_key(event.key()):
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Tell that the person closed it."""
        handled = super().event(event)
        if event.type() == QEvent.Type.Close:
            self._on_closed()
        return handled

    def _show(self) -> None:
        if self._swap():
            painted, self._painted = self._painted, None
            if painted is not None:
                painted()

    def _swap(self) -> bool:
        """Draw the scene and wait until its frame is in; False while nothing can be seen."""
        if not self.isExposed() or not self._context.makeCurrent(self):
            return False
        pixels = self.size() * self.devicePixelRatio()
        device = QOpenGLPaintDevice(pixels)
        device.setDevicePixelRatio(self.devicePixelRatio())
        painter = QPainter(device)
        paint_scene(painter, QSize(self.size()), self._scene, self._look)
        painter.end()
        self._context.swapBuffers(self)
        self._context.functions().glFinish()  # drivers return from a swap before it happens
        return True
