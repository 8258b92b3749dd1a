"""Runs one session in a window, from its start to the closing of the window.

Qt is imported inside the functions: the platform must be chosen before, and the command line can ask
`has_display` without paying for Qt.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bci_app.contract.errors import SettingsError

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from typing_extensions import TypeIs

    from bci_app.engine.evolution_settings import Stimulus
    from bci_app.engine.sentence_list import Pace
    from bci_app.streams.markers import MarkerOutlet
    from bci_app.ui.bridge import Session
    from bci_app.ui.evolution_bridge import EvolutionSession
    from bci_app.ui.evolution_window import EvolutionWindow
    from bci_app.ui.main_window import MainWindow
    from bci_app.ui.text_bridge import TextSession
    from bci_app.ui.text_window import TextWindow
    from bci_app.ui.theme import Theme

    WindowSession = Session | EvolutionSession | TextSession

logger = logging.getLogger(__name__)

_SWITCH_S = 1e-3
UNREACHABLE = (
    "A window needs a display; '%s' is named and cannot be used, for the reason that Qt gives above. Start from a desktop "
    "session, correct DISPLAY or QT_QPA_PLATFORM, or ask for --offscreen or --headless; bci-app doctor tells more."
)
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg")


def has_display(platform: str = sys.platform, environment: Mapping[str, str] | None = None) -> bool:
    """Whether a window can be seen on this machine.

    Parameters
    ----------
    platform : str
        As in `sys.platform`.
    environment : mapping, optional
        Environment variables; those of the process by default.

    Returns
    -------
    bool
        True on Windows and macOS; elsewhere where an X or Wayland display is named.
    """
    if platform in ("win32", "darwin", "cygwin"):
        return True
    variables = os.environ if environment is None else environment
    return bool(variables.get("DISPLAY") or variables.get("WAYLAND_DISPLAY"))


def run_window(
    session: WindowSession,
    *,
    offscreen: bool = False,
    close_when_finished: bool = False,
    screenshot: Path | None = None,
    appearance: str = "dark",
) -> int:
    """Show a session in a window until the window is closed.

    Parameters
    ----------
    session : Session, EvolutionSession or TextSession
        Not started yet; it has been stopped when this returns. Its kind decides which window it gets.
    offscreen : bool
        Draw without a display: for tests, servers and screenshots.
    close_when_finished : bool
        Close shortly after the session has come to its end.
    screenshot : Path, optional
        Where to save a picture of the window just before it closes.
    appearance : str
        "dark" or "light".

    Returns
    -------
    int
        0; 1 if the session ended by a fatal problem or the screenshot could not be written.

    Raises
    ------
    SettingsError
        If there is no display and `offscreen` is False, or the screenshot or appearance cannot be meant.
    """
    _check(offscreen, screenshot)
    if offscreen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with _qt_messages_logged():
        app = _application(appearance)
        from bci_app.ui import theme

        window = _window(session, theme.THEMES[appearance], close_when_finished, screenshot)
        window.closed.connect(app.quit)
        try:
            window.show()
            with _closes_on_signal(window.close), _prompt_threads():
                window.begin()
                app.exec()
        finally:
            window.release()
            window.deleteLater()
            app.processEvents()
    return int(window.failed)


def run_instrument(
    file: Path | None,
    *,
    offscreen: bool = False,
    page: str | None = None,
    appearance: str | None = None,
    seconds: float | None = None,
    screenshot: Path | None = None,
) -> int:
    """Open the window from which whole sessions are run, until it is closed.

    Parameters
    ----------
    file : Path or None
        Where what is chosen is remembered; None for nowhere.
    offscreen : bool
        Draw without a display.
    page : str, optional
        Title of the page to begin with; that of the last time by default.
    appearance : str, optional
        "dark" or "light"; that of the last time by default.
    seconds : float, optional
        Close by itself after so long.
    screenshot : Path, optional
        Where to save a picture of the window just before it closes by itself.

    Returns
    -------
    int
        0; 1 if the screenshot could not be written.

    Raises
    ------
    SettingsError
        If there is no display and `offscreen` is False, or something that was given cannot be meant.
    """
    _check(offscreen, screenshot)
    if offscreen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with _qt_messages_logged():
        from bci_app.ui.instrument import PAGES, InstrumentWindow
        from bci_app.ui.pages.page import Holder

        titles = [kind.title for kind in PAGES]
        if page is not None and page not in titles:
            raise SettingsError(f"The window has the pages {', '.join(titles)}; got '{page}'. Choose one of them.")
        holder = Holder(file)
        holder.choose(**{name: text for name, text in (("page", page), ("appearance", appearance)) if text is not None})
        app = _application(holder.current.appearance)
        window = InstrumentWindow(holder)
        window.closed.connect(app.quit)
        try:
            window.show()
            app.processEvents()  # seen before anything heavy is loaded
            window.start()
            window.close_after(seconds, screenshot)
            with _closes_on_signal(window.close), _prompt_threads():
                app.exec()
        finally:
            window.close()
            window.finish()
            window.deleteLater()
            app.processEvents()
    return int(window.failed)


def run_sentences(
    sentences: Sequence[str], pace: Pace, look: Stimulus, markers: MarkerOutlet, *, offscreen: bool = False
) -> int:
    """Show sentences word by word over the whole of the participant's screen, until the last or a stop key.

    Parameters
    ----------
    sentences, pace
        See `bci_app.ui.sentence_show.SentenceShow`.
    look : Stimulus
        Which screen, and how large the square is that a word stands in.
    markers : MarkerOutlet
        Nothing is shown before somebody listens to it.
    offscreen : bool
        Draw without a display.

    Returns
    -------
    int
        Sentences shown whole.

    Raises
    ------
    SettingsError
        If there is no display and `offscreen` is False, or the screen is not there.
    """
    _check(offscreen, None)
    if offscreen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with _qt_messages_logged():
        app = _application("dark")
        from bci_app.pictures.flash import FlashGuard
        from bci_app.streams.lsl import local_clock
        from bci_app.ui.sentence_show import SentenceShow
        from bci_app.ui.stimulator import Stimulator
        from bci_app.ui.stimulus_window import open_stimulus_window, stimulus_screen

        screen = stimulus_screen(look, app.primaryScreen()) or app.primaryScreen()
        stimulators: list[Stimulator] = []  # none yet while the window waits to be seen, which hears keys already
        closed = threading.Event()

        def on_closed() -> None:
            closed.set()
            app.quit()

        surface = open_stimulus_window(
            look, screen, lambda key: any(each.press(key) for each in stimulators), on_closed
        )
        stimulator = Stimulator(surface, local_clock, FlashGuard())
        stimulators.append(stimulator)
        show = SentenceShow(sentences, pace, stimulator, markers, local_clock)
        show.finished.connect(app.quit)
        try:
            with _closes_on_signal(app.quit), _prompt_threads():
                if not closed.is_set():
                    show.begin()
                    app.exec()
        finally:
            show.end()
            stimulator.close()
            surface.discard()
            app.processEvents()
    return show.n_shown


def _window(
    session: WindowSession, colours: Theme, close_when_finished: bool, screenshot: Path | None
) -> MainWindow | EvolutionWindow | TextWindow:
    from bci_app.ui.evolution_window import EvolutionWindow
    from bci_app.ui.main_window import MainWindow

    if _evolves(session):
        return EvolutionWindow(session, colours=colours, close_when_finished=close_when_finished, screenshot=screenshot)
    if _reads_text(session):
        from bci_app.ui.text_window import TextWindow

        return TextWindow(session, colours=colours, close_when_finished=close_when_finished, screenshot=screenshot)
    return MainWindow(session, colours=colours, close_when_finished=close_when_finished, screenshot=screenshot)


def _evolves(session: WindowSession) -> TypeIs[EvolutionSession]:
    return hasattr(session, "evolution")


def _reads_text(session: Session | TextSession) -> TypeIs[TextSession]:
    return hasattr(session, "tested")


@contextmanager
def _qt_messages_logged() -> Iterator[None]:
    """Qt writes to the log; what it says of every window without a screen is left out."""
    from PySide6.QtCore import QCoreApplication, QMessageLogContext, QtMsgType, qInstallMessageHandler

    def log(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        if kind is QtMsgType.QtFatalMsg and QCoreApplication.startingUp():
            logger.error(UNREACHABLE, os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
            os._exit(1)  # Qt would abort, as if the program had crashed
        if "does not support propagateSizeHints" not in text:
            harmless = kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg)
            logger.log(logging.INFO if harmless else logging.WARNING, "Qt: %s", text)

    before = qInstallMessageHandler(log)
    try:
        yield
    finally:
        qInstallMessageHandler(before)


def _check(offscreen: bool, screenshot: Path | None) -> None:
    if not offscreen and not has_display():
        raise SettingsError(
            "A window needs a display; neither DISPLAY nor WAYLAND_DISPLAY is set. "
            "Start from a desktop session, or ask for an offscreen window."
        )
    if screenshot is not None and screenshot.suffix.lower() not in PICTURE_ENDINGS:
        raise SettingsError(
            f"A screenshot ends in one of {', '.join(PICTURE_ENDINGS)}; got '{screenshot.name}'. Rename it."
        )


def _application(appearance: str) -> QApplication:
    from PySide6.QtWidgets import QApplication

    from bci_app.ui import theme

    if appearance not in theme.THEMES:
        known = " or ".join(theme.THEMES)
        raise SettingsError(f"The appearance is {known}; got '{appearance}'. Choose one of them.")
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(["bci-app"])
    # `closed` ends a window's loop; the event of Qt's own quitting would end the next loop
    app.setQuitOnLastWindowClosed(False)
    theme.dress(app, theme.THEMES[appearance])
    return app


@contextmanager
def _prompt_threads() -> Iterator[None]:
    """No long waits for the interpreter: threads change every 1 ms, not 5, and old objects are not searched for garbage."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


@contextmanager
def _closes_on_signal(close: Callable[[], object]) -> Iterator[None]:
    """Close the window on Ctrl+C or a termination request; the polling timer lets Python see the signal."""
    from PySide6.QtCore import QTimer

    def close_in_loop(*_: object) -> None:
        QTimer.singleShot(0, close)  # what closes before its loop has begun does not end it

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, close_in_loop) for number in wanted]
    try:
        yield
    finally:
        for number, handler in zip(wanted, before, strict=True):
            signal.signal(number, handler)
