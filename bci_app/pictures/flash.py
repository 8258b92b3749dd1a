"""The flash guard: holds pictures back that would make a screen flash more often than people with photosensitive epilepsy bear.

It is a guard and no certificate: it knows neither the brightness of the screen nor how large the picture is seen, and leaves
regular patterns, such as stripes, alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bci_app.pictures.picture import MID_GREY

MOST_FLASHES = 3
"""Flashes, pairs of opposing changes, in any one second."""
MOST_AREA = 0.25
"""Share of the picture that may flash more often."""
BLOCKS = 32
_SECOND = 1.0
_LUMINANCE_STEP, _BRIGHT = 0.10, 0.80
_RED_STEP, _SATURATED = 20 / 320, 0.8
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)
_GREY = np.full((1, 1, 3), MID_GREY, np.uint8)

Blocks = NDArray[np.float32]


class FlashGuard:
    """Says when a picture may be shown, from what was shown in the last second; starts from mid grey.

    A flash is a pair of opposing changes: of relative luminance by a tenth of the maximum or more, the darker state below
    0.80 of it; or to and from saturated red. Each of 32 x 32 blocks of the picture is counted for itself. Ask `earliest`, and
    tell `shown` when the picture or the blank really was painted: blanks are never held back, and still at most three pairs
    fall within any second. Not to be shared between threads.

    Attributes
    ----------
    n_held : int
        Interventions: how often `earliest` named a later time than it was asked about.

    Notes
    -----
    A call costs 0.2 ms for 64 x 64 pixels, 0.9 ms for 256 x 256, and next to nothing while the screen is calm: ask about
    the picture as the model made it, not as it is scaled to the screen.

    Source: WCAG 2.2, success criterion 2.3.1, "general flash and red flash thresholds".
    """

    def __init__(self) -> None:
        self.n_held = 0
        luminance, red = _luminance_and_red(_GREY)
        self._luminance = _Changes(luminance, _LUMINANCE_STEP, _BRIGHT)
        self._red = _Changes(red, _RED_STEP, np.inf)

    def earliest(self, image: NDArray[np.uint8], at_s: float) -> float:
        """When `image`, uint8 (h, w, 3), may appear: `at_s` (seconds of any one clock) if at once, else later."""
        if self._luminance.is_calm(at_s) and self._red.is_calm(at_s):
            return at_s
        luminance, red = _luminance_and_red(image)
        allowed = max(at_s, self._luminance.free_at(luminance), self._red.free_at(red))
        self.n_held += allowed > at_s
        return allowed

    def shown(self, image: NDArray[np.uint8], at_s: float) -> None:
        """`image`, uint8 (h, w, 3), was painted at `at_s`."""
        luminance, red = _luminance_and_red(image)
        self._luminance.note(luminance, at_s)
        self._red.note(red, at_s)

    def blanked(self, at_s: float) -> None:
        """Mid grey was painted at `at_s`."""
        self.shown(_GREY, at_s)


class _Changes:
    """Opposing changes of one quantity in each block, and when the last of them were."""

    def __init__(self, first: Blocks, step: float, bright: float) -> None:
        self._step = step
        self._bright = bright
        self._turning = first  # where the present rise or fall has come to
        self._direction = np.zeros_like(first)
        self._times = np.full((2 * MOST_FLASHES, *first.shape), -np.inf)  # of the last changes, oldest first

    def is_calm(self, at_s: float) -> bool:
        """Whether `free_at` cannot be later than `at_s`, whatever comes: too few blocks have changed often of late."""
        return bool(np.count_nonzero(self._times[0] + _SECOND > at_s) < self._direction.size - self._within)

    @property
    def _within(self) -> int:
        """Number, in order of time, of the block that must be free for the picture to be."""
        return int(np.ceil((1 - MOST_AREA) * self._direction.size)) - 1

    def free_at(self, value: Blocks) -> float:
        """When at most `MOST_AREA` of the blocks would exceed the limit if `value` came."""
        free = np.where(self._opposing(value), self._times[0] + _SECOND, -np.inf).ravel()
        return float(np.partition(free, self._within)[self._within])

    def note(self, value: Blocks, at_s: float) -> None:
        """`value` came at `at_s`."""
        opposing = self._opposing(value)
        self._times[:, opposing] = np.concatenate([self._times[1:, opposing], np.full((1, opposing.sum()), at_s)])
        further = (value - self._turning) * self._direction > 0
        self._direction = np.where(opposing, np.sign(value - self._turning), self._direction)
        self._turning = np.where(opposing | further, value, self._turning)

    def _opposing(self, value: Blocks) -> NDArray[np.bool_]:
        """Blocks in which `value` turns a rise into a fall, or a fall into a rise, that counts."""
        change = value - self._turning
        counts = (np.abs(change) >= self._step) & (np.minimum(value, self._turning) < self._bright)
        turned: NDArray[np.bool_] = counts & (np.sign(change) != self._direction)
        return turned


def _linear() -> Blocks:
    """Light of each of the 256 levels of sRGB, 0 to 1."""
    level = np.arange(256) / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LIGHT = _linear()


def _luminance_and_red(image: NDArray[np.uint8]) -> tuple[Blocks, Blocks]:
    """Relative luminance and saturated redness, each (32, 32)."""
    light = _reduced(_LIGHT[image])
    red = light[..., 0] - light[..., 1] - light[..., 2]
    saturated = light[..., 0] >= _SATURATED * light.sum(axis=2)
    return light @ _WEIGHTS, np.where(saturated, np.maximum(red, 0), 0)


def _reduced(light: Blocks) -> Blocks:
    """Means (32, 32, 3) over blocks of (h, w, 3); of a smaller picture some pixels fill several blocks."""
    for axis in (0, 1):
        edges = np.linspace(0, light.shape[axis], BLOCKS + 1).astype(int)
        sizes = np.maximum(np.diff(edges), 1).astype(np.float32)
        sums = np.add.reduceat(light, edges[:-1], axis=axis)
        light = np.asarray(sums / sizes.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1)), np.float32)
    return light
