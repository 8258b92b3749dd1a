"""The table of the last sentences."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from bci_app.engine.events import SentenceRead
from bci_app.ui.views.sentences import SentencesView


def test_columns_keep_their_widths_when_there_are_more_rows_than_room_so_that_no_text_is_cut(
    qapp: QApplication,
) -> None:
    view, widths = SentencesView(), set[int]()
    view.resize(400, 200)
    view.show()
    for number in range(9):
        view.show_read(SentenceRead(number, "a man", 2, "a dog", "a house", known=False))
        qapp.processEvents()
        widths.add(view._table.columnWidth(1))
    assert view._table.verticalScrollBar().maximum() > 0
    assert len(widths) == 1
