"""What stands in the form of a session is remembered, as far as it still fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from bci_app.contract.errors import SettingsError
from bci_app.ui.pages.decode import DecodePage
from bci_app.ui.pages.page import Holder
from bci_app.ui.pages.session_page import SessionPage
from bci_app.ui.views.fields import PathField, choice_field, field_text, set_field_text


def _page(qtbot: QtBot, file: Path) -> DecodePage:
    page = DecodePage(Holder(file))
    qtbot.addWidget(page)
    return page


def test_form_stands_at_the_next_start_as_it_was_left(qtbot: QtBot, tmp_path: Path) -> None:
    page = _page(qtbot, tmp_path / "workplace.json")
    page.shows.setChecked(True)
    page.trials.setValue(77)
    page.device.setCurrentIndex(page.device.findData("required"))
    page.left()
    again = _page(qtbot, tmp_path / "workplace.json")
    assert (again.shows.isChecked(), again.trials.value(), again.device.currentData()) == (True, 77, "required")
    assert again.trials.isEnabled()


def test_keys_belong_to_giving_up_while_a_session_is_opened_and_to_the_start_after(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(tell: object) -> None:
        raise SettingsError("No.")

    page = _page(qtbot, tmp_path / "workplace.json")
    monkeypatch.setattr(page, "_opener", lambda: refuse)
    page.show()
    page.entered()
    page.start()
    assert page.focusWidget() is page.give_up_button
    qtbot.waitUntil(lambda: page.busy is None)
    assert page.focusWidget() is page.start_button
    page.finish()


def test_what_does_not_fit_any_more_is_told_once_and_the_usual_stands_there(qtbot: QtBot, tmp_path: Path) -> None:
    holder = Holder(tmp_path / "workplace.json")
    holder.choose(
        forms={"Decode": {"Trials": "100000", "Show pictures here": "True", "Gone": "1", "Device": "quantum"}}
    )
    page, words = _page(qtbot, tmp_path / "workplace.json"), list[str]()
    page.said.connect(lambda text, tone: words.append(text))
    page.entered()
    page.entered()
    assert len(words) == 1
    assert "Trials, Device" in words[0]
    assert (page.shows.isChecked(), page.trials.value(), page.device.currentData()) == (True, 64, "auto")


def _spin() -> QSpinBox:
    return QSpinBox(minimum=2, maximum=9)


@pytest.mark.parametrize(
    ("make", "fits", "not_"),
    [
        (_spin, "9", ("1", "10", "x", "2.5", "")),
        (QDoubleSpinBox, "0.25", ("-1.0", "nan", "inf", "x")),
        (lambda: choice_field("c", (("one", "1"), ("two", "2"))), "2", ("3", "two")),
        (QCheckBox, "True", ("yes", "")),
        (QLineEdit, "Cz, Pz", ("a\nb", "\x00")),
        (lambda: PathField("p", ""), "a/b", ("\x1b",)),
    ],
)
def test_text_of_a_field_comes_back_and_another_changes_nothing(
    qtbot: QtBot, make: type[QWidget], fits: str, not_: tuple[str, ...]
) -> None:
    field = make()
    qtbot.addWidget(field)
    assert set_field_text(field, fits)
    for text in not_:
        assert not set_field_text(field, text)
        assert field_text(field) == fits


def test_workplace_has_what_all_pages_share(qtbot: QtBot, tmp_path: Path) -> None:
    page = _page(qtbot, tmp_path / "workplace.json")
    page.decoder.set_path(tmp_path)
    page.left()
    kept = page.holder.current.forms["Decode"]
    assert set(kept) == {"Show pictures here", "Trials", "Device"}
    assert not set(kept) & set(SessionPage.not_kept)
