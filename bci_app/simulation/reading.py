"""A participant who reads: each word evokes a response that tells it from others, in the noise of `Participant`.

With ``v`` the vector of a word (`bci_app.simulation.semantics`), its EEG from `BEGIN_S` to `END_S` after its onset is the sum of

- a phase-locked response ``information * sum_d v_d t_d c_d(time)``, with a topography and a course for each number of ``v``;
- rhythms in eight bands, of random phase, ``sum_b (P_b a_b) w(time) cos(2 pi f_b time + phase)``, whose amplitudes
  ``a_b = exp(information * DEPTH * W_b v)`` are those of `N_PATTERNS` topographies, the columns of ``P_b``.

So both the waves and the amplitudes of their bands tell the word. Without information the first is nought and the second the
same for all words: what is left of a sentence is how many words it has, and when. Rows of ``W_b`` have length 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from bci_app.contract.reading import SentenceSpec
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.units import Frequency
from bci_app.simulation.head import make_head
from bci_app.simulation.noise import BLOCK
from bci_app.simulation.participant import Participant
from bci_app.simulation.semantics import Semantics
from bci_app.simulation.sentences import looked_at
from bci_app.simulation.settings import ParticipantSettings, ReadingSettings

Floats = NDArray[np.float64]

BEGIN_S, END_S, EDGE_S = 0.10, 0.45, 0.05
"""When a word is answered, from its onset on; the response fades in and out over the edge."""
FIRST_WORD_S, TAIL_S = 0.3, 1.0
"""From the start of a sentence to its first word, and from the end of the last one to the end of a session."""
BAND_HZ = np.array([5.0, 7.25, 9.25, 11.75, 15.75, 24.25, 35.25, 44.75])
"""The middle of each of ZuCo's bands."""
N_PATTERNS, DEPTH = 6, 0.6
PLACES = np.array(
    [
        [-0.68, -0.05, 0.02], [-0.64, -0.35, 0.15], [-0.58, 0.35, 0.10], [-0.45, -0.50, 0.45],
        [-0.50, -0.62, -0.05], [-0.40, 0.10, 0.65], [-0.25, -0.70, 0.25], [-0.30, 0.60, 0.35],
    ]
)  # fmt: skip
"""Temporal, frontal and parietal language areas of one side, head units; the other side has the same."""


class WordResponse:
    """What words evoke in one participant; the truth behind a recording.

    Parameters
    ----------
    settings : ParticipantSettings
        Cap, rate and `reading`.

    Attributes
    ----------
    n_times : int
        Samples of a response, from the onset of the word.

    Raises
    ------
    SettingsError
        If the participant does not read, or the montage cannot be built.
    """

    def __init__(self, settings: ParticipantSettings) -> None:
        self._reading = reading = reading_of(settings)
        rate = Frequency(settings.sfreq)
        self.n_times = rate.samples(END_S)
        self._times_s: Floats = np.arange(self.n_times) / rate.hz
        self._envelope = _envelope(self._times_s)
        self._semantics = Semantics(reading.dim, reading.semantics_seed)
        gain = _gain(settings)
        shared, own = (np.random.default_rng([reading.semantics_seed, *key]) for key in ((2,), (3, settings.seed)))
        self._topographies, self._courses = self._phase_locked(gain, shared, own)
        self._patterns, self._weights = self._rhythms(gain, shared, own)

    def evoked(self, word: str) -> Floats:
        """The phase-locked response (n_channels, n_times) to a printed word, uV."""
        vector = self._reading.information * self._semantics.of([word])[0]
        return np.asarray((self._topographies * vector) @ self._courses)

    def amplitudes(self, word: str) -> Floats:
        """Amplitude of the induced rhythm of each band at each channel (n_bands, n_channels), uV; signs are of phase."""
        vector = self._reading.information * self._semantics.of([word])[0]
        return np.asarray(np.einsum("bcp,bp->bc", self._patterns, np.exp(DEPTH * self._weights @ vector)))

    def respond(self, word: str, phases: Floats) -> Floats:
        """The whole response (n_channels, n_times), uV, with the rhythms in the given phases (n_bands,), radians."""
        carriers = np.cos(2 * np.pi * np.outer(BAND_HZ, self._times_s) + phases[:, np.newaxis])
        return np.asarray(self.evoked(word) + self.amplitudes(word).T @ (self._envelope * carriers))

    def _phase_locked(
        self, gain: Floats, shared: np.random.Generator, own: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Topographies (n_channels, dim), uV, and courses (dim, n_times)."""
        dim = self._reading.dim
        topographies = gain @ self._mixed(shared, own, (gain.shape[1], dim))
        peaks_s = shared.uniform(BEGIN_S + 0.06, END_S - 0.08, (dim, 1))
        widths_s, hz = shared.uniform(0.03, 0.07, (dim, 1)), shared.uniform(2.0, 8.0, (dim, 1))
        away_s = self._times_s - peaks_s
        courses = np.exp(-0.5 * (away_s / widths_s) ** 2) * np.cos(2 * np.pi * hz * away_s) * self._envelope
        lasts = self._times_s >= BEGIN_S
        power = (topographies**2) @ (courses[:, lasts] ** 2).mean(axis=1)  # the numbers of a vector have variance 1
        return topographies * (self._reading.evoked_uv / np.sqrt(power.max())), courses

    def _rhythms(self, gain: Floats, shared: np.random.Generator, own: np.random.Generator) -> tuple[Floats, Floats]:
        """Patterns (n_bands, n_channels, n_patterns), uV, and weights (n_bands, n_patterns, dim) of log amplitudes."""
        n_bands, dim = len(BAND_HZ), self._reading.dim
        patterns = gain @ self._mixed(shared, own, (n_bands, gain.shape[1], N_PATTERNS))
        weights = self._mixed(shared, own, (n_bands, N_PATTERNS, dim))
        weights /= np.linalg.norm(weights, axis=-1, keepdims=True)
        loudest = np.abs(patterns.sum(axis=-1)).max(axis=-1)
        wanted = self._reading.induced_uv * np.sqrt(BAND_HZ[0] / BAND_HZ)  # weaker in faster bands, as the background
        return patterns * (wanted / loudest)[:, np.newaxis, np.newaxis], weights

    def _mixed(self, shared: np.random.Generator, own: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        part = self._reading.shared
        return np.asarray(
            np.sqrt(part) * shared.standard_normal(shape) + np.sqrt(1 - part) * own.standard_normal(shape)
        )


class Reader:
    """A participant who reads one sentence after another; equal settings give equal samples, whatever the chunks.

    Parameters
    ----------
    settings : ParticipantSettings
        Who reads, and with `reading` how.
    sentences : iterable of str
        What is read, in order; it may be endless.

    Attributes
    ----------
    participant : Participant
        The noise; ``start_s`` is the time of the first sample on the caller's clock.
    response : WordResponse
        The truth.
    has_begun : bool
        Whether `begin` was called: until then nothing is read.

    Raises
    ------
    SettingsError
        If the participant does not read, or the montage cannot be built.
    """

    def __init__(self, settings: ParticipantSettings, sentences: Iterable[str]) -> None:
        self._reading = reading_of(settings)
        self.participant = Participant(settings)
        self.response = WordResponse(settings)
        self._sentences = iter(sentences)
        self._rate = Frequency(settings.sfreq)
        self._eyes, self._phases = (
            np.random.default_rng(seed)
            for seed in np.random.SeedSequence([settings.seed, settings.session, 4]).spawn(2)
        )
        self.has_begun = False
        self._next: int | None = None
        self._markers: deque[tuple[int, str]] = deque()
        self._stop = 0

    def begin(self, after_s: float = 1.0) -> None:
        """Start with the first sentence `after_s` seconds after the last sample so far."""
        self._next = self.participant.n_generated + self._rate.samples(after_s)
        self.has_begun = True

    @property
    def is_over(self) -> bool:
        """Whether all sentences were read, and `TAIL_S` after the last is over."""
        over = self._stop + self._rate.samples(TAIL_S)
        return self.has_begun and self._next is None and self.participant.n_generated >= over

    def generate(self, n: int) -> tuple[NDArray[np.float32], tuple[Marker, ...]]:
        """Next `n` samples, float32 (n_channels, n), uV, and the markers that stand on them, in order.

        Raises
        ------
        SettingsError
            If the next sentence holds a word that the grammar does not know.
        """
        stop = self.participant.n_generated + n
        while self._next is not None and self._next < stop:
            sentence = next(self._sentences, None)
            self._next = None if sentence is None else self._read(sentence, self._next)
        due = []
        while self._markers and self._markers[0][0] < stop:
            sample, label = self._markers.popleft()
            due.append(Marker(self.participant.start_s + sample / self._rate.hz, label))
        return self.participant.generate(n), tuple(due)

    def _read(self, sentence: str, first: int) -> int:
        """Lay down a whole sentence from sample `first` on; the sample at which the next one starts."""
        reading, spec = self._reading, SentenceSpec()
        words = looked_at(sentence, reading.omission, self._eyes)
        steps_s = reading.soa_s + self._eyes.uniform(-reading.jitter_s, reading.jitter_s, len(words))
        at = first + self._rate.samples(FIRST_WORD_S)
        self._markers.append((first, spec.start_label(sentence)))
        for word, step_s in zip(words, steps_s, strict=True):
            phases = self._phases.uniform(0.0, 2 * np.pi, len(BAND_HZ))
            self.participant.add_response(at, self.response.respond(word, phases))
            self._markers.append((at, spec.word_label(word)))
            at += self._rate.samples(step_s)
        self._markers.append((at, spec.stop))
        self._stop = at
        return at + self._rate.samples(reading.pause_s)


def simulate_reading_session(
    settings: ParticipantSettings, sentences: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> Recording:
    """A whole session of reading at once, by the same code that reads live.

    Parameters
    ----------
    settings : ParticipantSettings
        Who is recorded.
    sentences : sequence of str
        What is read, in order.
    progress : callable or None
        Told sentences begun and sentences in all.

    Returns
    -------
    Recording
        uV, times from 0 on, with the markers that `SentenceSpec` names; the start tells the sentence.

    Raises
    ------
    SettingsError
        If the participant does not read, or a word is not of the grammar.
    """
    reader = Reader(settings, sentences)
    reader.begin()
    parts: list[NDArray[np.float32]] = []
    markers: list[Marker] = []
    begun, start = 0, SentenceSpec().start
    while not reader.is_over:
        data, due = reader.generate(BLOCK)
        parts.append(data)
        markers += due
        begun += sum(marker.label.startswith(start) for marker in due)
        if progress is not None:
            progress(begun, len(sentences))
    data = np.concatenate(parts, axis=1)
    times = np.arange(data.shape[1]) / settings.sfreq
    name = f"reader {settings.seed}, session {settings.session}"
    return Recording(data, times, reader.participant.channels, settings.sfreq, tuple(markers), name)


def reading_of(settings: ParticipantSettings) -> ReadingSettings:
    """What reading evokes in a participant; SettingsError if the settings do not say."""
    if settings.reading is None:
        raise SettingsError("A participant who reads needs `reading` in its settings; it is null. Give it, if only {}.")
    return settings.reading


def _gain(settings: ParticipantSettings) -> Floats:
    """Lead field (n_channels, n_sources) of dipoles along all three axes at all places, uV per nAm."""
    places = np.concatenate([PLACES, PLACES * [-1.0, 1.0, 1.0]])
    axes = np.tile(np.eye(3), (len(places), 1))
    return make_head(settings.montage, settings.n_channels, np.repeat(places, 3, axis=0), axes).gain


def _envelope(times_s: Floats) -> Floats:
    """1 while a word is answered, 0 before and after."""
    edge = np.clip(np.minimum(times_s - BEGIN_S, END_S - times_s) / EDGE_S, 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * edge) ** 2)
