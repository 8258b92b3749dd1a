"""From a picture to EEG: features drive dipoles in visual areas, each with its own course in time.

The response is **linear in the standardised features**, ``common + sum_f feature_f gain_f course_f``, so the
truth behind every recording is known exactly. It never uses a decoder's own latents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.units import Frequency
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import builtin
from bci_app.simulation.features import feature_map, raw_features

Floats = NDArray[np.float64]

ONSET_S, RISE_S = 0.05, 0.02
"""No response before; it fades in over the rise."""
RESPONSE_S, FADE_S = 0.8, 0.15
"""Length of the whole response, and of its fading out at the end."""
PEAKS_S = np.array([0.075, 0.110, 0.170, 0.235, 0.360])
WIDTHS_S = np.array([0.012, 0.018, 0.024, 0.035, 0.080])
"""C1, P1, N1, P2 and a sustained component: peak latency and Gaussian width in V1."""
COMMON_COURSE = np.array([-0.15, 0.8, -1.0, 0.6, 0.25])
COHERENCE = 0.4
"""Mean size of a component over the spread of its sizes within an area."""
REFERENCE_SEED, N_REFERENCE = 20250101, 300
FINE_HZ = 4096.0


@dataclass(frozen=True, slots=True)
class Area:
    """One visual area.

    Attributes
    ----------
    delay_s : float
        How much later than V1 it answers.
    course : tuple of float
        Mean sizes of the five components.
    size : float
        Strength of its features relative to V1.
    """

    delay_s: float
    course: tuple[float, float, float, float, float]
    size: float


AREAS = {
    "V1": Area(0.0, (-0.8, 1.0, -0.7, 0.4, 0.3), 1.0),
    "V2": Area(0.012, (-0.3, 0.9, -0.9, 0.5, 0.3), 0.9),
    "V4": Area(0.035, (0.0, 0.6, -1.0, 0.7, 0.4), 1.1),
    "LOC": Area(0.055, (0.0, 0.3, -1.0, 0.8, 0.6), 1.3),
}


@lru_cache(maxsize=1)
def reference_pictures() -> tuple[Picture, ...]:
    """Fixed built-in pictures over which features are standardised and the signal-to-noise is defined."""
    return builtin().sample(np.random.default_rng(REFERENCE_SEED), N_REFERENCE)


@lru_cache(maxsize=1)
def _standard() -> tuple[Floats, Floats, Floats]:
    """Mean and spread of the raw features over the reference pictures, and their standardised features."""
    raw = np.array([raw_features(picture.image) for picture in reference_pictures()])
    spread = raw.std(axis=0)
    spread = np.maximum(spread, 0.1 * np.median(spread))
    return raw.mean(axis=0), spread, (raw - raw.mean(axis=0)) / spread


@lru_cache(maxsize=64)
def features(picture: Picture) -> Floats:
    """Standardised features, shape (n_features,), read-only: mean 0, variance 1 over `reference_pictures`."""
    mean, spread, _ = _standard()
    standardised: Floats = (raw_features(picture.image) - mean) / spread
    standardised.setflags(write=False)
    return standardised


def reference_features() -> Floats:
    """Standardised features of all `reference_pictures`, shape (300, n_features)."""
    return _standard()[2]


def place_sources(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Dipoles of all features, then four of the common response.

    Returns
    -------
    positions, orientations : ndarray, shape (n_features + 4, 3)
        Head units and unit vectors.
    """
    layout = feature_map()
    placed = [_place(area, field, rng) for area, field in zip(layout.area, layout.field, strict=True)]
    for side in (-1.0, 1.0):
        placed.append(_dipole([0.14 * side, -0.74, 0.0], [0.3 * side, -1.0, 0.25], rng, 0.1))
        placed.append(_dipole([0.52 * side, -0.52, -0.12], [side, -0.7, -0.1], rng, 0.1))
    return np.array([position for position, _ in placed]), np.array([towards for _, towards in placed])


def _place(area: str, field: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Retinotopic in V1 and V2: the left field goes right, the upper field down, the fovea back."""
    x, y = float(field[0]), float(field[1])
    side = -math.copysign(1.0, x) if x else float(rng.choice([-1.0, 1.0]))
    away = math.hypot(x, y)
    if area == "V1":
        position = [side * (0.06 + 0.14 * abs(x)), -0.80 + 0.26 * away, 0.02 - 0.16 * y]
        return _dipole(position, [0.3 * side, -0.7 + 0.5 * away, -0.9 * y], rng, 0.4)
    if area == "V2":
        position = [side * (0.16 + 0.16 * abs(x)), -0.74 + 0.24 * away, 0.02 - 0.30 * y]
        return _dipole(position, [0.6 * side, -0.7, -0.6 * y], rng, 0.5)
    if area == "V4":
        position = [side * (0.34 + 0.1 * abs(x)), -0.60 + 0.10 * away, -0.22 - 0.10 * y]
        return _dipole(position, [0.5 * side, -0.5, -0.5], rng, 0.5)
    return _dipole([side * 0.60, -0.45, -0.08], [side, -0.5, 0.0], rng, 0.5)


def _dipole(
    position: list[float], towards: list[float], rng: np.random.Generator, folding: float
) -> tuple[Floats, Floats]:
    place = np.array(position) + 0.03 * rng.standard_normal(3)
    place *= min(1.0, 0.84 / float(np.linalg.norm(place)))
    direction = np.array(towards) / np.linalg.norm(towards) + folding * rng.standard_normal(3)
    return place, direction / np.linalg.norm(direction)


class Cortex:
    """The visual response of one participant.

    Parameters
    ----------
    gain : ndarray of float64, shape (n_channels, n_features + 4)
        Lead field of the sources of `place_sources`, uV per nAm.
    sfreq : float
        Sampling rate, Hz.
    common_uv : float
        Peak of the response shared by all pictures, uV at the strongest channel.
    rng : numpy.random.Generator
        Draws every feature's course in time.

    Attributes
    ----------
    n_times : int
        Samples of a response, from the onset of the picture.
    scale : float
        nAm of one standard deviation of a feature; the participant sets it from the signal-to-noise ratio.
    """

    def __init__(self, gain: Floats, sfreq: float, common_uv: float, rng: np.random.Generator) -> None:
        self._rate = Frequency(sfreq)
        self.n_times = self._rate.samples(RESPONSE_S)
        self.scale = 1.0
        self._gain = gain[:, :-4]
        self._over = max(1, math.ceil(FINE_HZ / sfreq))
        # one row per feature, one per source of the common response; from one sample before the onset on
        fine_s = (np.arange((self.n_times + 1) * self._over + 1) / self._over - 1.0) / sfreq
        self._courses = _courses(fine_s, rng)
        common = gain[:, -4:] @ self._courses[-4:]
        self._common_gain = gain[:, -4:] * (common_uv / np.abs(common).max())

    def evoked(self, picture: Picture, lag_s: float = 0.0) -> Floats:
        """Response to one picture.

        Parameters
        ----------
        picture : Picture
            What is seen.
        lag_s : float
            How long after the first returned sample it appears, at least 0 and less than one sample.

        Returns
        -------
        ndarray of float64, shape (n_channels, n_times)
            uV from the onset on, `RESPONSE_S` long.
        """
        return self.respond(features(picture), lag_s)

    def respond(self, standardised: Floats, lag_s: float = 0.0) -> Floats:
        """Response ``(n_channels, n_times)`` in uV to standardised features ``(n_features,)``."""
        courses = self._sampled(lag_s)
        specific: Floats = (self._gain * (self.scale * standardised)) @ courses[:-4]
        common: Floats = self._common_gain @ courses[-4:]
        return specific + common

    def specific(self, standardised: Floats) -> Floats:
        """The part of `respond` that depends on the picture, ``(n_channels, n_times)`` in uV."""
        return (self._gain * (self.scale * standardised)) @ self._sampled(0.0)[:-4]

    def specific_power(self, standardised: Floats, times: slice) -> Floats:
        """Mean square of the picture's part over pictures and ``times``; (n_channels,), uV squared.

        Parameters
        ----------
        standardised : ndarray, shape (n_pictures, n_features)
            Features of the pictures to average over.
        times : slice
            Samples after the onset.
        """
        courses = self._sampled(0.0)[:-4, times]
        return np.array([np.mean(((standardised * (self.scale * row)) @ courses) ** 2) for row in self._gain])

    def _sampled(self, lag_s: float) -> Floats:
        """Courses at ``n / sfreq - lag_s``, linear between points of a grid of at least `FINE_HZ`."""
        at = (1.0 - lag_s * self._rate.hz) * self._over
        first = int(at)
        part = at - first
        until = first + self.n_times * self._over
        low = self._courses[:, first : until : self._over]
        if part == 0.0:
            return low
        return (1.0 - part) * low + part * self._courses[:, first + 1 : until + 1 : self._over]


def _courses(times_s: Floats, rng: np.random.Generator) -> Floats:
    """Course in time of every feature and of the common sources, shape (n_features + 4, len(times_s))."""
    layout = feature_map()
    rows = [AREAS[area] for area in layout.area]
    n_rows = len(rows)
    # cells of one area differ, also in sign: without that, a bright field would add up to one huge response
    sizes = np.array([row.course for row in rows]) * (COHERENCE + rng.standard_normal((n_rows, 5)))
    sizes *= np.array([[row.size] for row in rows])
    delays = np.array([row.delay_s for row in rows]) + 0.008 * rng.standard_normal(n_rows)
    sizes = np.concatenate([sizes, np.tile(COMMON_COURSE, (4, 1))])
    delays = np.concatenate([delays, [0.0, 0.025, 0.0, 0.025]])
    courses = np.zeros((n_rows + 4, len(times_s)))
    for peak, width, size in zip(PEAKS_S, WIDTHS_S, sizes.T, strict=True):
        from_peak = times_s[None, :] - peak - delays[:, None]
        courses += size[:, None] * np.exp(-0.5 * (from_peak / width) ** 2)
    fade_in = np.clip((times_s - ONSET_S) / RISE_S, 0.0, 1.0)
    fade_out = np.clip((RESPONSE_S - times_s) / FADE_S, 0.0, 1.0)
    window: Floats = np.sin(0.5 * np.pi * fade_in) ** 2 * np.sin(0.5 * np.pi * fade_out) ** 2
    return courses * window
