"""What the participant would like to see: a late positive potential that grows with the likeness to a hidden picture.

The response is ``amplitude_uv * tanh(max(similarity, 0) / width)``, where the similarity is the cosine between the
standardised features (`bci_app.simulation.cortex.features`) of the picture seen and of the hidden one. So the truth behind
an evolution is known: which picture it ought to find, and how near any other picture comes to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.units import Frequency
from bci_app.pictures.folder import read_picture
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import builtin
from bci_app.simulation.cortex import RESPONSE_S, features
from bci_app.simulation.head import make_head
from bci_app.simulation.settings import ParticipantSettings, PreferenceSettings

Floats = NDArray[np.float64]

PEAK_S, WIDTH_S = 0.45, 0.085
"""Latency of the late positive potential and its Gaussian width: nine tenths of it lie between 300 and 600 ms."""
PARIETAL = np.array([[0.16, -0.45, 0.45], [-0.16, -0.45, 0.45]])
"""One dipole on each side, head units: together they are largest at Pz."""
OUTWARD = np.array([0.1, -0.62, 0.78])


class Preference:
    """A hidden picture and the response that it evokes.

    Parameters
    ----------
    settings : PreferenceSettings
        Which picture, how large and how sharp the response is.
    participant : ParticipantSettings
        Cap and sampling rate.
    rng : numpy Generator
        For the size of single responses, which varies.

    Attributes
    ----------
    picture : Picture
        The hidden one.

    Raises
    ------
    PictureError
        If the file of the hidden picture cannot be read.
    SettingsError
        If the montage cannot be built.
    """

    def __init__(
        self, settings: PreferenceSettings, participant: ParticipantSettings, rng: np.random.Generator
    ) -> None:
        self.settings = settings
        self.picture = hidden_picture(settings)
        self._hidden = features(self.picture)
        self._rng = rng
        self._rate = Frequency(participant.sfreq)
        outward = OUTWARD * np.sign(PARIETAL) ** [1, 0, 0]
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        gain = make_head(participant.montage, participant.n_channels, PARIETAL, outward).gain.sum(axis=1)
        self._topography = gain / np.abs(gain).max()

    def similarity(self, picture: Picture) -> float:
        """Cosine of the features of `picture` and the hidden one, 1 for the hidden picture itself."""
        return cosine(features(picture), self._hidden)

    def similarities(self, pictures: Sequence[Picture]) -> Floats:
        """`similarity` of each."""
        return np.array([self.similarity(picture) for picture in pictures])

    def size_uv(self, picture: Picture) -> float:
        """Mean size of the response at the strongest channel, uV."""
        settings = self.settings
        return settings.amplitude_uv * math.tanh(max(self.similarity(picture), 0.0) / settings.width)

    def evoked(self, picture: Picture, lag_s: float = 0.0) -> Floats:
        """One response; each call draws anew how far it departs from its mean size.

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
        times_s = np.arange(self._rate.samples(RESPONSE_S)) / self._rate.hz - lag_s
        varied = max(0.0, 1.0 + self.settings.variability * float(self._rng.standard_normal()))
        return np.outer(self._topography, self.size_uv(picture) * varied * course(times_s))


def course(times_s: Floats) -> Floats:
    """The late positive potential at `times_s` after the onset: 1 at `PEAK_S`, 0 outside the response."""
    edge = np.clip(np.minimum(times_s, RESPONSE_S - times_s) / 0.15, 0.0, 1.0)
    return np.asarray(np.exp(-0.5 * ((times_s - PEAK_S) / WIDTH_S) ** 2) * np.sin(0.5 * np.pi * edge) ** 2)


def hidden_picture(settings: PreferenceSettings) -> Picture:
    """The picture of the file, or the one that the seed draws from the built-in families."""
    if settings.file is not None:
        return read_picture(settings.file)
    return builtin().sample(np.random.default_rng(settings.seed), 1)[0]


def cosine(one: NDArray[np.floating], two: NDArray[np.floating]) -> float:
    """Cosine of the angle between two vectors; 0 if one is nought."""
    length = float(np.linalg.norm(one) * np.linalg.norm(two))
    return float(one @ two) / length if length else 0.0
