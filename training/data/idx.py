"""Pictures in the idx files of MNIST and its relatives, packed with gzip or not.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", file formats.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import PictureError
from training.data.arrays import MAX_ARRAY_BYTES, Labelled, offer_arrays
from training.data.offers import Offers, Side
from training.settings import PictureSettings

_NAME = re.compile(r"(?P<set>.*?)(?P<part>train|t10k|test)[-.](?P<what>images|labels)[-.]idx[13]-ubyte(\.gz)?")
_PARTS: tuple[Side, ...] = ("train", "test")
_UNSIGNED_BYTE = 8


class _Key(NamedTuple):
    """Which of the files of a set; `set` is what stands before ``train-images`` in its name, mostly nothing."""

    set: str
    part: Side
    what: str


def is_idx(path: Path) -> bool:
    """Whether the name is that of an idx file."""
    return _NAME.fullmatch(path.name) is not None


def offer_idx(path: Path, wanted: PictureSettings, seed: int) -> Offers:
    """Pictures of the idx files in a folder, or of the set to which the file `path` belongs.

    Raises
    ------
    PictureError
        If the folder holds no training images or more than one set, or a file is damaged.
    """
    folder = path if path.is_dir() else path.parent
    backwards = sorted(folder.iterdir(), reverse=True)  # a file that is not packed comes last and counts
    files = {_key(file): file for file in backwards if is_idx(file)}
    sets = {key.set for key in files} if path.is_dir() else {_key(path).set}
    if len(sets) != 1:
        raise PictureError(
            f"{folder.name!r} holds {len(sets)} sets of idx files ({', '.join(sorted(sets))}). "
            "Name the images file of one of them as pictures.source."
        )
    (name,) = sets
    parts = {part: _read_part(files, name, part) for part in _PARTS if _Key(name, part, "images") in files}
    if "train" not in parts:
        raise PictureError(f"{folder.name!r} has no {name}train-images-idx3-ubyte. Put it beside the others.")
    return offer_arrays(name.strip("-._") or folder.resolve().name, parts, wanted, seed)


def _key(file: Path) -> _Key:
    match = _NAME.fullmatch(file.name)
    assert match is not None
    return _Key(match["set"], "train" if match["part"] == "train" else "test", match["what"])


def _read_part(files: dict[_Key, Path], name: str, part: Side) -> Labelled:
    labels = files.get(_Key(name, part, "labels"))
    return read_idx(files[_Key(name, part, "images")], 3), read_idx(labels, 1) if labels else None


def read_idx(path: Path, n_dims: int) -> NDArray[np.uint8]:
    """The unsigned bytes of an idx file, an array of `n_dims` dimensions.

    Raises
    ------
    PictureError
        If the file is of another kind, too large, cut, or longer than it says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * n_dims)
            shape = _shape(path, header, n_dims)
            size = int(np.prod(shape, dtype=object))
            if size > MAX_ARRAY_BYTES:
                raise PictureError(f"{path.name!r} says that it holds {size / 2**30:.1f} GiB. Fetch it again.")
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise PictureError(f"{path.name!r} is not a readable idx file: {error}. Fetch it again.") from error
    if len(content) != size:
        came = "more" if len(content) > size else f"{len(content):,}"
        raise PictureError(f"{path.name!r} must hold {size:,} bytes after its header; it has {came}. Fetch it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(path: Path, header: bytes, n_dims: int) -> tuple[int, ...]:
    expected = bytes((0, 0, _UNSIGNED_BYTE, n_dims))
    if header[:4] != expected or len(header) < 4 + 4 * n_dims:
        raise PictureError(
            f"An idx file of {'images' if n_dims == 3 else 'labels'} begins with {expected.hex(' ')} and {n_dims} "
            f"size(s); {path.name!r} begins with {header.hex(' ') or 'nothing'}. Fetch it again."
        )
    return struct.unpack(f">{n_dims}I", header[4:])
