"""Real handwritten digits: the 1797 samples that come with scikit-learn, enlarged smoothly.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository 1998; the copy inside scikit-learn (`sklearn.datasets.load_digits`), nothing is downloaded.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bci_app.contract.errors import PictureError
from bci_app.pictures.letters import INKS
from bci_app.pictures.picture import MID_GREY, Picture, make_picture

DIGIT_PIXELS = 8
MARGIN = 0.14
"""Share of the picture left empty on each side of the 8 x 8 drawing."""


@lru_cache(maxsize=1)
def handwritten_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All samples.

    Returns
    -------
    ink : ndarray of float32, shape (1797, 8, 8)
        Amount of ink, 0 to 1, read-only.
    labels : ndarray of int64, shape (1797,)
        Which digit it is, read-only.

    Raises
    ------
    PictureError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise PictureError(
            "Handwritten digits come with scikit-learn, which is not installed. Run: pip install scikit-learn"
        ) from error
    data, target = load_digits(return_X_y=True)
    ink = (np.asarray(data, dtype=np.float32) / 16.0).reshape(-1, DIGIT_PIXELS, DIGIT_PIXELS)
    labels = np.asarray(target, dtype=np.int64)
    ink.setflags(write=False)
    labels.setflags(write=False)
    return ink, labels


def draw_digit(
    sample: int, ink: str = "white", size: int = 64, shift: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.uint8]:
    """One handwritten digit on mid grey.

    Parameters
    ----------
    sample : int
        Which of the 1797.
    ink : {"white", "black"}
        Colour of the strokes.
    size : int
        Side in pixels.
    shift : tuple of float
        Move to the right and down, in pixels of the 8 x 8 original; need not be whole.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)

    Raises
    ------
    PictureError
        If scikit-learn is missing or there is no such sample or ink.
    """
    samples, _ = handwritten_digits()
    if not 0 <= sample < len(samples) or ink not in INKS:
        raise PictureError(
            f"Digits are numbered 0 to {len(samples) - 1} and inked {' or '.join(INKS)}; "
            f"got number {sample}, ink {ink!r}. Choose values inside."
        )
    step = DIGIT_PIXELS / (1.0 - 2.0 * MARGIN) / size  # original pixels per picture pixel
    border = 4  # so that interpolation meets only empty paper at the rim
    padded = Image.fromarray(np.pad(samples[sample], border))
    corner_x, corner_y = (border - step * size * MARGIN - moved for moved in shift)
    inked = padded.transform(
        (size, size),
        Image.Transform.AFFINE,
        (step, 0.0, corner_x, 0.0, step, corner_y),
        resample=Image.Resampling.BICUBIC,
    )
    amount = np.clip(np.asarray(inked, dtype=np.float32), 0.0, 1.0)
    pixels = np.rint(MID_GREY + amount * (INKS[ink][0] - MID_GREY)).astype(np.uint8)
    return np.repeat(pixels[:, :, None], 3, axis=2)


def digit_picture(sample: int, ink: str = "white", size: int = 64, shift: tuple[float, float] = (0.0, 0.0)) -> Picture:
    """`draw_digit` as a named picture: family "digits", label "ink-digit"."""
    image = draw_digit(sample, ink, size, shift)
    return make_picture(image, "digits", f"{ink}-{handwritten_digits()[1][sample]}")
