"""A table that says when each word was shown or looked at.

``.tsv`` or ``.csv`` with the columns ``onset_s`` (seconds after the recording's first sample), ``word`` and ``sentence``
(its text; or one word or number that is the same in all its lines, and then the words are the text), and maybe
``duration_s``, ``task`` and ``subject``. A cell that is empty or "n/a" tells nothing. An events file of BIDS is such a table
once it has the columns ``word`` and ``sentence``: its ``onset`` and ``duration`` are in seconds too, and its lines in which
both are "n/a" are other events.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from bci_app.contract.errors import SettingsError

_COLUMNS = ("onset_s", "word", "sentence")
_OF_BIDS = {"onset": "onset_s", "duration": "duration_s"}
_NOTHING = "n/a"


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
    try:
        rows = sorted(_parsed(table), key=lambda row: row.onset_s)
    except csv.Error as error:
        raise SettingsError(
            f"The table of word onsets '{table.name}' cannot be read: {error}. Close its quotation marks, or save it as .tsv."
        ) from None
    if not rows:
        raise SettingsError(f"A table of word onsets has a line for each word; '{table.name}' has none. Fill it.")
    return rows


def _parsed(table: Path) -> Iterator[TableWord]:
    reader = _reader(table)
    given = reader.fieldnames or ()
    reader.fieldnames = [name if _OF_BIDS.get(name, name) in given else _OF_BIDS[name] for name in given]
    missing = [column for column in _COLUMNS if column not in reader.fieldnames]
    if missing:
        raise SettingsError(
            f"A table of word onsets has the columns {', '.join(_COLUMNS)}; '{table.name}' lacks {', '.join(missing)}: it has "
            f"{', '.join(given) or 'none'}. Name them in the first line."
        )
    for raw in reader:
        where = f"line {reader.line_num} of '{table.name}'"
        if None in raw:
            raise SettingsError(
                f"Each line has as many cells as the first; {where} has more. Correct it, or save as .csv."
            )
        told = {name: " ".join(_bare(value or "").split()) for name, value in raw.items()}
        if told["word"] == told["sentence"] == _NOTHING:
            continue
        yield _word({name: "" if cell == _NOTHING else cell for name, cell in told.items()}, reader.line_num, where)


def _reader(table: Path) -> csv.DictReader[str]:
    try:
        text = table.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The table of word onsets '{table}' must be a file in UTF-8; reading it failed: {error}. Check the path, or save it "
            "as UTF-8."
        ) from None
    header = text.partition("\n")[0]
    if table.suffix.lower() == ".tsv" and not header.startswith('"'):  # a quotation mark is a word as any other
        return csv.DictReader(StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
    return csv.DictReader(StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))


def _bare(cell: str) -> str:
    """The cell of which only some have quotation marks around them: those with others, doubled, inside."""
    inside = cell[1:-1]
    is_quoted = cell[:1] == cell[-1:] == '"' and '""' in inside and '"' not in inside.replace('""', "")
    return inside.replace('""', '"') if is_quoted else cell


def _word(cells: Mapping[str, str], line: int, where: str) -> TableWord:
    if not cells["word"] or not cells["sentence"]:
        raise SettingsError(f"Each line names a word and its sentence; {where} does not. Correct or remove it.")
    return TableWord(
        line,
        _number(cells["onset_s"], f"onset_s in {where}"),
        cells["word"],
        cells["sentence"],
        _number(cells.get("duration_s") or "nan", f"duration_s in {where}"),
        cells.get("task", ""),
        cells.get("subject", ""),
    )


def _number(cell: str, what: str) -> float:
    try:
        return float(cell.replace(",", "."))  # between semicolons, a comma may stand before decimals
    except ValueError:
        raise SettingsError(f"Times are numbers of seconds; {what} is {cell!r}. Correct it.") from None
