"""Features of pictures that somebody else's network gave, such as CLIP's, for a contrastive objective."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import PictureError

Floats = NDArray[np.float32]


def read_image_features(path: Path) -> dict[str, Floats]:
    """Features by picture id.

    Parameters
    ----------
    path : Path
        An .npz with ``pictures`` (n,), ids as the data gives them, and ``features`` (n, dim).

    Raises
    ------
    PictureError
        If it cannot be read, is not laid out so, or holds NaN or infinity.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            pictures, features = content["pictures"], content["features"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise PictureError(
            f"Image features are an .npz with pictures (n,) and features (n, dim); '{path}' is none: {error}. Save it "
            "with numpy.savez(path, pictures=ids, features=array)."
        ) from None
    if pictures.ndim != 1 or features.ndim != 2 or len(pictures) != len(features) or features.dtype.kind != "f":
        raise PictureError(
            f"Image features are pictures (n,) and floating features (n, dim); '{path}' has {pictures.shape} and "
            f"{features.dtype} {features.shape}. Save them again."
        )
    if not np.isfinite(features).all():
        raise PictureError(f"Image features must be finite; those of '{path}' are not. Make them again.")
    return dict(zip(map(str, pictures.tolist()), features.astype(np.float32), strict=True))
