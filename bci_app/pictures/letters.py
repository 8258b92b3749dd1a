"""Ten capital letters drawn from straight strokes and arcs, without any font.

Source: the letters A C E I N O R S T U are those of the alphabet set of Shen et al. 2019, PLoS Comput
Biol 15.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import PictureError
from bci_app.pictures.drawing import PLAIN, Field, Variation, arc, drawing_plane, paint, segment, vary_colour
from bci_app.pictures.picture import Picture, make_picture

Line = tuple[float, float, float, float]
"""Straight stroke x1, y1, x2, y2 (y down)."""
Arc = tuple[float, float, float, float, float]
"""Arc: centre x, y, radius, first and last angle in degrees, clockwise on the screen from the right."""

HALF_STROKE = 0.105

LETTERS: dict[str, tuple[tuple[Line, ...], tuple[Arc, ...]]] = {
    "A": (((-0.52, 0.62, 0.0, -0.62), (0.0, -0.62, 0.52, 0.62), (-0.32, 0.2, 0.32, 0.2)), ()),
    "C": ((), ((0.08, 0.0, 0.62, 48.0, 312.0),)),
    "E": (
        (
            (-0.4, -0.62, -0.4, 0.62),
            (-0.4, -0.62, 0.4, -0.62),
            (-0.4, 0.0, 0.3, 0.0),
            (-0.4, 0.62, 0.4, 0.62),
        ),
        (),
    ),
    "I": (((0.0, -0.62, 0.0, 0.62),), ()),
    "N": (((-0.46, 0.62, -0.46, -0.62), (-0.46, -0.62, 0.46, 0.62), (0.46, 0.62, 0.46, -0.62)), ()),
    "O": ((), ((0.0, 0.0, 0.62, -180.0, 180.0),)),
    "R": (
        (
            (-0.42, 0.62, -0.42, -0.62),
            (-0.42, -0.62, 0.08, -0.62),
            (-0.42, 0.06, 0.08, 0.06),
            (0.0, 0.06, 0.44, 0.62),
        ),
        ((0.08, -0.28, 0.34, -90.0, 90.0),),
    ),
    "S": ((), ((0.0, -0.31, 0.31, 90.0, 335.0), (0.0, 0.31, 0.31, -90.0, 155.0))),
    "T": (((-0.5, -0.62, 0.5, -0.62), (0.0, -0.62, 0.0, 0.62)), ()),
    "U": (((-0.46, -0.62, -0.46, 0.16), (0.46, -0.62, 0.46, 0.16)), ((0.0, 0.16, 0.46, 0.0, 180.0),)),
}

INKS: dict[str, tuple[int, int, int]] = {"white": (255, 255, 255), "black": (0, 0, 0)}


def draw_letter(
    letter: str, ink: str = "white", size: int = 64, variation: Variation | None = None
) -> NDArray[np.uint8]:
    """One letter on mid grey.

    Parameters
    ----------
    letter : str
        One of `LETTERS`.
    ink : {"white", "black"}
        Colour of the strokes.
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
        If the letter, the ink or the size is not one we draw.
    """
    if letter not in LETTERS:
        raise PictureError(f"Letters are {', '.join(LETTERS)}; got {letter!r}. Choose one of them.")
    if ink not in INKS:
        raise PictureError(f"Letters are drawn in {' or '.join(INKS)}; got {ink!r}. Choose one of them.")
    how = PLAIN if variation is None else variation
    x, y = drawing_plane(size, how)
    lines, arcs = LETTERS[letter]
    strokes: list[Field] = [segment(x, y, (x1, y1), (x2, y2)) for x1, y1, x2, y2 in lines]
    strokes += [arc(x, y, (cx, cy), radius, first, last) for cx, cy, radius, first, last in arcs]
    field = reduce(np.minimum, strokes) - np.float32(HALF_STROKE * how.thickness)
    return paint(field, how.scale, vary_colour(INKS[ink], how))


def letter_picture(letter: str, ink: str = "white", size: int = 64, variation: Variation | None = None) -> Picture:
    """`draw_letter` as a named picture: family "letters", label "ink-letter"."""
    return make_picture(draw_letter(letter, ink, size, variation), "letters", f"{ink}-{letter}")
