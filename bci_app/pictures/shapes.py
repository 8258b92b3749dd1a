"""Coloured geometric shapes: five outlines in eight colours on mid grey.

Source: the shapes of Miyawaki et al. 2008, Neuron 60, "Visual image reconstruction from human brain activity
using a combination of multiscale local image decoders", in the eight colours of the artificial shapes of
Shen et al. 2019, PLoS Comput Biol 15, "Deep image reconstruction from human brain activity". Drawn anew, no
file taken.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import PictureError
from bci_app.pictures.drawing import PLAIN, Field, Variation, box, drawing_plane, paint, vary_colour
from bci_app.pictures.picture import Picture, make_picture

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "yellow": (255, 255, 0),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


def _square(x: Field, y: Field, thickness: float) -> Field:
    return box(x, y, 0.52, 0.52)


def _frame(half: float) -> Callable[[Field, Field, float], Field]:
    def draw(x: Field, y: Field, thickness: float) -> Field:
        band = 0.19 * thickness
        return np.maximum(box(x, y, half, half), -box(x, y, half - band, half - band))

    return draw


def _plus(x: Field, y: Field, thickness: float) -> Field:
    half = 0.13 * thickness
    return np.minimum(box(x, y, 0.66, half), box(x, y, half, 0.66))


def _x(x: Field, y: Field, thickness: float) -> Field:
    half = np.float32(np.sqrt(0.5))
    return _plus(half * (x + y), half * (y - x), thickness)


SHAPES: dict[str, Callable[[Field, Field, float], Field]] = {
    "square": _square,
    "small-frame": _frame(0.42),
    "large-frame": _frame(0.72),
    "plus": _plus,
    "x": _x,
}


def draw_shape(shape: str, colour: str, size: int = 64, variation: Variation | None = None) -> NDArray[np.uint8]:
    """One coloured shape on mid grey.

    Parameters
    ----------
    shape : str
        One of `SHAPES`.
    colour : str
        One of `COLOURS`.
    size : int
        Side in pixels.
    variation : Variation or None
        How it differs from the plain, centred drawing.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)

    Raises
    ------
    PictureError
        If the shape, the colour or the size is not one we draw.
    """
    if shape not in SHAPES:
        raise PictureError(f"Shapes are {', '.join(SHAPES)}; got {shape!r}. Choose one of them.")
    if colour not in COLOURS:
        raise PictureError(f"Colours are {', '.join(COLOURS)}; got {colour!r}. Choose one of them.")
    how = PLAIN if variation is None else variation
    x, y = drawing_plane(size, how)
    return paint(SHAPES[shape](x, y, how.thickness), how.scale, vary_colour(COLOURS[colour], how))


def shape_picture(shape: str, colour: str, size: int = 64, variation: Variation | None = None) -> Picture:
    """`draw_shape` as a named picture: family "shapes", label "colour-shape"."""
    return make_picture(draw_shape(shape, colour, size, variation), "shapes", f"{colour}-{shape}")
