"""Sentences as plain text, for tokenizer and language model; those that are held out are left out."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from bci_app.contract.errors import SettingsError
from bci_app.text.words import sentence_key

_MISPRINTS = {"emp11111ty": "empty", "film.1": "film.", "1Universidad": "Universidad"}
"""What ZuCo shows in place of words, known again in its texts and in its word lists."""
_BEFORE = re.compile(r"\s+([.,;:!?%)\]…]|''|n't\b|'(?:s|d|m|ll|re|ve)\b)")
_AFTER = re.compile(r"([(\[$])\s+")
_CSV_COLUMN = "sentence"


def read_texts(paths: Sequence[Path]) -> tuple[str, ...]:
    """The sentences of files, each once, in their order.

    Parameters
    ----------
    paths : sequence of Path
        ``.txt`` with a sentence in each line; ``.tsv`` with a word at the beginning of each line and an empty line between
        sentences, as ZuCo lists its words; ``.csv`` with a column "sentence", as ZuCo lists its sentences.

    Raises
    ------
    SettingsError
        If a file cannot be read, is of another kind, or holds no sentence.
    """
    first: dict[str, str] = {}
    for path in map(Path, paths):
        sentences = [(sentence_key(each), each) for each in map(corrected, _sentences(path))]
        if not any(key for key, _ in sentences):
            raise SettingsError(f"'{path.name}' must hold sentences; none was found. Give a file of text.")
        for key, sentence in sentences:
            if key:
                first.setdefault(key, sentence)
    return tuple(first.values())


def leave_out(texts: Iterable[str], keys: Collection[str], *, nearly: bool = False) -> tuple[str, ...]:
    """The texts that are none of those with `keys`, so that no tokenizer and no language model sees what is held out.

    Parameters
    ----------
    texts : iterable of str
    keys : collection of str
        Of the sentences held out, see `bci_app.text.words.sentence_key`.
    nearly : bool
        Leave out also what differs from one of them by no more than one word in eight, see
        `training.data.reading_splits.near_duplicates`.
    """
    held_out = set(keys)
    kept = [text for text in texts if sentence_key(text) not in held_out]
    if nearly:
        from training.data.reading_splits import near_duplicates

        near = {key for key, _ in near_duplicates(sorted({sentence_key(text) for text in kept}), sorted(held_out))}
        kept = [text for text in kept if sentence_key(text) not in near]
    return tuple(kept)


def corrected(text: str) -> str:
    """The text with its spaces made single and ZuCo's known misprints put right."""
    for wrong, right in _MISPRINTS.items():
        text = text.replace(wrong, right)
    return " ".join(text.split())


def _sentences(path: Path) -> list[str]:
    kinds: dict[str, Callable[[str], list[str]]] = {".txt": str.splitlines, ".tsv": _of_words, ".csv": _of_table}
    read = kinds.get(path.suffix.lower())
    if read is None:
        raise SettingsError(
            f"Text is read from .txt (a sentence in each line), .tsv (a word in each line) or .csv (a column "
            f"'{_CSV_COLUMN}'); got '{path.name}'. Convert it."
        )
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The text '{path}' must be a file in UTF-8; reading it failed: {error}. Check the path, or save it as UTF-8."
        ) from None
    try:
        return read(text)
    except (SettingsError, csv.Error) as error:
        raise SettingsError(f"'{path.name}': {error}") from None


def _of_words(text: str) -> list[str]:
    """Words of lines up to an empty one, put together as they are printed."""
    sentences: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            sentences[-1].append(line.split("\t")[0].strip())
        else:
            sentences.append([])
    return [_AFTER.sub(r"\1", _BEFORE.sub(r"\1", " ".join(words))) for words in sentences if words]


def _of_table(text: str) -> list[str]:
    """The column "sentence", between commas or semicolons; lines that begin with # say something to the reader.

    ZuCo numbers the sentences of its third task by document and sentence, two cells under the one name before "sentence".
    """
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("#")]
    header = lines[0].strip() if lines else ""
    names, *rows = csv.reader(lines, delimiter=max(";,\t", key=header.count)) if header else [[]]
    if _CSV_COLUMN not in names:
        raise SettingsError(
            f"A table of text needs a column '{_CSV_COLUMN}'; it has {header!r}. Name it in the first line."
        )
    place = names.index(_CSV_COLUMN)
    more = {len(row) - len(names) for row in rows if row}
    if more == {1} and place:
        place += 1
    elif max(more, default=0) > 0:
        raise SettingsError(
            "A table of text has a name for each cell of a line; lines have more. Put texts in quotation marks."
        )
    return [row[place] for row in rows if len(row) > place]
