"""Offers put side by side in one array, doubles left out, each picture on the side its own hash says."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich import get_console
from rich.progress import Progress

from bci_app.contract.errors import PictureError, SettingsError
from bci_app.pictures.folder import NAMED_IN_MESSAGE, SkippedFile
from bci_app.pictures.picture import picture_hash, resize
from training.data.offers import NO_CLASS, Images, Offer, Offers, Side
from training.settings import PictureSettings

logger = logging.getLogger(__name__)

SIDES: tuple[Side, ...] = ("train", "validation", "test")
MAX_IN_MEMORY = 2 * 2**30
MANY = 2000
"""Above so many pictures the progress is shown."""


@dataclass(slots=True, eq=False)
class Sorted:
    """Pictures of all sides: the first `n` rows of `pixels`, `labels` and `sides` (index into `SIDES`)."""

    pixels: Images
    labels: NDArray[np.int64]
    sides: NDArray[np.int64]
    n: int = 0
    n_doubles: int = 0
    n_leaks: int = 0
    skipped: list[SkippedFile] = field(default_factory=list)


def sort_pictures(offers: Offers, wanted: PictureSettings, cache: Path | None) -> Sorted:
    """Read all offers and group them by side, in the order in which they came.

    Raises
    ------
    PictureError
        If nothing was offered or no picture can be read.
    SettingsError
        If the pictures do not fit in memory and there is no `cache`, or a side stays empty.
    """
    shape = (offers.n, wanted.size, wanted.size, wanted.channels)
    found = Sorted(_allocate(shape, cache), np.full(offers.n, NO_CLASS), np.zeros(offers.n, np.int64))
    seen: dict[str, int] = {}
    for offer in _with_progress(offers):
        if isinstance(offer.picture, SkippedFile):
            found.skipped.append(offer.picture)
        else:
            found.pixels[found.n] = fit_picture(offer.picture, wanted)
            _place(found, offer, seen, offers.parts, wanted)
    _report(offers, found)
    _refuse_empty_side(found)
    _group(found)
    return found


def _place(found: Sorted, offer: Offer, seen: dict[str, int], parts: frozenset[Side], wanted: PictureSettings) -> None:
    """Keep the picture that stands in row ``found.n``, unless it has been seen."""
    digest = picture_hash(found.pixels[found.n])
    side = SIDES.index(choose_side(digest, offer.part, parts, wanted))
    first = seen.setdefault(digest, side)
    if len(seen) > found.n:
        found.labels[found.n], found.sides[found.n] = offer.label, side
        found.n += 1
    elif first == side:
        found.n_doubles += 1
    else:
        found.n_leaks += 1


def choose_side(digest: str, part: Side | None, parts: frozenset[Side], wanted: PictureSettings) -> Side:
    """Side of a picture: the part in which it was published, else by its hash.

    Sides that the source has published are not cut once more: with a published test part, the training part gives
    the validation side alone.
    """
    if part in ("test", "validation"):
        return part
    test = 0.0 if "test" in parts else wanted.test
    validation = 0.0 if "validation" in parts else wanted.validation
    place = int(digest[:8], 16) / 16**8  # uniform in 0 to 1, and always the same for the same pixels
    return "test" if place < test else "train" if place >= test + validation else "validation"


def fit_picture(picture: Images, wanted: PictureSettings) -> Images:
    """A picture (h, w, 1 or 3) as (size, size, channels).

    Raises
    ------
    SettingsError
        If it should be padded and is larger than the size.
    """
    if wanted.channels == 3 or picture.shape[2] == 1:
        plane = picture if picture.shape[2] == 3 else picture[..., 0]
    else:
        plane = np.asarray(Image.fromarray(picture).convert("L"))
    square = pad(plane, wanted.size) if wanted.resize == "pad" else resize(plane, wanted.size)
    return np.broadcast_to(square if square.ndim == 3 else square[..., None], (*square.shape[:2], wanted.channels))


def pad(image: Images, size: int) -> Images:
    """`image` (h, w) or (h, w, c) in the middle of black (size, size) or (size, size, c).

    Raises
    ------
    SettingsError
        If the image is larger than the square.
    """
    height, width = image.shape[:2]
    if max(height, width) > size:
        raise SettingsError(
            f"pictures.resize 'pad' needs pictures of at most {size} x {size} pixels; one has {width} x {height}. "
            "Use 'crop', or raise pictures.size."
        )
    square = np.zeros((size, size, *image.shape[2:]), np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = image
    return square


def _allocate(shape: tuple[int, int, int, int], cache: Path | None) -> Images:
    """An array in memory, or, if it is large, in a file of `cache` that goes with the array."""
    n_bytes = int(np.prod(shape, dtype=np.int64))
    if n_bytes <= MAX_IN_MEMORY:
        return np.empty(shape, np.uint8)
    size = f"{shape[0]:,} pictures of {shape[1]} x {shape[2]} pixels take {n_bytes / 2**30:.1f} GiB"
    if cache is None:
        raise SettingsError(
            f"{size}, more than the {MAX_IN_MEMORY / 2**30:.0f} GiB that are held in memory. "
            "Give a cache folder, or lower pictures.n or pictures.size."
        )
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if n_bytes > free:  # asked first: writing past the end of the disk through a map ends the process
        raise SettingsError(f"{size}; the cache folder {cache} has {free / 2**30:.1f} GiB. Choose another.")
    with tempfile.TemporaryFile(dir=cache) as file:
        return np.memmap(file, np.uint8, "w+", shape=shape).view(np.ndarray)


def _with_progress(offers: Offers) -> Iterator[Offer]:
    console = get_console()
    unseen = offers.n <= MANY or not console.is_terminal
    with Progress(console=console, transient=True, auto_refresh=False, disable=unseen) as progress:
        task = progress.add_task("reading pictures", total=offers.n)
        for number, offer in enumerate(offers.each):
            yield offer
            if number % 500 == 0:
                progress.update(task, completed=number, refresh=True)


def _report(offers: Offers, found: Sorted) -> None:
    """Say what was left out; raise PictureError if nothing is left."""
    skipped = found.skipped
    named = ", ".join(repr(str(file.path)) for file in skipped[:NAMED_IN_MESSAGE])
    more = f" and {len(skipped) - NAMED_IN_MESSAGE} more" if len(skipped) > NAMED_IN_MESSAGE else ""
    if not found.n:
        reason = f": {named}{more}. First reason: {skipped[0].reason}" if skipped else "."
        raise PictureError(f"None of the {offers.n} picture(s) of {offers.name!r} can be read{reason}")
    if skipped:
        logger.warning("Skipped %d of %d pictures of %r: %s%s", len(skipped), offers.n, offers.name, named, more)
    if found.n_doubles or found.n_leaks:
        logger.info(
            "Left out of %r: %d pictures that came before, and %d that stand in its test or validation part too",
            offers.name,
            found.n_doubles,
            found.n_leaks,
        )


def _refuse_empty_side(found: Sorted) -> None:
    counts = np.bincount(found.sides[: found.n], minlength=len(SIDES))
    empty = [name for name, count in zip(SIDES, counts, strict=True) if not count]
    if empty:
        raise SettingsError(
            f"Each side of the split needs pictures; {found.n} different ones leave none for "
            f"{', '.join(empty)}. Raise pictures.n or the shares."
        )


def _group(found: Sorted) -> None:
    """Bring the rows of each side together, in place: there may be no memory for a second copy."""
    order = np.argsort(found.sides[: found.n], kind="stable")
    found.labels[: found.n], found.sides[: found.n] = found.labels[order], found.sides[order]
    moved = np.zeros(found.n, bool)
    for start in range(found.n):
        if moved[start]:
            continue
        place, kept = start, found.pixels[start].copy()
        while order[place] != start:
            found.pixels[place] = found.pixels[order[place]]
            moved[place] = True
            place = order[place]
        found.pixels[place] = kept
        moved[place] = True
