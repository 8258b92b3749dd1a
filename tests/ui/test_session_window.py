"""What the windows of all sessions share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget

from bci_app.ui import theme
from bci_app.ui.evolution_window import EvolutionWindow
from bci_app.ui.instrument import _RAIL_PX
from bci_app.ui.main_window import MainWindow
from bci_app.ui.session_window import SessionWindow
from bci_app.ui.text_window import TextWindow
from bci_app.ui.views.picture import PictureView
from bci_app.ui.views.text_evidence import COLUMNS
from tests.ui.fake_evolution import FakeEvolution
from tests.ui.fake_session import FakeSession
from tests.ui.fake_text import FakeText

ROOM = (1100 - _RAIL_PX - 3 * theme.GAP_PX, 680 - 2 * theme.GAP_PX)
"""What the smallest window of the program leaves beside its rail, in pixels."""


def _reading() -> SessionWindow:
    session = FakeSession()
    session.n_trials = 40
    return MainWindow(session)


@pytest.mark.parametrize(
    "make", [_reading, lambda: EvolutionWindow(FakeEvolution(n_scored=6)), lambda: TextWindow(FakeText())]
)
def test_session_inside_the_smallest_window_of_the_program_is_squeezed_nowhere(
    qapp: QApplication, make: Callable[[], SessionWindow]
) -> None:
    window = make()
    window.embed()
    window.resize(*ROOM)
    window.show()
    window.begin()
    window.session_bridge.poll_all()
    qapp.processEvents()
    needed = window.centralWidget().minimumSizeHint()
    assert needed.width() <= ROOM[0]
    assert needed.height() <= ROOM[1]
    notes = [view._note for view in window.findChildren(PictureView)]
    assert all(note.heightForWidth(note.width()) <= note.height() for note in notes)
    window.close()


def test_evidence_on_sentences_begins_at_the_top_of_its_panel(qapp: QApplication) -> None:
    window = TextWindow(FakeText())
    window.resize(1600, 1000)
    window.show()
    qapp.processEvents()
    title, evidence = window.evidence_panel._title, window.evidence_view
    gap = evidence.mapTo(window, evidence.rect().topLeft()).y() - title.mapTo(window, title.rect().bottomLeft()).y()
    assert 0 < gap <= 2 * theme.GAP_PX
    window.close()
    window.release()


class _Windows(QObject):
    """Counts what is shown as a window of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.seen.append(type(watched).__name__)
        return False


@pytest.mark.parametrize(
    "make", [_reading, lambda: EvolutionWindow(FakeEvolution(n_scored=6)), lambda: TextWindow(FakeText())]
)
def test_no_part_of_a_session_is_a_window_of_its_own_while_it_is_built(
    qapp: QApplication, make: Callable[[], SessionWindow]
) -> None:
    windows = _Windows()
    qapp.installEventFilter(windows)
    window = make()
    qapp.removeEventFilter(windows)
    assert windows.seen == []  # it would flash on the screen and take the keys
    window.close()
    window.release()


def test_figures_of_a_session_that_come_later_are_cut_by_no_edge(qapp: QApplication) -> None:
    window = TextWindow(FakeText())
    window.resize(1600, 1000)
    window.show()
    qapp.processEvents()
    view = window.evidence_view
    for place, cell in view._cells.items():
        cell.setText("+42.1\n(+28.3 to +56.0)" if place[1] == COLUMNS[3] else "65.0")
    qapp.processEvents()
    room = view.visibleRegion().boundingRect()
    assert all(room.contains(cell.mapTo(view, cell.rect().bottomRight())) for cell in view._cells.values())
    window.close()
    window.release()
