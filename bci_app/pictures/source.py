"""Where pictures to show come from: one protocol, the built-in drawings, or a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from bci_app.contract.errors import PictureError
from bci_app.pictures.digits import digit_picture, handwritten_digits
from bci_app.pictures.drawing import sample_variation
from bci_app.pictures.folder import SkippedFile, read_folder, read_picture
from bci_app.pictures.letters import INKS, LETTERS, letter_picture
from bci_app.pictures.picture import Picture, picture_hash
from bci_app.pictures.shapes import COLOURS, SHAPES, shape_picture

__all__ = [
    "FAMILIES",
    "BuiltinSource",
    "FolderSource",
    "PictureSource",
    "builtin",
    "from_folder",
    "picture_hash",
]


class PictureSource(Protocol):
    """Anything that pictures can be drawn from."""

    @property
    def name(self) -> str:
        """What the pictures are, in plain words."""

    def sample(self, rng: np.random.Generator, n: int, size: int = 64) -> tuple[Picture, ...]:
        """``n`` pictures of ``size`` pixels, chosen by ``rng`` alone."""


def _sample_shape(rng: np.random.Generator, size: int) -> Picture:
    shape, colour = _choose(rng, tuple(SHAPES)), _choose(rng, tuple(COLOURS))
    return shape_picture(shape, colour, size, sample_variation(rng))


def _sample_letter(rng: np.random.Generator, size: int) -> Picture:
    letter, ink = _choose(rng, tuple(LETTERS)), _choose(rng, tuple(INKS))
    return letter_picture(letter, ink, size, sample_variation(rng))


def _sample_digit(rng: np.random.Generator, size: int) -> Picture:
    sample = int(rng.integers(len(handwritten_digits()[0])))
    shift = rng.uniform(-0.8, 0.8, size=2)
    return digit_picture(sample, _choose(rng, tuple(INKS)), size, (float(shift[0]), float(shift[1])))


def _choose(rng: np.random.Generator, names: Sequence[str]) -> str:
    return names[int(rng.integers(len(names)))]


FAMILIES: dict[str, Callable[[np.random.Generator, int], Picture]] = {
    "shapes": _sample_shape,
    "letters": _sample_letter,
    "digits": _sample_digit,
}


@dataclass(frozen=True, slots=True)
class BuiltinSource:
    """Pictures drawn by our own code, every family equally often."""

    families: tuple[str, ...]

    @property
    def name(self) -> str:
        """The families."""
        return ", ".join(self.families)

    def sample(self, rng: np.random.Generator, n: int, size: int = 64) -> tuple[Picture, ...]:
        """``n`` new drawings of ``size`` pixels."""
        return tuple(FAMILIES[_choose(rng, self.families)](rng, size) for _ in range(n))


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Pictures of a folder.

    Attributes
    ----------
    name : str
        Name of the folder.
    files : tuple of Path
        Readable images, by name.
    skipped : tuple of SkippedFile
        Image files that could not be read, with the reason.
    """

    name: str
    files: tuple[Path, ...]
    skipped: tuple[SkippedFile, ...]
    _read: dict[tuple[Path, int], Picture] = field(default_factory=dict, repr=False, compare=False)

    def sample(self, rng: np.random.Generator, n: int, size: int = 64) -> tuple[Picture, ...]:
        """``n`` pictures, none twice before all have come once."""
        order: list[int] = []
        while len(order) < n:
            order.extend(int(index) for index in rng.permutation(len(self.files)))
        return tuple(self._picture(self.files[index], size) for index in order[:n])

    def _picture(self, path: Path, size: int) -> Picture:
        if (path, size) not in self._read:
            self._read[path, size] = read_picture(path, size)
        return self._read[path, size]


def builtin(families: Sequence[str] = ("shapes", "letters", "digits")) -> BuiltinSource:
    """Built-in pictures of the named families.

    Raises
    ------
    PictureError
        If no family is named, or one that does not exist.
    """
    unknown = [family for family in families if family not in FAMILIES]
    if unknown or not families:
        raise PictureError(
            f"Built-in pictures are {', '.join(FAMILIES)}; got {', '.join(unknown) or 'none'}. "
            "Name one or more of them."
        )
    return BuiltinSource(tuple(dict.fromkeys(families)))


def from_folder(path: Path | str, size: int = 64) -> FolderSource:
    """Pictures of a folder; every file is read once now, so that broken ones are known at once.

    Raises
    ------
    PictureError
        If the folder is missing, empty, too full or holds only broken files.
    """
    folder = Path(path)
    found = read_folder(folder, size)
    source = FolderSource(folder.resolve().name or str(folder), found.files, found.skipped)
    source._read.update({(file, size): picture for file, picture in zip(found.files, found.pictures, strict=True)})
    return source
