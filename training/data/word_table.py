"""A table that says when each word was shown or looked at.

``.tsv`` or ``.csv`` with the columns ``onset_s`` (seconds after the recording's first sample), ``word`` and ``sentence``
(its text; or one word or number that is the same in all its lines, and then the words are the text), and maybe
``duration_s``, ``task`` and ``subject``. A cell that is empty or "n/a" tells nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bci_app.contract.errors import SettingsError

_COLUMNS = ("onset_s", "word", "sentence")


class TableWord(NamedTuple):
    """A word, in `line` of the table; what is not told is NaN or empty."""

    line: int
    onset_s: float
    word: str
    sentence: str
    duration_s: float
    task: str
    subject: str


def read_word_table(table: Path) -> list[TableWord]:
    """The words of a table in the order of their onsets.

    Raises
    ------
    SettingsError
        If it cannot be read, lacks a column, or a line lacks word, sentence or a number.
    """
    rows = sorted(_parsed(table), key=lambda row: row.onset_s)
    if not rows:
        raise SettingsError(f"A table of word onsets has a line for each word; '{table.name}' has none. Fill it.")
    return rows


def _parsed(table: Path) -> Iterator[TableWord]:
    try:
        lines = table.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The table of word onsets '{table}' must be a file in UTF-8; reading it failed: {error}. Check the path."
        ) from None
    header = lines[0] if lines else ""
    if table.suffix.lower() == ".tsv":  # where a quotation mark is a word as any other
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.DictReader(lines, delimiter=max(",;\t", key=header.count))
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise SettingsError(
            f"A table of word onsets has the columns {', '.join(_COLUMNS)}; '{table.name}' lacks {', '.join(missing)}: it has "
            f"{', '.join(reader.fieldnames or ()) or 'none'}. Name them in the first line."
        )
    for raw in reader:
        cells = {key: _cell(value) for key, value in raw.items() if isinstance(key, str)}
        where = f"line {reader.line_num} of '{table.name}'"
        if not cells["word"] or not cells["sentence"]:
            raise SettingsError(f"Each line names a word and its sentence; {where} does not. Correct or remove it.")
        yield TableWord(
            reader.line_num,
            _number(cells["onset_s"], f"onset_s in {where}"),
            cells["word"],
            cells["sentence"],
            _number(cells.get("duration_s") or "nan", f"duration_s in {where}"),
            cells.get("task", ""),
            cells.get("subject", ""),
        )


def _cell(value: str | None) -> str:
    return "" if value is None or value.strip() == "n/a" else value.strip()


def _number(cell: str, what: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise SettingsError(f"Times are numbers of seconds; {what} is {cell!r}. Correct it.") from None
