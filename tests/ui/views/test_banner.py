"""The banner says what went wrong and never covers what stands below the line that it lies over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from bci_app.ui import theme
from bci_app.ui.views.banner import Banner
from bci_app.ui.views.text import PlainLabel

LONG = (
    "Stream 'x' was expected to send; nothing came for 2 s. Check the amplifier and its cable, then begin again. " * 3
)


@pytest.fixture
def page(qapp: QApplication) -> Iterator[QWidget]:
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setSpacing(theme.GAP_PX)
    made.header, made.line, made.field = PlainLabel("header"), PlainLabel("hints"), QLineEdit()  # type: ignore[attr-defined]
    for widget, height in ((made.header, 60), (made.line, 40), (made.field, 30)):  # type: ignore[attr-defined]
        widget.setFixedHeight(height)
        layout.addWidget(widget)
    layout.addStretch(1)
    made.resize(900, 300)
    made.show()
    qapp.processEvents()
    yield made
    made.close()
    made.deleteLater()


@pytest.mark.parametrize("n_times", [1, 2])
@pytest.mark.parametrize("width", [920, 1420])
def test_a_long_message_grows_upwards_and_covers_no_field_below(page: QWidget, n_times: int, width: int) -> None:
    page.resize(width, 300)
    QApplication.processEvents()
    banner = Banner(theme.DARK, page.line)  # type: ignore[attr-defined]
    banner.show_message(LONG * n_times)
    QApplication.processEvents()
    assert (banner.height() >= banner.heightForWidth(banner.width())) == (width > 1000 or n_times == 1)
    assert LONG.split()[-1] in banner.toolTip()
    assert banner.geometry().top() >= 0
    assert not banner.geometry().intersects(page.field.geometry())  # type: ignore[attr-defined]
    assert banner.geometry().intersects(page.line.geometry())  # type: ignore[attr-defined]


def test_a_short_message_covers_the_line_alone_and_a_click_takes_it_away(page: QWidget, qtbot: QtBot) -> None:
    banner = Banner(theme.DARK, page.line)  # type: ignore[attr-defined]
    banner.show_message("<b>Lost.</b>", "info")
    QApplication.processEvents()
    assert banner.geometry() == page.line.geometry()  # type: ignore[attr-defined]
    assert banner.text == "<b>Lost.</b>"
    qtbot.mouseClick(banner, Qt.MouseButton.LeftButton)
    assert banner.text == ""
    assert banner.isHidden()
