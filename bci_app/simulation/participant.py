"""The simulated participant: sees pictures, answers with EEG of known truth.

The signal-to-noise ratio
-------------------------
``snr`` is A / B, where

- A is the root mean square of the part of the response that depends on the picture, over the 300 pictures of
  `bci_app.simulation.cortex.reference_pictures`, over 50 to 500 ms after the onset, and over the channels
  whose own such root mean square is above the median channel;
- B is the root mean square, over the same channels, of the ongoing noise (1/f background, sensor noise and
  alpha; without hum, blinks, pops and drop-outs) between 1 and 40 Hz.

Potentials are against infinity, before any reference is chosen.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import PictureError, SettingsError
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.units import Frequency
from bci_app.pictures.picture import Picture
from bci_app.simulation.cortex import ONSET_S, RESPONSE_S, Cortex, place_sources, reference_features
from bci_app.simulation.head import make_head
from bci_app.simulation.noise import BLOCK, Artefacts, Background, OverlapAdd, place_background
from bci_app.simulation.preference import Preference
from bci_app.simulation.settings import ParticipantSettings

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
SNR_START_S, SNR_STOP_S = 0.05, 0.5


class Participant:
    """A brain, a cap and an amplifier; equal settings and pictures give equal samples, whatever the chunks.

    Parameters
    ----------
    settings : ParticipantSettings
        What the participant is like.
    start_s : float
        Time of the first sample, seconds on the caller's clock.

    Attributes
    ----------
    channels : tuple of str
        Electrode names, the rows of the signal.
    sfreq : float
        Sampling rate, Hz.
    cortex : Cortex
        The truth: the noise-free response to any picture, without what the preference adds.
    preference : Preference or None
        The truth behind an evolution: the hidden picture, and how similar any other is to it.
    n_generated : int
        Samples generated so far.

    Raises
    ------
    SettingsError
        If the montage cannot be built.
    PictureError
        If the file of the preferred picture cannot be read.
    """

    def __init__(self, settings: ParticipantSettings, start_s: float = 0.0) -> None:
        self.settings = settings
        self.sfreq = settings.sfreq
        self.start_s = start_s
        self.n_generated = 0
        self._rate = Frequency(settings.sfreq)
        brain, courses, places = np.random.SeedSequence(settings.seed).spawn(3)
        noises = np.random.SeedSequence([settings.seed, settings.session]).spawn(8)
        sources = place_sources(np.random.default_rng(brain))
        background = place_background(np.random.default_rng(places))
        n_sources = len(sources[0])
        head = make_head(
            settings.montage,
            settings.n_channels,
            np.concatenate([sources[0], background[0]]),
            np.concatenate([sources[1], background[1]]),
        )
        self.channels = head.channels
        self.electrodes = head.electrodes
        self.cortex = Cortex(
            head.gain[:, :n_sources], settings.sfreq, settings.evoked_uv, np.random.default_rng(courses)
        )
        self._background = Background(settings, head.gain[:, n_sources:], noises[:3])
        self._artefacts = Artefacts(settings, head.electrodes, noises[3:7])
        self.cortex.scale = settings.snr / self.snr()
        self.preference = (
            None
            if settings.preference is None
            else Preference(settings.preference, settings, np.random.default_rng(noises[7]))
        )
        self._pictures: dict[str, Picture] = {}
        self._unknown: set[str] = set()
        self._responses = OverlapAdd()
        self._noise = np.zeros((len(self.channels), 0))

    def see(self, picture: Picture) -> None:
        """Learn what a picture looks like, before or while it is shown."""
        self._pictures[picture.id] = picture

    def knows(self, picture_id: str) -> bool:
        """Whether this picture was seen."""
        return picture_id in self._pictures

    def shown(self, picture_id: str, time_s: float) -> bool:
        """Answer to a picture that appeared at ``time_s``, on the clock of ``start_s``.

        An unknown picture is warned about once and not answered. A picture reported so late that its response
        should have begun already is answered from now on, and logged.

        Returns
        -------
        bool
            Whether it is answered.
        """
        picture = self._pictures.get(picture_id)
        if picture is None:
            if picture_id not in self._unknown:
                self._unknown.add(picture_id)
                logger.warning("Picture %r was shown but never seen; it gets no answer", picture_id)
            return False
        onset = round((time_s - self.start_s) * self.sfreq, 6)
        first = math.floor(onset)
        late_s = (self.n_generated - onset) / self.sfreq - ONSET_S
        if late_s > 0:
            logger.warning("Picture %r was reported %.0f ms too late for its response", picture_id, 1e3 * late_s)
        self.add_response(first, self._respond(picture, (onset - first) / self.sfreq))
        return True

    def add_response(self, first: int, response: Floats) -> None:
        """Answer with `response` (n_channels, n), uV, from sample `first` on; what of it is past is lost."""
        self._responses.add(first, response)

    def _respond(self, picture: Picture, lag_s: float) -> Floats:
        response = self.cortex.evoked(picture, lag_s)
        return response if self.preference is None else response + self.preference.evoked(picture, lag_s)

    def generate(self, n: int) -> NDArray[np.float32]:
        """Next ``n`` samples, float32 (n_channels, n), uV."""
        while self._noise.shape[1] < n:
            fresh = self._background.block() + self._artefacts.block()
            self._noise = np.concatenate([self._noise, fresh], axis=1)
        out = self._noise[:, :n].copy()
        self._noise = self._noise[:, n:]
        self._responses.add_to(self.n_generated, out)
        self._artefacts.flatten(self.n_generated, out)
        self.n_generated += n
        return out.astype(np.float32)

    def snr(self) -> float:
        """Signal-to-noise ratio as defined at the top of this file, computed from the truth."""
        times = slice(self._rate.samples(SNR_START_S), self._rate.samples(SNR_STOP_S))
        power = self.cortex.specific_power(reference_features(), times)
        strong = power > np.median(power)
        return float(np.sqrt(power[strong].mean() / self._background.band_power[strong].mean()))


def simulate_session(
    settings: ParticipantSettings,
    pictures: Sequence[Picture],
    onsets_s: Iterable[float],
    duration_s: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Recording:
    """A whole session at once, by the same code that answers live.

    Parameters
    ----------
    settings : ParticipantSettings
        Who is recorded.
    pictures : sequence of Picture
        What is shown, one per onset; a picture may come more than once.
    onsets_s : iterable of float
        When each appears, seconds from the first sample on, not before 0.
    duration_s : float or None
        Length of the recording; None ends it after the last response.
    progress : callable or None
        Told samples done and samples in all.

    Returns
    -------
    Recording
        uV, times from 0 on, one marker per picture, labelled with its id.

    Raises
    ------
    PictureError
        If the numbers of pictures and onsets differ.
    SettingsError
        If an onset is negative, or later than the end.
    """
    onsets = [float(onset) for onset in onsets_s]
    if len(onsets) != len(pictures):
        raise PictureError(f"Every picture needs one onset; got {len(pictures)} pictures and {len(onsets)} onsets.")
    end_s = max(onsets, default=0.0) + RESPONSE_S + 0.2 if duration_s is None else duration_s
    if any(not 0.0 <= onset <= end_s for onset in onsets):
        raise SettingsError(f"Onsets lie between 0 s and the end at {end_s:g} s; one does not. Correct the onsets.")
    participant = Participant(settings)
    shows = sorted(zip(onsets, pictures, strict=True), key=lambda show: show[0])
    n_times = Frequency(settings.sfreq).samples(end_s)
    data = np.empty((len(participant.channels), n_times), dtype=np.float32)
    waiting = list(reversed(shows))
    for first in range(0, n_times, BLOCK):
        stop = min(first + BLOCK, n_times)
        while waiting and waiting[-1][0] * settings.sfreq <= stop:
            onset, picture = waiting.pop()
            participant.see(picture)
            participant.shown(picture.id, onset)
        data[:, first:stop] = participant.generate(stop - first)
        if progress is not None:
            progress(stop, n_times)
    markers = tuple(Marker(onset, picture.id) for onset, picture in shows)
    times = np.arange(n_times) / settings.sfreq
    name = f"participant {settings.seed}, session {settings.session}"
    return Recording(data, times, participant.channels, settings.sfreq, markers, name)
