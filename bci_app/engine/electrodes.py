"""Where electrodes sit on the head, by their names."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LAYOUTS = (
    "spherical_1005", "GSN-HydroCel-32", "GSN-HydroCel-65_1.0", "GSN-HydroCel-128", "GSN-HydroCel-256",
    "biosemi128", "biosemi160", "biosemi256",
)  # fmt: skip
"""In this order: a name that several layouts know belongs to the first that knows most of the cap."""
_FORMER = {"t3": "t7", "t4": "t8", "t5": "p7", "t6": "p8"}
"""Names of the 10-20 system before the 10-10 system, which MNE-Python has as well but elsewhere by a few millimetres."""


@dataclass(frozen=True, slots=True)
class ElectrodeMap:
    """Places of those channels that a layout knows.

    Attributes
    ----------
    layout : str
        Its name in MNE-Python; empty if none knows any of the channels.
    places : dict of str to ndarray of float64, shape (3,)
        Unit vectors from the middle of the head: x to the right, y to the front, z up.
    unknown : tuple of str
        Channels without a place, in their order.
    """

    layout: str
    places: dict[str, NDArray[np.float64]]
    unknown: tuple[str, ...]


def map_electrodes(channels: Sequence[str]) -> ElectrodeMap:
    """Places of `channels` in the standard layout that knows most of them; upper and lower case are one.

    The first call loads MNE-Python, which takes a second.
    """
    best = ElectrodeMap("", {}, tuple(channels))
    for layout in _LAYOUTS:
        known = _layout(layout)
        places = {name: known[key] for name in channels if (key := _key(name)) in known}
        if len(places) > len(best.places):
            best = ElectrodeMap(layout, places, tuple(name for name in channels if name not in places))
        if not best.unknown:
            break
    return best


def flattened(place: NDArray[np.float64]) -> tuple[float, float]:
    """A place on the head as seen from above: x to the right, y to the front, and 1 from the middle at the head's equator.

    The distance from the middle is the angle from the vertex, so places below the equator lie outside (azimuthal
    equidistant projection).
    """
    x, y, z = (float(value) for value in place)
    across = float(np.hypot(x, y))
    if across == 0.0:
        return 0.0, 0.0
    radius = float(np.arctan2(across, z)) / (np.pi / 2)
    return radius * x / across, radius * y / across


def _key(name: str) -> str:
    """How a channel is looked up: some amplifiers write ``EEG Fp1-Ref``, or a full stop behind."""
    plain = name.strip().lower().removeprefix("eeg").strip(" .:_")
    for ending in ("-ref", "-le", "-avg"):
        plain = plain.removesuffix(ending)
    return _FORMER.get(plain, plain)


@functools.cache
def _layout(name: str) -> dict[str, NDArray[np.float64]]:
    from mne.channels import make_standard_montage

    found: dict[str, NDArray[np.float64]] = {}
    positions = make_standard_montage(name).get_positions()["ch_pos"]
    centre = _centre(np.stack(list(positions.values())))
    for channel, place in positions.items():
        away = np.asarray(place, np.float64) - centre
        found[channel.lower()] = away / np.linalg.norm(away)
    return found


def _centre(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middle of the sphere nearest to `places` (n, 3): |p|^2 = 2 p.c + k is linear in c and k."""
    rows = np.column_stack((2 * places, np.ones(len(places))))
    solution = np.linalg.lstsq(rows, (places**2).sum(axis=1), rcond=None)[0]
    return np.asarray(solution[:3], np.float64)
