"""Whatever takes long is done beside the window: it goes on drawing and listening meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from bci_app.contract.errors import SettingsError
from bci_app.engine.calibration_session import CalibrationSettings
from bci_app.engine.evolution_settings import Stimulus
from bci_app.engine.settings import StreamChoice
from bci_app.streams import lsl
from bci_app.ui.calibration_window import CalibrationWindow
from bci_app.ui.instrument import PAGES, InstrumentWindow
from bci_app.ui.main_window import MainWindow
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.session_page import Opened
from tests.engine.test_participants import new_session
from tests.ui.fake_calibration import FakeCalibration
from tests.ui.fake_session import FakeSession

LONGEST_S = 5.0
"""How long a work waits for the window; one that runs in the thread of the window waits in vain."""


class LongWork:
    """Stands for a work that takes long: it ends when the window has lived for a while beside it, and comes to nothing."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.window_lived = False

    def __call__(self, *_: object, **__: object) -> None:
        self.begun.set()
        self.window_lived = self.may_end.wait(LONGEST_S)
        raise SettingsError("That is all.")


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstrumentWindow]:
    """The window with a stream, a participant, models and a session chosen."""
    monkeypatch.setattr(lsl, "_WAVE_S", 0.05)
    new_session(tmp_path / "runs", "run-1", "P07")
    holder = Holder()
    models = {"decoder": tmp_path, "text_decoder": tmp_path}
    holder.choose(participant="P07", stream=StreamChoice(name="EEG"), runs=tmp_path / "runs", **models)
    made = InstrumentWindow(holder, PAGES)
    made.show()
    yield made
    made.close()
    made.finish()
    made.deleteLater()


def _rate(page: Any) -> None:
    page.response.setCurrentIndex(page.response.findData("rating"))
    page.start()


def _name_settings(page: Any) -> None:
    page.settings_file.line.setText("settings.yaml")
    page.settings_file.line.editingFinished.emit()


def _replay(page: Any) -> None:
    page.starting.file.set_path(page.holder.current.runs)
    page.starting.start_replay()


def _press(name: str) -> Callable[[Any], None]:
    """Enter the page of sessions, put the cursor on the first one, and press a button."""

    def press(page: Any) -> None:
        page.table.selectRow(0)
        getattr(page, name).click()

    return press


WORKS: tuple[tuple[str, Callable[[Any], None], str], ...] = (
    ("Connect", lambda page: page.starting.start_participant(), "senders.SimulatedParticipant"),
    ("Connect", _replay, "senders.PlayedRecording"),
    ("Signal", lambda page: page.begin(False), "monitor_session.plan_monitor"),
    ("Calibrate", lambda page: page.start(), "calibration_session.open_calibration"),
    ("Decode", lambda page: page.start(), "opening.open_plan"),
    ("Evolve", _rate, "evolution_plan.open_evolution"),
    ("Evolve", _name_settings, "evolution_choices.named_settings"),
    ("Read", lambda page: page.start(), "text_plan.open_text_plan"),
    ("Sessions", lambda page: page.refresh(), "sessions.list_sessions"),
    ("Sessions", _press("anew"), "reopening.report_again"),
    ("Sessions", _press("xdf"), "export.export_session"),
)


@pytest.mark.parametrize(("title", "begin", "work"), WORKS, ids=[f"{title} {work}" for title, _, work in WORKS])
def test_window_lives_while_a_page_works(
    window: InstrumentWindow,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    title: str,
    begin: Callable[[Any], None],
    work: str,
) -> None:
    page: Any = window.page([kind.title for kind in PAGES].index(title))
    if title == "Sessions":
        page.refresh()
        qtbot.waitUntil(lambda: page.table.rowCount() == 1)
    long_work = LongWork()
    monkeypatch.setattr(f"bci_app.engine.{work}", long_work)
    begin(page)
    qtbot.waitUntil(long_work.begun.is_set)
    with qtbot.waitSignal(page.said) as told:
        long_work.may_end.set()
    assert told.args[0] == "That is all."
    assert long_work.window_lived


@pytest.mark.parametrize(
    ("title", "session", "window_of", "busy"),
    [
        ("Decode", FakeSession(), MainWindow, "a report is being written"),
        ("Calibrate", FakeCalibration(), CalibrationWindow, None),
    ],
    ids=["Decode", "Calibrate"],
)
def test_session_is_stopped_beside_the_window(
    window: InstrumentWindow,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    title: str,
    session: Any,
    window_of: Callable[[Any], Any],
    busy: str | None,
) -> None:
    stopping = LongWork()
    session.plan = SimpleNamespace(folder=tmp_path, settings=CalibrationSettings(stimulus=Stimulus(where="window")))
    session.n_shown = 0
    monkeypatch.setattr(session, "stop", stopping)
    page: Any = window.page([kind.title for kind in PAGES].index(title))
    monkeypatch.setattr(page, "_opener", lambda: lambda tell: Opened(session, ExitStack()))
    monkeypatch.setattr(page, "_new_window", window_of)
    page._started_s = 0.0
    page.start()
    qtbot.waitUntil(lambda: page.window_inside is not None)
    page.window_inside.close()
    assert page.busy == busy
    qtbot.waitUntil(stopping.begun.is_set)
    with qtbot.waitSignal(page.said) as told:
        stopping.may_end.set()
    assert (told.args[0], stopping.window_lived) == ("That is all.", True)
