"""Everything on every page is reached and told apart by keys alone, and seen when it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from bci_app.streams import lsl
from bci_app.ui.instrument import PAGES, InstrumentWindow
from bci_app.ui.pages.page import Holder

INPUT = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractItemView, QAbstractSlider)
MOST = 60
"""Presses of Tab after which the round of a page must have come back to where it began."""


@pytest.fixture(params=[kind.title for kind in PAGES])
def page(
    request: pytest.FixtureRequest, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[QWidget]:
    """Each page of the program, in front of its window."""
    monkeypatch.setattr(lsl, "_WAVE_S", 0.05)
    holder = Holder()
    holder.choose(runs=tmp_path)
    window = InstrumentWindow(holder)
    window.show()
    window.start()
    window.show_titled(request.param)
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
    yield window.current
    window.close()
    window.finish()
    window.deleteLater()


def inputs(page: QWidget) -> list[QWidget]:
    """What takes input there now; parts of a widget are reached in it."""
    found = [each for each in page.findChildren(QWidget) if isinstance(each, INPUT) and each.isVisible()]
    parts = (QScrollBar, QHeaderView)
    whole = [each for each in found if not isinstance(each.parent(), (QAbstractSpinBox, QComboBox, QAbstractItemView))]
    return [each for each in whole if each.isEnabled() and not isinstance(each, parts)]


def in_focus() -> QWidget:
    focus = QApplication.focusWidget()
    assert focus is not None
    return focus


def picture(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def test_a_page_is_used_with_keys_alone(page: QWidget, qtbot: QtBot) -> None:
    _tab_reaches_all_and_shows_where_it_is(page, qtbot)
    _no_key_means_two_things(page)
    buddies = [label.buddy() for label in page.findChildren(QLabel) if label.buddy() is not None]
    buddies += [each.focusProxy() for each in buddies]
    nameless = [each for each in inputs(page) if each not in buddies and not _says_its_name(each)]
    assert nameless == [], "what takes input has a name for screen readers"
    _dialogs_go_with_esc(page, qtbot)


def _tab_reaches_all_and_shows_where_it_is(page: QWidget, qtbot: QtBot) -> None:
    wanted, began = inputs(page), in_focus()
    reached: list[QWidget] = []
    for _ in range(MOST):
        before = in_focus()
        focused = picture(before)
        qtbot.keyClick(before, Qt.Key.Key_Tab)
        assert in_focus() is not before
        assert picture(before) != focused, f"{before} looks the same with the keys and without"
        reached.append(in_focus())
        if in_focus() is began:
            break
    assert reached[-1] is began
    missing = [each for each in wanted if each not in reached and each.focusProxy() not in reached]
    assert not missing, f"Tab does not come to {missing}"


def _no_key_means_two_things(page: QWidget) -> None:
    window = page.window()
    shortcuts = [each for each in window.findChildren(QShortcut) if each.isEnabled()]
    here = [each for each in shortcuts if each.parent() is window or page.isAncestorOf(_owner(each))]
    keys = Counter(each.key().toString() for each in here)
    assert len(keys) > len(PAGES)
    assert [key for key, number in keys.items() if number > 1] == []
    letters = Counter(QKeySequence.mnemonic(each.text()).toString() for each in _named(page))
    del letters[""]
    assert [letter for letter, number in letters.items() if number > 1] == []


def _dialogs_go_with_esc(page: QWidget, qtbot: QtBot) -> None:
    for button in [each for each in inputs(page) if each.accessibleName().startswith("Browse")][:1]:
        qtbot.keyClick(button, Qt.Key.Key_Space)
        (dialog,) = page.findChildren(QFileDialog)
        qtbot.waitUntil(dialog.isVisible)
        assert dialog.windowModality() is not Qt.WindowModality.ApplicationModal
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: page.findChildren(QFileDialog) == [])


def _says_its_name(widget: QWidget) -> bool:
    return bool(widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text()))


def _owner(shortcut: QShortcut) -> QWidget:
    owner = shortcut.parent()
    assert isinstance(owner, QWidget)
    return owner


def _named(page: QWidget) -> list[QLabel | QAbstractButton]:
    """Labels of fields, and buttons, that can be seen."""
    labels = [each for each in page.findChildren(QLabel) if each.buddy() is not None and each.isVisible()]
    return [*labels, *(each for each in page.findChildren(QAbstractButton) if each.isVisible())]
