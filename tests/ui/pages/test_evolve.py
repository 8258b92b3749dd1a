"""An evolution is described by a form, and lives in its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from bci_app.engine.settings import StreamChoice
from bci_app.streams.source import StreamDescription
from bci_app.ui.evolution_window import EvolutionWindow
from bci_app.ui.pages.evolve import RESPONSES, EvolvePage
from bci_app.ui.pages.page import Holder
from tests.tiny import tiny_generator

NEURONS = StreamDescription("Array", "Spikes", "array-1", "lab", "uid-1", ("n1", "n2"), "count", 100.0, 2)


def _page(qtbot: QtBot, generator: Path | None, runs: Path, response: str) -> tuple[EvolvePage, list[str]]:
    holder = Holder()
    holder.choose(participant="P07", generator=generator, device="cpu", runs=runs)
    page, words = EvolvePage(holder), list[str]()
    qtbot.addWidget(page)
    page.said.connect(lambda text, tone: words.append(text) if text else None)
    page.response.setCurrentIndex([value for _, value in RESPONSES].index(response))
    return page, words


def test_ratings_need_no_stream_and_what_was_shown_is_kept(qtbot: QtBot, tmp_path: Path) -> None:
    page, _ = _page(qtbot, tiny_generator(tmp_path / "tiny").folder, tmp_path / "runs", "rating")
    assert not page.channels.isEnabled()
    page.generations.setValue(3)
    page.sham.setCurrentIndex(1)
    page.show()
    page.start()
    qtbot.waitUntil(lambda: page.window_inside is not None)
    inside = page.window_inside
    assert isinstance(inside, EvolutionWindow)
    qtbot.waitUntil(inside.isActiveWindow)
    with qtbot.waitSignal(inside.stimulator.shown):
        pass
    for _ in range(2):  # the first stops all pictures, the second closes
        qtbot.keyClick(inside, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page.busy is None)
    (run,) = (tmp_path / "runs").iterdir()
    settings = json.loads((run / "session.json").read_text())["settings"]
    assert (settings["response"]["kind"], settings["n_generations"], settings["sham"]) == ("rating", 3, "on")
    assert (run / "report.html").is_file()
    page.finish()


@pytest.mark.parametrize(
    ("typed", "found", "missing"), [("n1", None, "has not been found"), (" , ", NEURONS, "none is named")]
)
def test_response_of_a_stream_needs_its_rate_and_channels(
    qtbot: QtBot, tmp_path: Path, typed: str, found: StreamDescription | None, missing: str
) -> None:
    page, words = _page(qtbot, None, tmp_path / "runs", "rate")
    page.holder.choose(stream=StreamChoice(name="Array", source_id="array-1"))
    page.holder.found = found
    page.channels.setText(typed)
    page.start()
    assert missing in words[-1]
    assert page.busy is None


def test_channels_and_rate_are_those_of_the_stream(qtbot: QtBot, tmp_path: Path) -> None:
    page, _ = _page(qtbot, None, tmp_path / "runs", "rate")
    page.holder.found = NEURONS
    page.channels.setText("n1, n2")
    assert page._streamed("rate") == {"kind": "rate", "sfreq": 100.0, "neurons": ("n1", "n2")}
    assert page._streamed("component") == {"kind": "component", "sfreq": 100.0, "channels": ("n1", "n2")}
