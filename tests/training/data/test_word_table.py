"""A table of word onsets, whatever program wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bci_app.contract.errors import SettingsError
from training.data.word_table import read_word_table

HEADER = "onset_s\tword\tsentence\n"
ROWS = [("1.5", "Größe", "Größe zählt"), ("2.25", '"zählt"', "Größe zählt"), ("3.0", "Ja,", 'Sie sagte: "Ja, ja;"')]


def test_a_quotation_mark_is_a_word_in_a_table_between_tabs(tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text(HEADER + '1\t"\t1\n2\tcat"\t1\n', "utf-8")
    assert [each.word for each in read_word_table(tmp_path / "words.tsv")] == ['"', 'cat"']


def _in_marks(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@pytest.mark.parametrize(
    ("name", "delimiter", "end", "mark", "encoding"),
    [
        ("a.tsv", "\t", "\n", str, "utf-8"),
        ("a.tsv", "\t", "\r\n", str, "utf-8-sig"),
        ("a.TSV", "\t", "\r\n", _in_marks, "utf-8-sig"),
        ("a.tsv", "\t", "\n", lambda cell: _in_marks(cell) if '"' in cell else cell, "utf-8"),
        ("a.csv", ",", "\r", _in_marks, "utf-8"),
        (
            "a.csv",
            ";",
            "\r\n",
            lambda cell: _in_marks(cell.replace(".", ",") if cell[0].isdigit() else cell),
            "utf-8-sig",
        ),
        ("a.csv", "\t", "\n", _in_marks, "utf-8"),
    ],
)
def test_tables_of_every_program_tell_the_same(
    tmp_path: Path, name: str, delimiter: str, end: str, mark: Any, encoding: str
) -> None:
    lines = [delimiter.join(map(mark, cells)) for cells in [("onset_s", "word", "sentence"), *ROWS]]
    (tmp_path / name).write_bytes((end.join(lines) + end).encode(encoding))
    told = [(f"{each.onset_s}", each.word, each.sentence) for each in read_word_table(tmp_path / name)]
    assert told == ROWS


def test_an_events_file_of_bids_is_a_table_and_its_other_events_are_none(tmp_path: Path) -> None:
    events = "onset\tduration\ttrial_type\tword\tsentence\n0.5\tn/a\tcross\tn/a\tn/a\n1.0\t0.2\tword\tA\tA dog\n"
    (tmp_path / "events.tsv").write_text(events, "utf-8")
    (row,) = read_word_table(tmp_path / "events.tsv")
    assert (row.line, row.onset_s, row.duration_s, row.word, row.sentence) == (3, 1.0, 0.2, "A", "A dog")
    (tmp_path / "events.tsv").write_text("onset_s\tonset\tword\tsentence\n1.0\t7.0\tA\tA dog\n", "utf-8")
    assert [row.onset_s for row in read_word_table(tmp_path / "events.tsv")] == [1.0]  # ours, where both are there


def test_a_sentence_over_two_lines_of_a_cell_keeps_its_space(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('onset_s,word,sentence\n1,A,"A\ndog"\n2,dog,"A\ndog"\n', "utf-8")
    assert [(row.sentence, row.line) for row in read_word_table(tmp_path / "a.csv")] == [("A dog", 3), ("A dog", 5)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", b'onset_s\tword\tsentence\n1\t"a\tb"\tc\n', r"line 2 of 'a\.tsv' has more"),
        ("a.csv", b"onset_s,word,sentence\n1,a,b, c\n", r"line 2 of 'a\.csv' has more"),
        ("a.csv", b'onset_s,word,sentence\n1,"a,b\n' + b"x" * 200_000, r"'a\.csv' cannot be read: .*quotation marks"),
        ("a.tsv", "onset_s\tword\tsentence\n1\té\te".encode("latin-1"), "in UTF-8.* or save it as UTF-8"),
        ("a.tsv", "onset_s\tword\tsentence\n1\te\te".encode("utf-16"), "in UTF-8.* or save it as UTF-8"),
        ("a.tsv", b"onset_s\tword\tsentence\n1\tn/a\te f\n", r"line 2 of 'a\.tsv' does not"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        read_word_table(tmp_path / name)


def test_a_table_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.tsv"):
        read_word_table(tmp_path / "missing.tsv")
