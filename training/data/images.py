"""Pictures as arrays, split by what they show so that no picture is on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bci_app.contract.errors import SettingsError
from bci_app.pictures.source import PictureSource, picture_hash
from training.settings import PictureSettings

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ImageSplit:
    """Pictures for training, for watching it, and for the score; uint8 arrays (n, size, size, 3)."""

    train: Images
    validation: Images
    test: Images


def draw_split(source: PictureSource, rng: np.random.Generator, wanted: PictureSettings) -> ImageSplit:
    """Pictures of `source`, each put on a side by its own hash, doubles left out.

    Parameters
    ----------
    source : PictureSource
        Where pictures come from.
    rng : Generator
        Chooses the pictures.
    wanted : PictureSettings
        How many, their size, and the shares of validation and test.

    Raises
    ------
    SettingsError
        If a side stays empty.
    """
    pictures = {picture_hash(picture.image): picture.image for picture in source.sample(rng, wanted.n, wanted.size)}
    sides: dict[str, list[Images]] = {"train": [], "validation": [], "test": []}
    for digest, image in pictures.items():
        place = int(digest[:8], 16) / 16**8  # uniform in 0 to 1, and always the same for the same pixels
        side = "test" if place < wanted.test else "train" if place >= wanted.test + wanted.validation else "validation"
        sides[side].append(image)
    empty = [name for name, images in sides.items() if not images]
    if empty:
        raise SettingsError(
            f"Each side of the split needs pictures; {len(pictures)} different ones leave none for "
            f"{', '.join(empty)}. Raise pictures.n or the shares."
        )
    split = ImageSplit(**{name: np.stack(images) for name, images in sides.items()})
    refuse_leak(split)
    return split


def refuse_leak(split: ImageSplit) -> None:
    """Raise SettingsError if the same picture stands on two sides."""
    train, validation, test = (
        {picture_hash(image) for image in side} for side in (split.train, split.validation, split.test)
    )
    shared = len(train & validation) + len(train & test) + len(validation & test)
    if shared:
        raise SettingsError(
            f"The sides of a split must not share a picture; {shared} stand on two. Split by hash with draw_split."
        )


def to_tensor(images: Images) -> Tensor:
    """Images uint8 (n, h, w, 3) as float32 (n, 3, h, w) in -1 to 1, in the memory order that is fast here."""
    scaled = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    return scaled.contiguous(memory_format=torch.channels_last)


def to_images(tensor: Tensor) -> Images:
    """Inverse of `to_tensor`, clipped."""
    pixels: Images = ((tensor.detach() + 1.0) * 127.5).round().clamp(0, 255).permute(0, 2, 3, 1).byte().numpy()
    return pixels


def batch_indices(n: int, batch_size: int, step: int, seed: int) -> NDArray[np.int64]:
    """Which of `n` pictures step `step` sees: each epoch is a new shuffle, a function of seed and epoch alone."""
    per_epoch = max(n // batch_size, 1)
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng((seed, epoch)).permutation(n)
    return order[place * batch_size : (place + 1) * batch_size]
