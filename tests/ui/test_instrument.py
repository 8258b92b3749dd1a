"""One window for a whole session: its pages, its words, and a prompt end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QImage, QPalette
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout
from pytestqt.qtbot import QtBot
from typer.testing import CliRunner

from bci_app.cli.entry import app
from bci_app.contract.errors import SettingsError
from bci_app.engine.workplace import Workplace, load_workplace, save_workplace
from bci_app.ui import theme
from bci_app.ui.app import run_instrument
from bci_app.ui.instrument import PAGES, InstrumentWindow, PageKind
from bci_app.ui.pages.page import Holder, Page
from bci_app.ui.session_window import splitter
from bci_app.ui.views.text import PlainLabel


class Plain(Page):
    """A page that notes what becomes of it."""

    title, hint = "Plain", "Nothing to do here"

    def __init__(self, holder: Holder) -> None:
        super().__init__(holder)
        self.life: list[str] = []
        self.runs: str | None = None
        self.left_part, self.right_part = PlainLabel("left"), PlainLabel("right")
        self.line = splitter(Qt.Orientation.Horizontal, (self.left_part, 50), (self.right_part, 50))
        QVBoxLayout(self).addWidget(self.line)

    @property
    def busy(self) -> str | None:
        return self.runs

    def entered(self) -> None:
        self.life.append("entered")

    def left(self) -> None:
        self.life.append("left")

    def close_page(self) -> None:
        self.life.append("closed")

    def finish(self) -> None:
        self.life.append("finished")


class Other(Plain):
    """Another one."""

    title = "Other"


KINDS = tuple(PageKind(name, __name__, name) for name in ("Plain", "Other"))

Make = Callable[..., InstrumentWindow]


@pytest.fixture
def make(qapp: QApplication) -> Iterator[Make]:
    """Windows with two plain pages, on screen and begun."""
    made: list[InstrumentWindow] = []

    def begin(file: Path | None = None) -> InstrumentWindow:
        window = InstrumentWindow(Holder(file), KINDS)
        made.append(window)
        window.show()
        window.start()
        qapp.processEvents()
        return window

    yield begin
    for window in made:
        window.close()
        window.deleteLater()


def text_colour(page: Page) -> str:
    """The colour in which words are written there."""
    assert isinstance(page, Plain)
    return page.left_part.palette().color(QPalette.ColorRole.WindowText).name()


def _page(window: InstrumentWindow, index: int) -> Plain:
    page = window.page(index)
    assert isinstance(page, Plain)
    return page


def test_each_page_has_its_key_and_its_hint(make: Make, qtbot: QtBot) -> None:
    window = make()
    assert (type(window.current), window.hint.text()) == (Plain, Plain.hint)
    for key, kind in ((Qt.Key.Key_2, Other), (Qt.Key.Key_1, Plain)):
        qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
        assert type(window.current) is kind
        assert window.current.isVisible()
    assert _page(window, 0).life == ["entered", "left", "entered"]


def test_no_page_is_made_before_the_window_has_been_seen(qapp: QApplication) -> None:
    window = InstrumentWindow(Holder(), KINDS)
    window.show()
    qapp.processEvents()
    assert window.findChildren(Page) == []
    window.close()


def test_tab_comes_to_the_page_in_front_and_arrow_keys_go_on_to_the_others(make: Make) -> None:
    window = make()
    for index, title in ((1, "2  Other"), (0, "1  Plain")):
        window.show_page(index)
        buttons = window.findChildren(QPushButton)
        assert [each.text() for each in buttons if each.focusPolicy() & Qt.FocusPolicy.TabFocus] == [title]


def test_what_is_busy_behind_goes_on_and_is_told(make: Make) -> None:
    window = make()
    _page(window, 0).runs = "a session runs"
    window.show_page(1)
    assert window.banner.text == "Plain goes on behind: a session runs."
    assert "closed" not in _page(window, 0).life


def test_page_can_speak_and_ask_for_another_page(make: Make) -> None:
    window = make()
    window.current.said.emit("The file is no recording.", "warn")
    assert window.banner.text == "The file is no recording."
    window.current.wanted.emit("Other")
    assert type(window.current) is Other
    assert window.banner.text == ""


def test_window_comes_back_as_it_was_left(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "workplace.json"
    window = make(file)
    window.show_page(1)
    window.resize(1100, 701)  # no larger than the screen that tests draw on
    window.close()
    again = make(file)
    assert again.height() == 701
    assert type(again.current) is Other


def test_lines_between_panels_stay_where_they_were_put(make: Make, tmp_path: Path) -> None:
    window = make(tmp_path / "workplace.json")
    window.resize(1100, 701)
    line = _page(window, 0).line
    QApplication.processEvents()
    line.moveSplitter(300, 1)
    sizes = line.sizes()
    assert sizes[0] == 300
    window.close()
    again = make(tmp_path / "workplace.json")
    assert _page(again, 0).line.sizes() == sizes
    assert len(set(_page(again, 1).line.sizes())) == 1  # nobody moved that of the other page


@pytest.mark.parametrize("geometry", ["no base64!", "AAAA", "é"])
def test_geometry_that_no_window_wrote_is_passed_over(make: Make, tmp_path: Path, geometry: str) -> None:
    save_workplace(tmp_path / "workplace.json", Workplace(geometry=geometry, page="No such page"))
    window = make(tmp_path / "workplace.json")
    assert window.width() >= 1100
    assert type(window.current) is Plain


def test_broken_file_of_choices_is_told_when_the_window_opens(make: Make, tmp_path: Path) -> None:
    (tmp_path / "workplace.json").write_text("{")
    assert "is kept as" in make(tmp_path / "workplace.json").banner.text


def test_choice_that_cannot_be_kept_holds_and_is_told(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    window = make(tmp_path / "file" / "workplace.json")
    window.holder.choose(participant="P07")
    assert "the choice holds for this start alone" in window.banner.text
    assert window.chips["Participant"].text == "P07"


def test_quit_asks_once_while_something_runs(make: Make, qtbot: QtBot) -> None:
    window = make()
    _page(window, 0).runs = "a session runs"
    window.quit()
    assert window.isVisible()
    assert "Plain: a session runs. Ctrl+Q once more" in window.banner.text
    with qtbot.waitSignal(window.closed):
        window.quit()


def test_closing_ends_every_page_once_and_keeps_nothing_waiting(make: Make) -> None:
    window = make()
    window.show_page(1)
    pages = [_page(window, 0), _page(window, 1)]
    pages[0].runs = "a session runs"
    window.close()
    window.close()
    assert [page.life.count("closed") for page in pages] == [1, 1]
    window.finish()
    assert [page.life[-1] for page in pages] == ["finished", "finished"]


def test_light_and_dark_change_at_once_and_are_kept(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    window = make(tmp_path / "workplace.json")
    window.show_page(1)
    running = _page(window, 1)
    running.runs = "a session runs"
    idle = _page(window, 0)
    qtbot.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert load_workplace(tmp_path / "workplace.json")[0].appearance == "light"
    assert window.grab().toImage().pixelColor(2, 2) == QColor(theme.LIGHT.window)
    qtbot.waitUntil(running.isVisible)
    assert window.page(1) is running
    assert "keeps its colours until it has ended: Other" in window.banner.text
    assert text_colour(running) == theme.DARK.text
    assert text_colour(window.page(0)) == theme.LIGHT.text
    assert idle.life[-1] == "closed"
    assert window.page(0) is not idle
    running.runs = None
    for index in (0, 1):
        window.show_page(index)
    assert text_colour(window.page(1)) == theme.LIGHT.text
    assert window.page(1) is not running  # it follows when nothing runs on it any more
    window.close()
    window.finish()
    assert (idle.life[-1], running.life[-1]) == ("finished", "finished")


def test_pages_of_before_are_gone_after_the_colours_changed(make: Make, qapp: QApplication) -> None:
    window = make()
    for _ in range(3):
        window.show_page(1)
        window.toggle_appearance()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert sum(isinstance(widget, Plain) for widget in qapp.allWidgets()) == len(KINDS)


def test_a_message_beside_a_session_lies_along_the_upper_edge_of_the_page(make: Make, qtbot: QtBot) -> None:
    window = make()
    usual = window.banner
    usual.show_message("Here")
    assert usual.geometry().intersects(window.hint.geometry())
    window.current.immerse(True)
    qtbot.waitUntil(lambda: usual.geometry().topLeft() == window._stack.geometry().topLeft())
    window.say("The disk is full.", "warn")
    page = window._stack.geometry()
    assert (usual.x(), usual.y(), usual.width()) == (page.x(), page.y(), page.width())
    window.current.immerse(False)
    qtbot.waitUntil(lambda: usual.geometry().intersects(window.hint.geometry()))


def test_participant_and_stream_are_told_above(make: Make) -> None:
    window = make()
    window.holder.choose(participant="P07")
    window.holder.stream_told.emit("Cap", True)
    assert (window.chips["Participant"].text, window.chips["Participant"].level) == ("P07", "good")
    assert (window.chips["Stream"].text, window.chips["Stream"].level) == ("Cap", "good")


def test_pages_of_the_program_are_what_they_say(qapp: QApplication) -> None:
    for kind in PAGES:
        page_class = getattr(__import__(kind.module, fromlist=[kind.name]), kind.name)
        assert issubclass(page_class, Page)
        assert page_class.title == kind.title
        assert page_class.hint


def test_program_opens_paints_and_closes_by_itself(qapp: QApplication, tmp_path: Path) -> None:
    began = time.perf_counter()
    status = run_instrument(
        tmp_path / "workplace.json", offscreen=True, appearance="light", seconds=0.3, screenshot=tmp_path / "window.png"
    )
    assert status == 0
    assert time.perf_counter() - began < 0.3 + 2.0
    assert QImage(str(tmp_path / "window.png")).pixelColor(2, 2) == QColor(theme.LIGHT.window)


def test_page_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Connect"):
        run_instrument(tmp_path / "workplace.json", offscreen=True, page="Konnect")


@pytest.mark.parametrize("display", [True, False])
def test_program_without_a_command_opens_the_window_where_there_is_a_display(
    monkeypatch: pytest.MonkeyPatch, display: bool
) -> None:
    opened: list[bool] = []
    monkeypatch.setattr("bci_app.ui.app.has_display", lambda: display)
    monkeypatch.setattr("bci_app.cli.entry.window", lambda: opened.append(True))
    told = CliRunner().invoke(app, [])
    assert opened == [True] * display
    assert ("Usage" in told.output) is not display


def test_session_in_front_is_covered_by_no_note_of_another_page_but_by_its_warnings(make: Make) -> None:
    window = make()
    behind = window.current
    window.show_page(1)
    window.current.immerse(True)
    behind.said.emit("A recording has come to its end.", "info")
    assert window.banner.isHidden()
    window.current.said.emit("A word of its own.", "info")
    assert window.banner.text == "A word of its own."
    behind.said.emit("The disk is full.", "warn")
    assert window.banner.text == "The disk is full."
    window.current.immerse(False)
    behind.said.emit("A recording has come to its end.", "info")
    assert window.banner.text == "A recording has come to its end."
