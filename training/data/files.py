"""Pictures that come as image files, in a folder or in a zip archive that is never unpacked."""

from __future__ import annotations

import io
import logging
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bci_app.contract.errors import PictureError
from bci_app.pictures.folder import SUFFIXES, SkippedFile, decode_image
from training.data.offers import NO_CLASS, UNREADABLE_ARCHIVE, Images, Offer, Offers, Side, choose
from training.settings import PictureSettings

logger = logging.getLogger(__name__)

Folders = tuple[str, ...]
MAX_MEMBER_BYTES = 200 * 2**20
"""Largest image file in an archive, unpacked."""
_PART_OF_NAME: dict[str, Side] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def offer_folder(path: Path, wanted: PictureSettings, seed: int) -> Offers:
    """All images below a folder; see `_offer_files`."""
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())

    def read(names: Iterator[str]) -> Iterator[Images | SkippedFile]:
        for name in names:
            yield _decode(name, partial(Path, path, name))

    return _offer_files(path, names, read, wanted, seed)


def offer_zip(path: Path, wanted: PictureSettings, seed: int) -> Offers:
    """All images in a zip archive, decoded from memory one by one; see `_offer_files`.

    Raises
    ------
    PictureError
        If it is damaged or encrypted.
    """
    try:
        archive = zipfile.ZipFile(path)  # closed when all pictures have been read: its list alone can take a second
    except UNREADABLE_ARCHIVE as error:
        raise PictureError(f"{path.name!r} is not a readable zip archive: {error}. Fetch it again.") from error
    members = {member.filename: member for member in archive.infolist() if not member.is_dir()}
    if any(member.flag_bits & 1 for member in members.values()):
        raise PictureError(f"The archive {path.name!r} is encrypted. Pack it again without a password.")

    def read(names: Iterator[str]) -> Iterator[Images | SkippedFile]:
        with archive:
            for name in names:
                yield _decode(name, partial(_unpack, archive, members[name]))

    return _offer_files(path, sorted(members), read, wanted, seed)


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> io.BytesIO:
    """The content of a member; one that says less than it holds is cut, and then fails its checksum."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PictureError(f"{member.filename!r} is packed in a rare way. Pack it with deflate, or as it is.")
    if member.file_size > MAX_MEMBER_BYTES:
        raise PictureError(
            f"{member.filename!r} has {member.file_size / 2**20:.0f} MB unpacked, more than "
            f"{MAX_MEMBER_BYTES / 2**20:.0f}. Make it smaller."
        )
    with archive.open(member) as file:
        return io.BytesIO(file.read(member.file_size))  # asked for so many bytes, zlib never unpacks more


def _decode(name: str, open_file: Callable[[], Path | io.BytesIO]) -> Images | SkippedFile:
    try:
        return decode_image(open_file(), name)
    except PictureError as error:
        return SkippedFile(Path(name), str(error))
    except UNREADABLE_ARCHIVE as error:
        return SkippedFile(Path(name), f"{name!r} cannot be unpacked: {error}")


def _offer_files(
    path: Path,
    names: list[str],
    read: Callable[[Iterator[str]], Iterator[Images | SkippedFile]],
    wanted: PictureSettings,
    seed: int,
) -> Offers:
    """Images among `names`; the part and the class of each are those its folders say.

    Raises
    ------
    PictureError
        If there is no image.
    """
    images, parts, folders = _choose_images(path, names)
    kinds = name_classes(folders)
    classes = tuple(sorted(set(kinds) - {""}))
    codes = {kind: code for code, kind in enumerate(classes)} | {"": NO_CLASS}
    chosen = choose(parts, wanted, seed)

    def take() -> Iterator[Offer]:
        pictures = read(images[index] for index in chosen)
        for index, picture in zip(chosen, pictures, strict=True):
            yield Offer(picture, codes[kinds[index]], parts[index])

    published = frozenset(part for part in parts if part is not None)
    return Offers(path.resolve().name, classes, published, len(chosen), take())


def _choose_images(path: Path, names: list[str]) -> tuple[list[str], list[Side | None], list[Folders]]:
    """Images with their parts and folders; without those outside the parts, if there are parts."""
    images = [name for name in names if _is_image(name)]
    if not images:
        raise PictureError(f"{path.name!r} holds no image ({', '.join(SUFFIXES)}). Put images into it.")
    parts, folders = split_folders([tuple(name.split("/")[:-1]) for name in images])
    outside = [index for index, part in enumerate(parts) if part is None and any(parts)]
    if outside:
        logger.warning(
            "Left out of %r: %d images outside train and test, such as %r", path.name, len(outside), images[outside[0]]
        )
    kept = sorted(set(range(len(images))) - set(outside))
    return [images[index] for index in kept], [parts[index] for index in kept], [folders[index] for index in kept]


def _is_image(name: str) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
    return name.lower().endswith(SUFFIXES) and not hidden


def split_folders(folders: list[Folders]) -> tuple[list[Side | None], list[Folders]]:
    """Published part of each picture, and its folders below that part.

    Parts are the folders train, val and test at the top; without a train folder, or with it alone, nothing is
    published. A val folder without a test folder is the test part.
    """
    rest = _without_common(folders)
    parts: list[Side | None] = [_PART_OF_NAME.get(each[0].lower()) if each else None for each in rest]
    found = set(parts)
    if "train" not in found or len(found - {None}) < 2:
        return [None] * len(rest), rest
    if "test" not in found:
        parts = ["test" if part == "validation" else part for part in parts]
    return parts, [each[1:] if part else each for part, each in zip(parts, rest, strict=True)]


def name_classes(folders: list[Folders]) -> list[str]:
    """Class of each picture: the folder it lies in, or its whole path where two folders have the same name.

    Folders that all pictures share, at the top or at the bottom, tell nothing and are no class; without a folder
    there is none (the empty name).
    """
    below = {index: each for index, each in enumerate(_without_common(folders)) if each}
    upwards = _without_common([each[::-1] for each in below.values()])
    n_called = Counter(each[0] for each in set(upwards) if each)
    kinds = [""] * len(folders)
    for index, each in zip(below, upwards, strict=True):
        if each:
            kinds[index] = each[0] if n_called[each[0]] == 1 else "/".join(each[::-1])
    return kinds


def _without_common(folders: list[Folders]) -> list[Folders]:
    """`folders` without the first ones that all share."""
    while folders and all(folders) and len({each[0] for each in folders}) == 1:
        folders = [each[1:] for each in folders]
    return folders
