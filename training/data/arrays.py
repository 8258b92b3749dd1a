"""Pictures that come as arrays: npz archives as Keras has them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import PictureError
from training.data.offers import NO_CLASS, UNREADABLE_ARCHIVE, Images, Offer, Offers, Side, choose
from training.settings import PictureSettings

MAX_ARRAY_BYTES = 4 * 2**30
_PARTS: tuple[Side, ...] = ("train", "test")

Labelled = tuple[Images, NDArray[Any] | None]
"""Pictures (n, h, w) or (n, h, w, 1 or 3) with their classes (n,), if they have any."""


def offer_arrays(name: str, parts: dict[Side, Labelled], wanted: PictureSettings, seed: int) -> Offers:
    """Pictures of whole arrays, each array one side; a single one is no published split.

    Raises
    ------
    PictureError
        If arrays are not 8-bit pictures or do not have one class per picture.
    """
    for side, (pixels, classes) in parts.items():
        _check(f"{name} ({side})", pixels, classes)
    kinds = _kinds(parts)
    codes = {side: _codes(labels, len(pixels), kinds) for side, (pixels, labels) in parts.items()}
    places = [(side, index) for side, (pixels, _) in parts.items() for index in range(len(pixels))]
    published = len(parts) > 1
    chosen = choose([side if published else None for side, _ in places], wanted, seed)

    def take() -> Iterator[Offer]:
        for number in chosen:
            side, index = places[number]
            picture = parts[side][0][index]
            yield Offer(
                picture if picture.ndim == 3 else picture[..., None],
                int(codes[side][index]),
                side if published else None,
            )

    names = tuple(str(kind) for kind in kinds)
    return Offers(name, names, frozenset(parts if published else ()), len(chosen), take())


def _check(name: str, pixels: NDArray[Any], classes: NDArray[Any] | None) -> None:
    shape_fits = (pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] in (1, 3))) and 0 not in pixels.shape[1:]
    if pixels.dtype != np.uint8 or not shape_fits:
        raise PictureError(
            f"Pictures must be uint8 (n, h, w) or (n, h, w, 1 or 3); {name} has {pixels.dtype} {pixels.shape}. "
            "Convert them to 8 bits, channels last."
        )
    if classes is not None and (classes.dtype.kind not in "iu" or classes.size != len(pixels)):
        raise PictureError(
            f"Classes must be one whole number per picture; {name} has {classes.dtype} {classes.shape} "
            f"for {len(pixels)} pictures. Correct or remove them."
        )


def _kinds(parts: dict[Side, Labelled]) -> NDArray[Any]:
    labels = [labels.ravel() for _, labels in parts.values() if labels is not None]
    return np.unique(np.concatenate(labels)) if labels else np.empty(0, np.int64)


def _codes(labels: NDArray[Any] | None, n: int, kinds: NDArray[Any]) -> NDArray[np.int64]:
    if labels is None:
        return np.full(n, NO_CLASS)
    return np.searchsorted(kinds, labels.ravel()).astype(np.int64)


def offer_npz(path: Path, wanted: PictureSettings, seed: int) -> Offers:
    """Pictures of an npz archive with ``x_train`` and, if there are any, ``y_train``, ``x_test``, ``y_test``.

    Raises
    ------
    PictureError
        If the archive is damaged, holds other arrays, or needs pickle.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is no archive")
        with np.load(path, allow_pickle=False) as archive:
            if "x_train" not in archive.files:
                raise PictureError(
                    f"An npz of pictures has x_train, and may have y_train, x_test, y_test; {path.name!r} has "
                    f"{', '.join(archive.files) or 'nothing'}. Rename its arrays."
                )
            _refuse_too_large(path, archive.zip)
            parts: dict[Side, Labelled] = {
                side: (archive[f"x_{side}"], archive.get(f"y_{side}")) for side in _PARTS if f"x_{side}" in archive
            }
    except UNREADABLE_ARCHIVE as error:
        raise PictureError(
            f"{path.name!r} must be an npz archive that numpy reads without pickle; reading it failed: {error}. "
            "Fetch or write it again."
        ) from error
    return offer_arrays(path.name, parts, wanted, seed)


def _refuse_too_large(path: Path, archive: zipfile.ZipFile) -> None:
    size = max(member.file_size for member in archive.infolist())
    if size > MAX_ARRAY_BYTES:
        raise PictureError(
            f"An array is read whole and may have {MAX_ARRAY_BYTES / 2**30:.0f} GiB; one of {path.name!r} has "
            f"{size / 2**30:.1f} GiB. Pack the pictures as image files into a folder or a zip."
        )
