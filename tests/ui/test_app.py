"""A session runs in a window from start to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from bci_app.contract.errors import SettingsError
from bci_app.engine.events import Problem
from bci_app.ui.app import has_display, run_window
from bci_app.ui.main_window import MainWindow
from tests.ui.fake_session import FakeSession, RunningFakeSession


def _close_window(app: QApplication) -> None:
    for widget in app.topLevelWidgets():
        if isinstance(widget, MainWindow):
            widget.close()


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("win32", {}, True),
        ("darwin", {}, True),
    ],
)
def test_display_is_judged_by_platform_and_environment(
    platform: str, environment: dict[str, str], expected: bool
) -> None:
    assert has_display(platform, environment) is expected


def test_session_runs_to_its_end_and_leaves_a_screenshot(qapp: QApplication, tmp_path: Path) -> None:
    session = RunningFakeSession(n_of=4, pace_s=0.1)
    path = tmp_path / "window.png"
    assert run_window(session, offscreen=True, close_when_finished=True, screenshot=path) == 0
    assert len(session.shown) == 4
    assert 1 <= len(session.handed) <= 4
    assert session.stops == 1
    assert not QImage(str(path)).isNull()


def test_window_closes_within_two_seconds_while_the_session_runs(qapp: QApplication) -> None:
    session = RunningFakeSession(n_of=1000, pace_s=0.2)
    asked: list[float] = []

    def close() -> None:
        asked.append(time.perf_counter())
        _close_window(qapp)

    QTimer.singleShot(300, close)
    assert run_window(session, offscreen=True) == 0
    assert time.perf_counter() - asked[0] < 2.0
    assert "fake session" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself SIGINT on Windows")
def test_interrupt_while_the_session_begins_closes_the_window(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = FakeSession()
    monkeypatch.setattr(session, "start", lambda on_event: os.kill(os.getpid(), signal.SIGINT))
    assert run_window(session, offscreen=True) == 0
    assert session.stops == 1


def test_a_window_that_has_closed_ends_no_loop_after_its_own(qapp: QApplication) -> None:
    qapp.setQuitOnLastWindowClosed(
        True
    )  # Qt's usual; the end of a window's loop would be heard in the next one as well
    assert run_window(RunningFakeSession(n_of=1, pace_s=0.02), offscreen=True, close_when_finished=True) == 0
    loop, turns = QEventLoop(), []
    QTimer.singleShot(0, lambda: turns.append("turned"))
    QTimer.singleShot(10, loop.quit)
    loop.exec()
    assert turns == ["turned"]


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself SIGINT on Windows")
def test_interrupt_closes_the_window_and_restores_the_handler(qapp: QApplication) -> None:
    before = signal.getsignal(signal.SIGINT)
    session = FakeSession()
    QTimer.singleShot(100, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert run_window(session, offscreen=True) == 0
    assert session.stops == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_fatal_problem_makes_the_run_fail(qapp: QApplication) -> None:
    session = FakeSession()

    def fail_then_close() -> None:
        session.say(Problem("The disk is full.", fatal=True))
        QTimer.singleShot(150, lambda: _close_window(qapp))  # after the problem has come through

    QTimer.singleShot(50, fail_then_close)
    assert run_window(session, offscreen=True) == 1


def test_window_without_display_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("bci_app.ui.app.has_display", lambda: False)
    with pytest.raises(SettingsError, match="offscreen"):
        run_window(FakeSession())


def test_a_display_that_cannot_be_used_ends_in_words_and_not_in_a_crash() -> None:
    program = "from bci_app.ui.app import run_instrument; run_instrument(None)"
    environment = os.environ | {"QT_QPA_PLATFORM": "no such platform", "DISPLAY": ":77"}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "':77' is named and cannot be used" in ended.stderr
    assert "--offscreen" in ended.stderr


def test_screenshot_of_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.png"):
        run_window(FakeSession(), offscreen=True, screenshot=tmp_path / "window.txt")


def test_unknown_appearance_is_refused() -> None:
    with pytest.raises(SettingsError, match="dark or light"):
        run_window(FakeSession(), offscreen=True, appearance="pink")


BARE_MACHINE = """
from PySide6.QtGui import QFont, QFontMetricsF
from PySide6.QtWidgets import QApplication
from bci_app.ui import theme
app = QApplication([])
print(QFontMetricsF(QFont("Sans Serif")).inFont("H"))
theme.dress(app, theme.DARK)
from bci_app.ui.views.text import PlainLabel
label = PlainLabel("Hello", points=24)
image = label.grab().toImage()
dark = {image.pixelColor(x, y).lightness() for x in range(image.width()) for y in range(image.height())}
print(app.font().family(), label.sizeHint().width() > 50, len(dark) > 8)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="fontconfig is Linux's")
def test_text_is_drawn_on_a_machine_without_fonts(tmp_path: Path) -> None:
    (tmp_path / "fonts.conf").write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    environment = os.environ | {
        "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"),
        "FONTCONFIG_PATH": str(tmp_path),
        "QT_QPA_PLATFORM": "offscreen",
    }
    result = subprocess.run(
        [sys.executable, "-c", BARE_MACHINE], env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.splitlines() == ["False", "DejaVu Sans True True"], result.stderr
