"""An evolution is described by a form, and lives in its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from bci_app.engine.evolution_choices import EvolutionChoices, EvolutionForm
from bci_app.engine.evolution_settings import RateResponse
from bci_app.engine.settings import StreamChoice
from bci_app.streams.source import StreamDescription
from bci_app.ui.evolution_window import EvolutionWindow
from bci_app.ui.pages.evolve import EvolvePage
from bci_app.ui.pages.page import Holder
from tests.tiny import tiny_generator

WAIT_MS = 30_000
"""A busy machine may need a while; whoever is there sooner is not waited for."""
NEURONS = StreamDescription("Array", "Spikes", "array-1", "lab", "uid-1", ("n1", "n2"), "count", 100.0, 2)


def _page(qtbot: QtBot, generator: Path | None, runs: Path, response: str) -> tuple[EvolvePage, list[str]]:
    holder = Holder()
    holder.choose(participant="P07", generator=generator, device="cpu", runs=runs)
    page, words = EvolvePage(holder), list[str]()
    qtbot.addWidget(page)
    page.said.connect(lambda text, tone: words.append(text) if text else None)
    _choose(page.response, response)
    return page, words


def _choose(field: QComboBox, value: str) -> None:
    field.setCurrentIndex(field.findData(value))


def _tell(done: int, total: int, text: str) -> None:
    """Nobody listens."""


def test_ratings_need_no_stream_and_what_was_shown_is_kept(qtbot: QtBot, tmp_path: Path) -> None:
    page, _ = _page(qtbot, tiny_generator(tmp_path / "tiny").folder, tmp_path / "runs", "rating")
    assert not page.channels.isEnabled()
    page.generations.setValue(3)
    page.sham.setCurrentIndex(1)
    page.show()
    page.start()
    qtbot.waitUntil(lambda: page.window_inside is not None, timeout=WAIT_MS)
    inside = page.window_inside
    assert isinstance(inside, EvolutionWindow)
    qtbot.waitUntil(inside.isActiveWindow, timeout=WAIT_MS)
    with qtbot.waitSignal(inside.stimulator.shown, timeout=WAIT_MS):
        pass
    for _ in range(2):  # the first stops all pictures, the second closes
        qtbot.keyClick(inside, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page.busy is None, timeout=WAIT_MS)
    (run,) = (tmp_path / "runs").iterdir()
    settings = json.loads((run / "session.json").read_text())["settings"]
    assert (settings["response"]["kind"], settings["n_generations"], settings["sham"]) == ("rating", 3, "on")
    assert (run / "report.html").is_file()
    page.finish()


def test_run_that_was_stopped_goes_on_with_what_it_was_begun_with(qtbot: QtBot, tmp_path: Path) -> None:
    page, _ = _page(qtbot, tiny_generator(tmp_path / "tiny").folder, tmp_path / "runs", "rating")
    _choose(page.optimiser, "genetic")
    page.population.setValue(10)
    page.generations.setValue(3)
    page.start()
    qtbot.waitUntil(lambda: page.window_inside is not None, timeout=WAIT_MS)
    page.close_page()
    qtbot.waitUntil(lambda: page.busy is None, timeout=WAIT_MS)
    (run,) = (tmp_path / "runs").iterdir()
    assert "It can go on" in page.result.text()
    again, words = _page(qtbot, None, tmp_path / "runs", "unit")
    again.holder.choose(participant="P08")
    again.go_on.set_path(run)
    again.start()
    qtbot.waitUntil(lambda: bool(words), timeout=WAIT_MS)
    assert "own participant, 'P07'" in words[-1]
    assert (again.response.currentData(), again.optimiser.currentData()) == ("rating", "genetic")
    assert (again.population.value(), again.generations.value(), again.optimiser.isEnabled()) == (10, 3, False)
    qtbot.waitUntil(lambda: again.busy is None, timeout=WAIT_MS)
    again.holder.choose(participant="P07")
    again.start()
    qtbot.waitUntil(lambda: again.window_inside is not None, timeout=WAIT_MS)
    for each in (again, page):
        each.close_page()
        each.finish()
    assert [entry["generation"] for entry in json.loads((run / "session.json").read_text())["resumed"]] == [0]
    assert list((tmp_path / "runs").iterdir()) == [run]


def test_evolution_that_goes_on_and_is_given_up_is_kept(qtbot: QtBot, tmp_path: Path) -> None:
    page, _ = _page(qtbot, tiny_generator(tmp_path / "tiny").folder, tmp_path / "runs", "rating")
    page._opener()(_tell).session.stop()
    (run,) = (tmp_path / "runs").iterdir()
    page.go_on.set_path(run)
    page._opener()(_tell).let_go()
    assert (run / "generations" / "g0000.npz").is_file()


def test_settings_file_is_shown_in_the_form_before_the_session_begins(qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text("{response: {kind: rating, steps: 5}, n_generations: 4, optimiser: {kind: random, population: 6}}")
    page, words = _page(qtbot, tiny_generator(tmp_path / "tiny").folder, tmp_path / "runs", "unit")
    page.settings_file.set_path(file)
    page.start()
    qtbot.waitUntil(lambda: page.window_inside is not None, timeout=WAIT_MS)
    (run,) = (tmp_path / "runs").iterdir()
    page.close_page()
    page.finish()
    settings = json.loads((run / "session.json").read_text())["settings"]
    assert (page.generations.value(), page.optimiser.currentData()) == (4, "random")
    assert (settings["n_generations"], settings["optimiser"]["population"], settings["response"]["steps"]) == (4, 6, 5)
    assert not words


@pytest.mark.parametrize("field", ["settings_file", "go_on"])
def test_file_that_cannot_be_read_is_told_and_the_form_stays(qtbot: QtBot, tmp_path: Path, field: str) -> None:
    page, words = _page(qtbot, None, tmp_path / "runs", "rating")
    page.generations.setValue(7)
    getattr(page, field).set_path(tmp_path / "nothing")
    page.start()
    qtbot.waitUntil(lambda: bool(words), timeout=WAIT_MS)
    assert str(tmp_path / "nothing") in words[-1]
    assert (page.busy, page.generations.value()) == (None, 7)
    page.finish()


def test_each_response_keeps_what_is_driven(qtbot: QtBot, tmp_path: Path) -> None:
    page, _ = _page(qtbot, None, tmp_path / "runs", "rate")
    page.channels.setText("n1, n2")
    seen = []
    for kind in ("unit", "rating", "component", "rate"):
        _choose(page.response, kind)
        seen.append((page.channels.text(), page.channels.isEnabled()))
    assert seen == [("0", True), ("", False), ("Pz", True), ("n1, n2", True)]


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
    qtbot.waitUntil(lambda: page.busy is None, timeout=WAIT_MS)
    assert missing in words[-1]
    page.finish()


def test_channels_and_rate_are_those_of_the_stream(qtbot: QtBot, tmp_path: Path) -> None:
    page, _ = _page(qtbot, None, tmp_path / "runs", "rate")
    page.holder.choose(stream=StreamChoice(name="Array", source_id="array-1"))
    page.holder.found = NEURONS
    page.channels.setText("n1, n2")
    settings = EvolutionForm(EvolutionChoices(**page._choices()), **page._told()).settings()
    assert settings.response == RateResponse(neurons=("n1", "n2"), sfreq=100.0)
    assert settings.stream.source_id == "array-1"
