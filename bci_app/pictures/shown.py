"""The pictures that the markers of a recording name: in a run folder, in a folder of images, or by a table."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from bci_app.contract.errors import PictureError
from bci_app.contract.lines import read_lines
from bci_app.pictures.folder import NAMED_IN_MESSAGE, SUFFIXES, decode_image, read_picture
from bci_app.pictures.picture import Picture, make_picture, resize

logger = logging.getLogger(__name__)

PREFIX = "shown/"
"""What the program writes before a picture's id in the markers that it sends."""
TABLES = {".tsv": "\t", ".csv": ","}
COLUMNS = ("marker", "file")


def picture_label(label: str) -> str:
    """The label of a marker without `PREFIX`, as `read_shown` names its picture."""
    return label.removeprefix(PREFIX)


def read_shown(place: Path, labels: Sequence[str], size: int) -> dict[str, Picture]:
    """The picture that each marker label names.

    Parameters
    ----------
    place : Path
        One of: a run folder of this program; a folder of images, whose name, with or without its ending, is the label;
        a table (.tsv or .csv) with the columns ``marker`` and ``file``, whose paths lie in the table's folder.
    labels : sequence of str
        Of the markers, with or without ``shown/`` before them; each may come more than once.
    size : int
        Side of the pictures in pixels.

    Returns
    -------
    dict of str to Picture
        By `picture_label`. Labels without a readable picture are left out, counted and named in the log, with the
        words of `without_picture`.

    Raises
    ------
    PictureError
        If there is no such place, the table cannot be one or leads out of its folder, or no label has a picture.
    """
    wanted = tuple(dict.fromkeys(picture_label(label) for label in labels))
    files, read = _files(Path(place), wanted)
    pictures: dict[str, Picture] = {}
    refused = ""
    for label in (each for each in wanted if each in files):
        try:
            pictures[label] = (
                _as_shown(files[label], label, size) if read == "run" else read_picture(files[label], size)
            )
        except PictureError as error:
            refused = refused or f" The first that cannot be read: {error}"
    if not pictures:
        raise PictureError(
            f"The pictures of a recording are found by its marker labels; none of its {len(wanted)} labels "
            f"({_some(wanted)}) names a readable picture of '{place}', which has {_some(_there(Path(place), read))}."
            f"{refused} Name another place, or a table (.tsv or .csv) with the columns {' and '.join(COLUMNS)}."
        )
    note = without_picture(labels, pictures)
    if note:
        logger.warning("%s%s", note, refused)
    return pictures


def without_picture(labels: Sequence[str], pictures: Mapping[str, Picture]) -> str:
    """How many of the marker labels have no picture, with examples, as a sentence; empty if all have one."""
    wanted = tuple(dict.fromkeys(picture_label(label) for label in labels))
    missing = [label for label in wanted if label not in pictures]
    if not missing:
        return ""
    n_markers = sum(picture_label(label) in missing for label in labels)
    return f"{len(missing)} of {len(wanted)} marker labels ({n_markers} markers) have no picture: {_some(missing)}."


def _files(place: Path, wanted: Sequence[str]) -> tuple[dict[str, Path], str]:
    """The file of each label, as far as there is one, and what kind of place it is."""
    if place.is_dir():
        if (place / "trials.jsonl").is_file() or (place / "eeg.json").is_file():
            return _of_run(place), "run"
        return _of_folder(place, wanted), "folder"
    if place.is_file() and place.suffix.lower() in TABLES:
        return _of_table(place), "table"
    what = "a file of another kind" if place.is_file() else "nothing there"
    raise PictureError(
        "Pictures are found in a run folder, a folder of images, or a table (.tsv or .csv) with the columns "
        f"{' and '.join(COLUMNS)}; '{place}' is {what}. Check the path."
    )


def _of_run(folder: Path) -> dict[str, Path]:
    """The picture of each trial that the program kept, by its id."""
    entries = [each for each in read_lines(folder / "trials.jsonl") if isinstance(each.get("trial"), int)]
    known = {
        str(each["picture"]): folder / "pictures" / f"trial_{each['trial']:04d}_shown.png"
        for each in reversed(entries)
        if each.get("picture")
    }
    return {label: path for label, path in known.items() if path.is_file()}


def _as_shown(path: Path, label: str, size: int) -> Picture:
    """A picture that a run kept, under the names in its id, ``family/label/hash``."""
    parts = label.split("/")
    family, name = parts[:2] if len(parts) == 3 and all(parts) else ("pictures", label.replace("/", "-") or "picture")
    return make_picture(resize(decode_image(path, path.name), size), family, name)


def _of_folder(folder: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """Images whose name, or else whose name without its ending, is a label."""
    images = _images(folder)
    by_name = {path.name: path for path in images}
    stems: dict[str, list[Path]] = {}
    for path in images:
        stems.setdefault(path.stem, []).append(path)
    for label in wanted:
        if label not in by_name and len(stems.get(label, ())) > 1:
            named = " and ".join(path.name for path in stems[label][:NAMED_IN_MESSAGE])
            raise PictureError(
                f"Each label must name one picture; '{label}' may mean {named} of '{folder}'. Rename one of them, or "
                f"write a table (.tsv or .csv) with the columns {' and '.join(COLUMNS)}."
            )
    return {stem: paths[0] for stem, paths in stems.items()} | by_name


def _of_table(table: Path) -> dict[str, Path]:
    """What a table says, its paths confined to its folder."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=TABLES[table.suffix.lower()]))
    except (OSError, ValueError, csv.Error) as error:
        raise PictureError(f"The table '{table}' cannot be read: {error}. Save it as UTF-8 text.") from error
    found: dict[str, Path] = {}
    for number, row in enumerate(rows, start=2):
        marker, name = (row.get(column) for column in COLUMNS)
        if not marker or not name:
            raise PictureError(
                f"A table of pictures has the columns {' and '.join(COLUMNS)}, both filled in each row; row {number} of "
                f"'{table.name}' has {', '.join(f'{key}: {value}' for key, value in row.items())[:200]}. Correct it."
            )
        path = _inside(table, name, number)
        if found.setdefault(picture_label(marker), path) != path:
            raise PictureError(
                f"Each marker of a table has one picture; row {number} of '{table.name}' gives '{marker}' another one, "
                f"{name}. Correct it."
            )
    return found


def _inside(table: Path, name: str, number: int) -> Path:
    """The file that row `number` names; PictureError if it lies outside the table's folder."""
    path, folder = (table.parent / name).resolve(), table.parent.resolve()
    if not path.is_relative_to(folder):
        raise PictureError(
            f"The files of a table must lie in its folder; row {number} of '{table.name}' names {name!r}. Put the pictures "
            "beside the table."
        )
    return path


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def _there(place: Path, read: str) -> list[str]:
    """Names of what there is, to be compared with the labels."""
    if read == "run":
        return list(_of_run(place))
    return [path.name for path in _images(place)] if read == "folder" else list(_of_table(place))


def _some(names: Sequence[str]) -> str:
    """A few of the names, and how many more there are."""
    if not names:
        return "none"
    more = len(names) - NAMED_IN_MESSAGE
    return ", ".join(name[:80] for name in names[:NAMED_IN_MESSAGE]) + (f" and {more} more" if more > 0 else "")
