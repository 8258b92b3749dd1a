"""One picture with a stable name, and the helper that resizes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bci_app.contract.errors import PictureError

MID_GREY = 128
"""Background of every built-in picture and of the blank screen, 0-255."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture as it is shown.

    Attributes
    ----------
    id : str
        ``family/label/hash``, the name that travels in markers.
    image : ndarray of uint8, shape (h, w, 3)
        RGB pixels, read-only.
    family, label : str
        Kind of picture ("shapes") and what it shows ("red-square").
    """

    id: str
    image: NDArray[np.uint8]
    family: str
    label: str

    def __eq__(self, other: object) -> bool:
        """Pictures are equal when their names are: the name holds the hash of the pixels."""
        return isinstance(other, Picture) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)


def picture_hash(image: NDArray[np.uint8]) -> str:
    """Twelve hexadecimal digits of the SHA-256 of the pixels in C order, ``(h, w, 3)`` uint8."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:12]


def make_picture(image: NDArray[np.uint8], family: str, label: str) -> Picture:
    """Picture with its id computed from the pixels.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        RGB pixels; copied.
    family, label : str
        Parts of the id; neither may be empty or hold a slash.

    Raises
    ------
    PictureError
        If the array is not uint8 ``(h, w, 3)`` or a name is empty or holds "/".
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise PictureError(
            f"A picture is uint8 (h, w, 3); got {image.dtype} {image.shape}. Convert it to 8-bit RGB first."
        )
    for what, name in (("family", family), ("label", label)):
        if not name or "/" in name:
            raise PictureError(f"A picture's {what} is a name without '/'; got {name!r}. Choose another name.")
    pixels = np.array(image, order="C")
    pixels.setflags(write=False)
    return Picture(f"{family}/{label}/{picture_hash(pixels)}", pixels, family, label)


def resize(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Centre-crop to a square and resize, antialiased.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        RGB pixels.
    size : int
        Side of the result in pixels.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
    """
    if image.shape[:2] == (size, size):
        return image
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    # cut first: with `box=` the filter would reach over the border of the square
    square = Image.fromarray(image[top : top + side, left : left + side])
    resized = square.resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized, dtype=np.uint8)
