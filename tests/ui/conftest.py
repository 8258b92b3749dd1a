"""Windows without a display, and a check that each of them leaves nothing behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before the first import of Qt

from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from bci_app.ui import theme
from bci_app.ui.main_window import MainWindow
from tests.ui.fake_session import FakeSession

MakeWindow = Callable[..., tuple[MainWindow, FakeSession]]


@pytest.fixture(autouse=True)
def leaves_nothing_behind(qapp: QApplication) -> Iterator[None]:
    """Fail the test that leaves a thread, a running timer or a widget."""
    before = set(threading.enumerate())
    gc.freeze()  # what is there already is not searched again after every test
    theme.dress(qapp, theme.DARK)
    qapp.setQuitOnLastWindowClosed(False)  # one test's last window would end the next test's event loop
    yield
    for widget in filter(_is_ours, qapp.topLevelWidgets()):
        widget.close()
        widget.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    gc.collect()
    threads = [thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()]
    assert not threads, f"Threads still run: {threads}. Stop and join them when the window closes."
    timers = [found for found in gc.get_objects() if type(found) is QTimer and _runs(found)]
    assert not timers, f"{len(timers)} timers still run. Stop them when the window closes."
    windows = [type(widget).__name__ for widget in filter(_is_ours, qapp.topLevelWidgets())]
    assert not windows, f"Widgets still live: {windows}. Give them an owner or delete them."


@pytest.fixture
def make_window(qapp: QApplication) -> MakeWindow:
    """A window on a fake session, begun and painted once."""

    def make(session: FakeSession | None = None, **options: object) -> tuple[MainWindow, FakeSession]:
        chosen = session or FakeSession()
        window = MainWindow(chosen, **options)  # type: ignore[arg-type]
        window.show()
        window.begin()
        qapp.processEvents()
        return window, chosen

    return make


def _is_ours(widget: QWidget) -> bool:
    """Whether a widget is the project's: pyqtgraph's menus belong to its plots and go with them."""
    return type(widget).__module__.startswith("bci_app.")


def _runs(timer: QTimer) -> bool:
    try:
        return timer.isActive()
    except RuntimeError:  # deleted on the C++ side
        return False
