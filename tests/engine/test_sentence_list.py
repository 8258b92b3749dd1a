"""Sentences of a text file, as far as markers can tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_app.contract.errors import SettingsError
from bci_app.engine.sentence_list import read_sentences


def test_each_line_is_a_sentence_and_empty_lines_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\ufeffThe dog  sees.\n\n A red book. \n", "utf-8")
    assert read_sentences(tmp_path / "a.txt") == ("The dog sees.", "A red book.")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n \n", "one in each line; 'a.txt' has none"),
        ("fine\n" + "x" * 242, "up to 56 words and 241 printable characters; line 2 of 'a.txt' has 1 words and 242"),
        ("a " * 57, "line 1 of 'a.txt' has 57 words"),
        ("bell \u0007", "printable characters; line 1"),
    ],
)
def test_what_no_marker_and_no_model_takes_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.txt").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=told):
        read_sentences(tmp_path / "a.txt")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be a text file in UTF-8"):
        read_sentences(tmp_path / "none.txt")
