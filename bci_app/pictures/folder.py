"""Any folder of images as pictures: cropped, resized, broken files named and skipped."""

from __future__ import annotations

import logging
import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bci_app.contract.errors import PictureError
from bci_app.pictures.picture import Picture, make_picture, resize

logger = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
MAX_PIXELS = 50_000_000
MAX_FILES = 20_000
NAMED_IN_MESSAGE = 5
_LONGEST_NAME = 80
_UNREADABLE = (  # what Pillow may raise on a damaged image; the odd ones mostly come from its EXIF
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    EOFError,
    LookupError,
    ArithmeticError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not a readable image, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class FolderPictures:
    """Pictures read from a folder and the files that could not be read."""

    pictures: tuple[Picture, ...]
    files: tuple[Path, ...]
    skipped: tuple[SkippedFile, ...]


def read_picture(path: Path, size: int = 64) -> Picture:
    """One image file, centre-cropped to a square and resized; transparency is laid on mid grey.

    Parameters
    ----------
    path : Path
        PNG, JPEG, BMP or WebP.
    size : int
        Side in pixels.

    Returns
    -------
    Picture
        Family: the name of the folder; label: the name of the file without its ending.

    Raises
    ------
    PictureError
        If the file cannot be read as an image or has more than `MAX_PIXELS` pixels.
    """
    return make_picture(
        resize(decode_image(path, path.name), size), _name(path.resolve().parent.name), _name(path.stem)
    )


def decode_image(file: Path | IO[bytes], name: str) -> NDArray[np.uint8]:
    """Pixels of one image, upright; transparency is laid on mid grey.

    Parameters
    ----------
    file : Path or binary file
        PNG, JPEG, BMP or WebP.
    name : str
        What a message calls it.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)

    Raises
    ------
    PictureError
        If it cannot be read as an image or has more than `MAX_PIXELS` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise PictureError(
                        f"{name!r} has {opened.width} x {opened.height} pixels, more than "
                        f"{MAX_PIXELS:,}. Make it smaller."
                    )
                return np.asarray(_opaque(_eight_bits(ImageOps.exif_transpose(opened))))
    except _UNREADABLE as error:
        raise PictureError(f"{name!r} is not a readable PNG, JPEG, BMP or WebP image: {error}") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """`image`, a grey one of 16 bits brought to 8: converted as it is, Pillow would make all above 255 white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(np.rint(np.asarray(image) / 257).clip(0, 255).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    grey = Image.new("RGBA", image.size, (128, 128, 128, 255))
    return Image.alpha_composite(grey, image.convert("RGBA")).convert("RGB")


def read_folder(path: Path, size: int = 64) -> FolderPictures:
    """All images directly inside a folder, in the order of their names.

    Raises
    ------
    PictureError
        If the folder is missing, holds no image file, holds more than `MAX_FILES`, or none can be read.
    """
    if not path.is_dir():
        raise PictureError(f"Pictures are read from a folder; {str(path)!r} is not one. Check the path.")
    candidates = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    if not candidates:
        raise PictureError(
            f"Folder {path.name!r} holds no image ({', '.join(SUFFIXES)}). Put images directly inside it."
        )
    if len(candidates) > MAX_FILES:
        raise PictureError(
            f"Folder {path.name!r} holds {len(candidates)} images, more than {MAX_FILES}. Choose a smaller folder."
        )
    pictures: list[Picture] = []
    files: list[Path] = []
    skipped: list[SkippedFile] = []
    for file in candidates:
        try:
            pictures.append(read_picture(file, size))
            files.append(file)
        except PictureError as error:
            skipped.append(SkippedFile(file, str(error)))
    _report(path, len(candidates), skipped)
    return FolderPictures(tuple(pictures), tuple(files), tuple(skipped))


def _report(path: Path, n_files: int, skipped: list[SkippedFile]) -> None:
    if not skipped:
        return
    named = ", ".join(repr(file.path.name) for file in skipped[:NAMED_IN_MESSAGE])
    more = f" and {len(skipped) - NAMED_IN_MESSAGE} more" if len(skipped) > NAMED_IN_MESSAGE else ""
    if len(skipped) == n_files:
        raise PictureError(
            f"None of the {n_files} image file(s) in {path.name!r} can be read: {named}{more}. "
            f"First reason: {skipped[0].reason}"
        )
    logger.info("Skipped %d of %d images in %r: %s%s", len(skipped), n_files, path.name, named, more)


def _name(text: str) -> str:
    """`text` as a part of a picture's id, which must fit into a marker."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-")[:_LONGEST_NAME] or "picture"
