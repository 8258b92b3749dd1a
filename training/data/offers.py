"""What a source of pictures holds, offered one picture at a time, and the built-in drawings as such a source."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bci_app.pictures.folder import SkippedFile
from bci_app.pictures.letters import LETTERS
from bci_app.pictures.shapes import SHAPES
from bci_app.pictures.source import BuiltinSource
from training.settings import PictureSettings

Images = NDArray[np.uint8]
Side = Literal["train", "validation", "test"]
UNREADABLE_ARCHIVE = (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""What zipfile and numpy may raise on a damaged archive."""
NO_CLASS = -1
DRAWN_BY_DEFAULT = 30000
_KINDS = {"shapes": tuple(SHAPES), "letters": tuple(LETTERS), "digits": tuple("0123456789")}
_DRAWN_AT_ONCE = 100


class Offer(NamedTuple):
    """One picture uint8 (h, w, 1 or 3) as the source has it, or the reason why there is none."""

    picture: Images | SkippedFile
    label: int = NO_CLASS
    """Index into the classes."""
    part: Side | None = None
    """The side on which the source itself has put it."""


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """All that a source has, or as many as were asked for.

    Attributes
    ----------
    name : str
        The source, in plain words.
    classes : tuple of str
        Empty where pictures have none.
    parts : frozenset of str
        The sides that the source itself has published.
    n : int
        How many offers will come.
    each : iterator of Offer
        To be read once; a published test part comes first, a published validation part second.
    """

    name: str
    classes: tuple[str, ...]
    parts: frozenset[Side]
    n: int
    each: Iterator[Offer]


def choose(parts: list[Side | None], wanted: PictureSettings, seed: int) -> list[int]:
    """Which pictures to read, and in which order: shuffled by `seed`, test part first, then validation.

    A smaller ``wanted.n`` chooses some of what a larger one chooses.
    """
    shuffled = np.random.default_rng(seed).permutation(len(parts))[: wanted.n]
    return sorted((int(index) for index in shuffled), key=lambda index: _TURN[parts[index]])


_TURN: dict[Side | None, int] = {"test": 0, "validation": 1, "train": 2, None: 2}


def offer_drawings(source: BuiltinSource, wanted: PictureSettings, rng: np.random.Generator) -> Offers:
    """Drawings of our own; the classes are the kinds: square, A, 7."""
    classes = tuple(kind for family in source.families for kind in _KINDS[family])
    n = wanted.n or DRAWN_BY_DEFAULT

    def draw() -> Iterator[Offer]:
        for start in range(0, n, _DRAWN_AT_ONCE):
            for picture in source.sample(rng, min(_DRAWN_AT_ONCE, n - start), wanted.size):
                yield Offer(picture.image, classes.index(picture.label.partition("-")[2]))

    return Offers(f"built-in pictures: {source.name}", classes, frozenset(), n, draw())
