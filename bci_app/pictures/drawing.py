"""Shared ground of shapes and letters: variation, signed distance fields, analytic anti-aliasing.

A picture spans ``[-1, 1]`` in both directions, x to the right and y **down**, whatever its size in pixels, so
the same drawing at another resolution is the same picture.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import PictureError
from bci_app.pictures.picture import MID_GREY

Field = NDArray[np.float32]
"""Signed distance to an outline in picture units, negative inside, shape (size, size)."""

MIN_SIZE, MAX_SIZE = 8, 4096


@dataclass(frozen=True, slots=True)
class Variation:
    """How one drawing differs from the plain one.

    Attributes
    ----------
    centre : tuple of float
        Shift to the right and down, in picture units (the picture is 2 wide).
    scale : float
        Size relative to the plain drawing.
    rotation_deg : float
        Turn, clockwise on the screen.
    thickness : float
        Thickness of strokes relative to the plain drawing.
    hue : float
        Shift of the hue, in turns; without effect on white and black.
    contrast : float
        Distance of the colour from the mid-grey background, 1 is the full colour.
    """

    centre: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    rotation_deg: float = 0.0
    thickness: float = 1.0
    hue: float = 0.0
    contrast: float = 1.0


PLAIN = Variation()


def sample_variation(rng: np.random.Generator) -> Variation:
    """Random small variation: position, size, turn, stroke, hue and contrast, all uniform and continuous."""
    x, y, scale, turn, thickness, hue, contrast = (float(v) for v in rng.uniform(-1.0, 1.0, size=7))
    return Variation(
        centre=(0.12 * x, 0.12 * y),
        scale=0.95 + 0.15 * scale,
        rotation_deg=8.0 * turn,
        thickness=1.0 + 0.25 * thickness,
        hue=0.02 * hue,
        contrast=0.9 + 0.1 * contrast,
    )


@lru_cache(maxsize=8)
def _pixel_centres(size: int) -> tuple[Field, Field]:
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise PictureError(f"A picture is {MIN_SIZE} to {MAX_SIZE} pixels wide; got {size}. Choose a size inside.")
    line = ((np.arange(size, dtype=np.float32) + 0.5) * (2.0 / size) - 1.0).astype(np.float32)
    return line[None, :], line[:, None]


def drawing_plane(size: int, variation: Variation) -> tuple[Field, Field]:
    """Coordinates of each pixel in the frame of the drawing, before it was moved, turned and scaled.

    Returns
    -------
    x, y : ndarray of float32, shape (size, size)
        Distances in this frame times ``variation.scale`` are distances in the picture.
    """
    x, y = _pixel_centres(size)
    x, y = x - np.float32(variation.centre[0]), y - np.float32(variation.centre[1])
    turn = np.deg2rad(variation.rotation_deg)
    cos, sin = np.float32(np.cos(turn) / variation.scale), np.float32(np.sin(turn) / variation.scale)
    return cos * x + sin * y, cos * y - sin * x


def box(x: Field, y: Field, half_width: float, half_height: float) -> Field:
    """Distance to a box round the origin (largest-norm outside the corners, so they stay sharp)."""
    return np.maximum(np.abs(x) - np.float32(half_width), np.abs(y) - np.float32(half_height))


def segment(x: Field, y: Field, start: tuple[float, float], stop: tuple[float, float]) -> Field:
    """Distance, never negative, to the straight line from ``start`` to ``stop``."""
    along = np.array([stop[0] - start[0], stop[1] - start[1]], dtype=np.float32)
    px, py = x - np.float32(start[0]), y - np.float32(start[1])
    t = np.clip((px * along[0] + py * along[1]) / np.float32(along @ along), 0.0, 1.0)
    distance: Field = np.hypot(px - t * along[0], py - t * along[1])
    return distance


def arc(x: Field, y: Field, centre: tuple[float, float], radius: float, start_deg: float, stop_deg: float) -> Field:
    """Distance, never negative, to a circular arc; angles clockwise on the screen from the right."""
    middle, half = np.deg2rad((start_deg + stop_deg) / 2), np.deg2rad((stop_deg - start_deg) / 2)
    px, py = x - np.float32(centre[0]), y - np.float32(centre[1])
    cos, sin = np.float32(np.cos(middle)), np.float32(np.sin(middle))
    u, v = cos * px + sin * py, np.abs(cos * py - sin * px)  # the arc is symmetric about u
    end_u, end_v = np.float32(np.cos(half)), np.float32(np.sin(half))
    on_arc = np.abs(np.hypot(u, v) - np.float32(radius))
    to_end = np.hypot(u - radius * end_u, v - radius * end_v)
    return np.where(end_v * u >= end_u * v, on_arc, to_end).astype(np.float32)


def paint(field: Field, scale: float, colour: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Fill the inside of an outline on mid grey, each edge pixel by the share of it that is inside.

    Parameters
    ----------
    field : ndarray of float32, shape (size, size)
        Signed distance in the frame of the drawing.
    scale : float
        Picture units per unit of that frame.
    colour : tuple of float
        RGB, 0 to 255.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
    """
    pixel = 2.0 / field.shape[0]
    inside = np.clip(0.5 - field * np.float32(scale / pixel), 0.0, 1.0)
    distance = np.asarray(colour, dtype=np.float32) - MID_GREY
    painted: NDArray[np.uint8] = np.rint(MID_GREY + inside[:, :, None] * distance).astype(np.uint8)
    return painted


def vary_colour(rgb: tuple[int, int, int], variation: Variation) -> tuple[float, float, float]:
    """Colour with its hue turned and its distance from mid grey scaled; RGB, 0 to 255."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255.0 for part in rgb))
    turned = colorsys.hsv_to_rgb((hue + variation.hue) % 1.0, saturation, value)
    red, green, blue = (MID_GREY + variation.contrast * (255.0 * part - MID_GREY) for part in turned)
    return red, green, blue
