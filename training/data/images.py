"""Pictures as arrays, split by what they show so that no picture is on both sides."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bci_app.contract.errors import PictureError, SettingsError
from bci_app.pictures.folder import SkippedFile
from bci_app.pictures.picture import picture_hash
from bci_app.pictures.source import BuiltinSource, builtin
from training.data.arrays import offer_npz
from training.data.files import offer_folder, offer_zip
from training.data.idx import is_idx, offer_idx
from training.data.offers import NO_CLASS, Images, Offers, offer_drawings
from training.data.sorting import SIDES, Sorted, sort_pictures
from training.settings import PictureSettings

__all__ = [
    "DrawnArrays",
    "ImageSplit",
    "Images",
    "Pictures",
    "batch_indices",
    "draw_split",
    "flip_some",
    "mirrored",
    "read_split",
    "refuse_leak",
    "to_images",
    "to_tensor",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """One side of a split.

    Attributes
    ----------
    images : uint8 array (n, size, size, channels)
        Read-only.
    labels : int64 array (n,) or None
        Index of the class of each; None if not every picture has one.
    """

    images: Images
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True, eq=False)
class ImageSplit:
    """Pictures for training, for watching it, and for the score.

    Attributes
    ----------
    train, validation, test : Pictures
        In random order, so that the first of them are a sample.
    classes : tuple of str
        What the labels count; empty without classes.
    name : str
        Where the pictures come from.
    skipped : tuple of SkippedFile
        Files that could not be read, with the reason.
    n_doubles : int
        Pictures left out because their side has the same pixels already.
    n_leaks : int
        Pictures left out because a published test or validation part has the same pixels.
    """

    train: Pictures
    validation: Pictures
    test: Pictures
    classes: tuple[str, ...] = ()
    name: str = ""
    skipped: tuple[SkippedFile, ...] = ()
    n_doubles: int = 0
    n_leaks: int = 0


def read_split(wanted: PictureSettings, seed: int, cache: Path | None = None) -> ImageSplit:
    """Pictures of a source, on three sides, doubles left out.

    A test part that the source has published is the test side, and the validation side is cut from the training part;
    otherwise each picture falls on the side that its own hash says.

    Parameters
    ----------
    wanted : PictureSettings
        The source, how many pictures, how large, and the shares of validation and test.
    seed : int
        Draws or chooses the pictures, and shuffles them.
    cache : Path, optional
        Folder for the file behind pictures that are too many for memory; the file goes with the arrays.

    Raises
    ------
    PictureError
        If the source is missing, damaged, or holds no picture that can be read.
    SettingsError
        If a side stays empty, a picture is too large to be padded, or a cache is needed.
    """
    return _split(_open(wanted, seed), wanted, cache)


class DrawnArrays(NamedTuple):
    """Images of the three sides, uint8 (n, size, size, channels)."""

    train: Images
    validation: Images
    test: Images


def draw_split(source: BuiltinSource, rng: np.random.Generator, wanted: PictureSettings) -> DrawnArrays:
    """Images alone, as `read_split` splits them, drawn with a generator that the caller has."""
    split = _split(offer_drawings(source, wanted, rng), wanted, None)
    return DrawnArrays(split.train.images, split.validation.images, split.test.images)


def _split(offers: Offers, wanted: PictureSettings, cache: Path | None) -> ImageSplit:
    found = sort_pictures(offers, wanted, cache)
    for array in (found.pixels, found.labels):
        array.setflags(write=False)
    train, validation, test = (_side(found, number, offers.name) for number in range(len(SIDES)))
    split = ImageSplit(
        train,
        validation,
        test,
        classes=offers.classes,
        name=offers.name,
        skipped=tuple(found.skipped),
        n_doubles=found.n_doubles,
        n_leaks=found.n_leaks,
    )
    refuse_leak(split)
    return split


def _open(wanted: PictureSettings, seed: int) -> Offers:
    if wanted.source == "builtin":
        return offer_drawings(builtin(wanted.families), wanted, np.random.default_rng(seed))
    path = Path(wanted.source).expanduser()
    if path.is_dir():
        has_idx = any(is_idx(file) for file in path.iterdir())
        return offer_idx(path, wanted, seed) if has_idx else offer_folder(path, wanted, seed)
    if not path.is_file():
        raise PictureError(f"Pictures are read from {wanted.source!r}, which does not exist. Check pictures.source.")
    if is_idx(path):
        return offer_idx(path, wanted, seed)
    if path.suffix.lower() == ".npz":
        return offer_npz(path, wanted, seed)
    if path.suffix.lower() == ".zip":
        return offer_zip(path, wanted, seed)
    raise PictureError(
        f"pictures.source is 'builtin', a folder, a .zip of images, an .npz or MNIST's idx files; got {path.name!r}."
    )


def _side(found: Sorted, number: int, name: str) -> Pictures:
    first, last = np.searchsorted(found.sides[: found.n], (number, number + 1))
    labels = found.labels[first:last]
    n_without = int((labels == NO_CLASS).sum())
    if 0 < n_without < len(labels):
        logger.warning(
            "%d of %d %s pictures of %r have no class; the labels are left out",
            n_without,
            len(labels),
            SIDES[number],
            name,
        )
    return Pictures(found.pixels[first:last], None if n_without else labels)


def refuse_leak(split: ImageSplit) -> None:
    """Raise SettingsError if the same picture stands on two sides."""
    train, validation, test = (
        {picture_hash(image) for image in side.images} for side in (split.train, split.validation, split.test)
    )
    shared = len(train & validation) + len(train & test) + len(validation & test)
    if shared:
        raise SettingsError(
            f"The sides of a split must not share a picture; {shared} stand on two. Split by hash with read_split."
        )


def to_tensor(images: Images) -> Tensor:
    """Images uint8 (n, h, w, c) as float32 (n, c, h, w) in -1 to 1, in the memory order that is fast here."""
    # copied: torch takes no array that is read-only
    scaled = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    return scaled.contiguous(memory_format=torch.channels_last)


def to_images(tensor: Tensor) -> Images:
    """Inverse of `to_tensor`, clipped: uint8 (n, h, w, c), on the CPU."""
    bytes_ = ((tensor.detach() + 1.0) * 127.5).round().clamp(0, 255).permute(0, 2, 3, 1).byte()
    pixels: Images = bytes_.cpu().numpy()
    return pixels


def batch_indices(n: int, batch_size: int, step: int, seed: int) -> NDArray[np.int64]:
    """Which of `n` pictures step `step` sees: each epoch is a new shuffle, a function of seed and epoch alone."""
    per_epoch = max(n // batch_size, 1)
    epoch, place = divmod(step, per_epoch)
    return _order(n, epoch, seed)[place * batch_size : (place + 1) * batch_size]


@lru_cache(maxsize=2)
def _order(n: int, epoch: int, seed: int) -> NDArray[np.int64]:
    """The shuffle of an epoch, read-only; drawing it takes longer than a step where there are very many pictures."""
    order = np.random.default_rng((seed, epoch)).permutation(n)
    order.setflags(write=False)
    return order


def flip_some(images: Images, rng: np.random.Generator) -> Images:
    """A copy of images (n, h, w, c) in which each is mirrored left to right with probability one half.

    With ``rng = np.random.default_rng((seed, step))`` a step flips the same pictures in every run.
    """
    return mirrored(images, rng.random(len(images)) < 0.5)


def mirrored(images: Images, which: NDArray[np.bool_]) -> Images:
    """A copy of images (n, h, w, c) in which those of `which` (n,) are mirrored left to right."""
    return np.where(which[:, None, None, None], images[:, :, ::-1], images)
