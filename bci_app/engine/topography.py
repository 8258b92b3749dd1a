"""From a number per electrode to a picture over the head: spherical splines, as weights that are made once.

Source: Perrin, Pernier, Bertrand and Echallier 1989, Electroencephalography and Clinical Neurophysiology 72, 184-187.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bci_app.engine.electrodes import flattened

Floats = NDArray[np.float64]

LEAST = 4
"""Fewer electrodes make no map."""
SIDE = 48
_ORDER = 4
_TERMS = 30
_SMOOTHING = 1e-5
"""Added to the diagonal, as MNE-Python does, so that two electrodes that nearly touch do not make the map wild."""


def spline_weights(electrodes: Floats, targets: Floats) -> Floats:
    """How much of the value at each electrode stands at each target, (n_targets, n_electrodes).

    Parameters
    ----------
    electrodes, targets : float64 arrays (n, 3)
        Unit vectors.
    """
    n = len(electrodes)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = _spline(electrodes @ electrodes.T) + _SMOOTHING * np.eye(n)
    system[n, n] = 0.0  # the coefficients sum to 0, equation 1 of the paper
    values_to_coefficients = np.linalg.inv(system)[:, :n]
    weights: Floats = np.column_stack([_spline(targets @ electrodes.T), np.ones(len(targets))]) @ values_to_coefficients
    return weights


def _spline(cosine: Floats) -> Floats:
    """g of equation 3 of the paper, of the cosine of the angle between two places."""
    order = np.arange(1, _TERMS + 1)
    factors = (2 * order + 1) / (order * (order + 1.0)) ** _ORDER / (4 * np.pi)
    return np.asarray(np.polynomial.legendre.legval(np.clip(cosine, -1, 1), np.r_[0.0, factors]), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class HeadMap:
    """A square round the head, seen from above with the nose up: which channels make it, where they stand, and the weights of
    its pixels; the head's equator touches the sides.

    Attributes
    ----------
    channels : tuple of str
        Those that are drawn from.
    places : float64 array (n_channels, 2)
        On the map, whose sides are 1 from the middle.
    weights : float64 array (side * side, n_channels)
        Row by row from the front; the corners lie below the equator.
    """

    channels: tuple[str, ...]
    places: Floats
    weights: Floats

    @classmethod
    def of(cls, places: Mapping[str, Floats], leave_out: tuple[str, ...] = (), side: int = SIDE) -> Self | None:
        """The map of electrodes at `places` (3,) each, without those left out; None if fewer than four remain."""
        channels = tuple(name for name in places if name not in leave_out)
        if len(channels) < LEAST:
            return None
        weights = spline_weights(np.stack([places[name] for name in channels]), _pixels(side))
        return cls(channels, np.array([flattened(places[name]) for name in channels]), weights)

    def picture(self, values: Floats) -> Floats:
        """`values` (n_channels,) over the head (side, side): the first row is the front."""
        side = round(np.sqrt(len(self.weights)))
        picture: Floats = (self.weights @ values).reshape(side, side)
        return picture


def _pixels(side: int) -> Floats:
    """The places on the sphere of the pixels' centres (side * side, 3)."""
    step = (np.arange(side) + 0.5) / side * 2 - 1
    y, x = (each.ravel() for each in np.meshgrid(-step, step, indexing="ij"))
    radius = np.hypot(x, y)
    angle = radius * np.pi / 2
    share = np.divide(np.sin(angle), radius, out=np.ones_like(radius), where=radius > 0)
    return np.column_stack([share * x, share * y, np.cos(angle)])
