"""The pictures that were shown: one id for equal pictures, and their pixels when they are asked for."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import PictureError, SettingsError
from bci_app.pictures.folder import SUFFIXES, decode_image
from bci_app.pictures.picture import picture_hash as pixel_hash
from training.data.files import MAX_MEMBER_BYTES
from training.data.offers import UNREADABLE_ARCHIVE

Images = NDArray[np.uint8]


def picture_hash(picture: bytes | Images) -> str:
    """Id of a picture: twelve hexadecimal digits of the SHA-256 of its file's bytes, or of its pixels.

    The two differ for one picture, so a data set names all of its pictures in one of the two ways.
    """
    return hashlib.sha256(picture).hexdigest()[:12] if isinstance(picture, bytes) else pixel_hash(picture)


def equal_ids(pictures: Mapping[str, Images]) -> dict[str, str]:
    """The id of each of `pictures`, equal for equal pixels: the name under which they come first."""
    first: dict[str, str] = {}
    return {name: first.setdefault(picture_hash(image), name) for name, image in pictures.items()}


def known_ids(shown: Sequence[str], pictures: Mapping[str, Images], name: str) -> tuple[str, ...]:
    """The id, as `equal_ids` gives it, of each picture that was shown in `name`; empty names stay empty.

    Raises
    ------
    SettingsError
        If one of them is not among `pictures`.
    """
    ids = {"": ""} | equal_ids(pictures)
    missing = sorted(set(shown) - set(ids))
    if missing or not shown:
        raise SettingsError(
            f"'{name}' shows {len(set(shown))} pictures, {len(missing)} of which are not among the {len(pictures)} given"
            f"{f', such as {missing[0]!r}' if missing else ''}. Give all its pictures, by the names it uses."
        )
    return tuple(ids[each] for each in shown)


class PictureFiles(Mapping[str, Images]):
    """Pictures by id, each decoded when it is asked for and then let go: a set may be larger than memory.

    Parameters
    ----------
    files : mapping of str to Path
        File of each id.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)

    def __getitem__(self, key: str) -> Images:
        path = self._files[key]
        return decode_image(path, path.name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def read_zip(path: Path) -> tuple[tuple[str, ...], dict[str, Images]]:
    """All pictures of a zip archive.

    Returns
    -------
    ids : tuple of str
        `picture_hash` of each file's bytes, in the order of the files' names.
    images : dict of str to uint8 array (height, width, 3)
        By id; fewer than ids where files are equal.

    Raises
    ------
    PictureError
        If the archive is missing or damaged, or a picture in it cannot be read.
    """
    images: dict[str, Images] = {}
    ids = []
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(filter(_is_picture, archive.namelist())):
                if archive.getinfo(name).file_size > MAX_MEMBER_BYTES:
                    raise PictureError(f"'{name}' in '{path.name}' is too large to be a picture. Make it smaller.")
                content = archive.read(name)
                ids.append(picture_hash(content))
                if ids[-1] not in images:
                    images[ids[-1]] = decode_image(io.BytesIO(content), name)
    except UNREADABLE_ARCHIVE as error:
        raise PictureError(f"'{path}' must be a zip archive of pictures: {error}. Fetch it again.") from error
    return tuple(ids), images


def _is_picture(name: str) -> bool:
    is_hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    return name.lower().endswith(SUFFIXES) and not is_hidden
