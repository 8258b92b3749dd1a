"""Everything an electrode records that is not the answer to a picture.

Every generator draws fixed blocks of `BLOCK` samples from its own random stream, so the numbers do not
depend on how many samples are asked for at a time, and switching one kind off leaves the others as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from bci_app.contract.units import Frequency
from bci_app.simulation.settings import ParticipantSettings

Floats = NDArray[np.float64]

BLOCK = 256
N_BACKGROUND = 300
"""Random sources inside the brain that give the background its spread over the head."""
ALPHA_PLACES = np.array([[0.18, -0.66, 0.28], [0.36, -0.62, 0.12], [0.30, -0.48, 0.45]])
PINK_LOW_HZ = 0.2
ALPHA_BAND_HZ = 1.5
LINE_WANDER_HZ = 0.08
BURST_HZ, BURST_DEPTH = 0.25, 1.3
EYES = np.array([[0.33, 0.90, -0.30], [-0.33, 0.90, -0.30]])
FRONTAL_POLE = np.array([0.31, 0.95, -0.035])
BLINK_S, POP_DECAY_S, POP_S = 0.32, 0.35, 2.0


class OverlapAdd:
    """Responses that begin at some sample and add up where they overlap."""

    def __init__(self) -> None:
        self._pending: list[tuple[int, Floats]] = []

    def add(self, first: int, response: Floats) -> None:
        """Lay ``response`` (n_channels, n) down from sample ``first`` on."""
        self._pending.append((first, response))

    def add_to(self, first: int, out: Floats) -> None:
        """Add all responses to ``out`` (n_channels, n), in place, and forget those that are over."""
        stop = first + out.shape[1]
        for start, response in self._pending:
            begin, end = max(start, first), min(start + response.shape[1], stop)
            if begin < end:
                out[:, begin - first : end - first] += response[:, begin - start : end - start]
        self._pending = [item for item in self._pending if item[0] + item[1].shape[1] > stop]


class PoissonTimes:
    """Events at random times, handed out block by block."""

    def __init__(self, rate_hz: float, sfreq: float, rng: np.random.Generator) -> None:
        self._mean = sfreq / rate_hz if rate_hz > 0 else np.inf
        self._rng = rng
        self._next = self._gap()

    def before(self, stop: int) -> Iterator[int]:
        """Sample numbers of the events before ``stop`` that were not handed out yet."""
        while self._next < stop:
            yield int(self._next)
            self._next += self._gap()

    def _gap(self) -> float:
        return self._mean * float(self._rng.standard_exponential())


def pink_filter(sfreq: float) -> tuple[Floats, Floats]:
    """Filter that turns white noise of variance 1 into 1/f noise of variance 1.

    One pole and one zero per two octaves make a power spectrum falling as 1/f within half a decibel, from
    `PINK_LOW_HZ` to about a quarter of the sampling rate.

    Returns
    -------
    sos : ndarray, shape (n_sections, 6)
        Second-order sections.
    power : ndarray, shape (n,)
        Share of the variance in each of ``n`` equal bands from 0 to ``sfreq / 2``.
    """
    n_poles = int(np.log(4 * sfreq / PINK_LOW_HZ) / np.log(4.0)) + 1
    poles_hz = PINK_LOW_HZ * 4.0 ** np.arange(n_poles)
    poles, zeros = (np.exp(-2 * np.pi * hz / sfreq) for hz in (poles_hz, 2.0 * poles_hz))  # matched z-transform
    sos = np.asarray(signal.zpk2sos(zeros, poles, 1.0), dtype=np.float64)
    _, response = signal.freqz_sos(sos, worN=1 << 17)
    power = np.abs(response) ** 2
    sos[0, :3] /= np.sqrt(power.mean())
    return sos, power / power.sum()


class Background:
    """Ongoing activity: 1/f background, sensor noise and posterior alpha.

    Parameters
    ----------
    settings : ParticipantSettings
        Sizes and rates.
    gain : ndarray, shape (n_channels, N_BACKGROUND + 6)
        Lead field of `place_background`, uV per nAm.
    seeds : list of numpy.random.SeedSequence
        Three, for the background, the sensors and alpha.

    Attributes
    ----------
    band_power : ndarray, shape (n_channels,)
        Expected variance between 1 and 40 Hz, uV squared.
    """

    def __init__(self, settings: ParticipantSettings, gain: Floats, seeds: list[np.random.SeedSequence]) -> None:
        self._pink_rng, self._sensor_rng, self._alpha_rng = (np.random.default_rng(seed) for seed in seeds)
        sfreq = settings.sfreq
        spread = gain[:, :N_BACKGROUND] @ gain[:, :N_BACKGROUND].T
        spread *= settings.pink_uv**2 / np.trace(spread) * len(spread)
        self._mixing = np.linalg.cholesky(spread + 1e-9 * np.trace(spread) * np.eye(len(spread)))
        self._sensor_uv = settings.sensor_uv
        self._sos, power = pink_filter(sfreq)
        self._state = np.zeros((len(self._sos), len(gain), 2))
        alpha = gain[:, N_BACKGROUND:]
        loudest = np.sqrt((alpha**2).sum(axis=1).max())
        self._alpha_gain = alpha * (settings.alpha_uv / loudest)
        self._alpha = AlphaRhythm(settings.alpha_hz, sfreq, alpha.shape[1], self._alpha_rng)
        in_band = slice(int(len(power) * 2.0 / sfreq), int(len(power) * 80.0 / sfreq))
        self.band_power: Floats = (
            np.diag(spread) * power[in_band].sum()
            + settings.sensor_uv**2 * 78.0 / sfreq
            + (self._alpha_gain**2).sum(axis=1)
        )
        for _ in range(int(5.0 * sfreq / BLOCK) + 1):  # the filters forget that they began from silence
            self.block()

    def block(self) -> Floats:
        """Next `BLOCK` samples, shape (n_channels, BLOCK), uV."""
        white = self._pink_rng.standard_normal((len(self._mixing), BLOCK))
        pink, self._state = signal.sosfilt(self._sos, white, axis=-1, zi=self._state)
        sensors = self._sensor_rng.standard_normal((len(self._mixing), BLOCK))
        mixed: Floats = self._mixing @ pink + self._sensor_uv * sensors + self._alpha_gain @ self._alpha.block()
        return mixed


class AlphaRhythm:
    """Narrow-band noise that comes in bursts, variance 1 in every source."""

    def __init__(self, hz: float, sfreq: float, n_sources: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._n = n_sources
        peak = signal.iirpeak(hz, hz / ALPHA_BAND_HZ, fs=sfreq)
        slow = signal.butter(2, BURST_HZ, fs=sfreq)
        self._filters = [_unit_variance(np.asarray(b), np.asarray(a)) for b, a in (peak, slow)]
        self._states = [np.zeros((n_sources, 2)), np.zeros((n_sources, 2))]
        normal = np.linspace(-8, 8, 4001)
        weight = np.exp(-0.5 * normal**2)
        self._mean_square = (np.maximum(0.0, 1 + BURST_DEPTH * normal) ** 2 * weight).sum() / weight.sum()

    def block(self) -> Floats:
        """Next `BLOCK` samples, shape (n_sources, BLOCK)."""
        parts = []
        for index, (b, a) in enumerate(self._filters):
            white = self._rng.standard_normal((self._n, BLOCK))
            filtered, self._states[index] = signal.lfilter(b, a, white, axis=-1, zi=self._states[index])
            parts.append(filtered)
        carrier, slow = parts
        bursts: Floats = carrier * np.maximum(0.0, 1 + BURST_DEPTH * slow) / np.sqrt(self._mean_square)
        return bursts


def _unit_variance(b: Floats, a: Floats) -> tuple[Floats, Floats]:
    _, response = signal.freqz(b, a, worN=1 << 17)
    return b / np.sqrt((np.abs(response) ** 2).mean()), a


def place_background(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Random sources all over the brain, then six of the alpha rhythm.

    Returns
    -------
    positions, orientations : ndarray, shape (N_BACKGROUND + 6, 3)
        Head units and unit vectors.
    """
    directions = rng.standard_normal((N_BACKGROUND, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    depth = rng.uniform(0.3, 0.84, size=(N_BACKGROUND, 1))
    towards = rng.standard_normal((N_BACKGROUND, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    alpha = np.concatenate([ALPHA_PLACES, ALPHA_PLACES * np.array([-1.0, 1.0, 1.0])])
    outward = alpha / np.linalg.norm(alpha, axis=1, keepdims=True)
    return np.concatenate([directions * depth, alpha]), np.concatenate([towards, outward])


@dataclass(frozen=True, slots=True)
class FlatStretch:
    """One channel that records nothing from sample ``start`` to before ``stop``."""

    channel: int
    start: int
    stop: int


class Artefacts:
    """Mains hum, blinks, electrode pops and drop-outs.

    Parameters
    ----------
    settings : ParticipantSettings
        Sizes and rates.
    electrodes : ndarray, shape (n_channels, 3)
        Head units.
    seeds : list of numpy.random.SeedSequence
        Four, for the hum, blinks, pops and drop-outs.
    """

    def __init__(self, settings: ParticipantSettings, electrodes: Floats, seeds: list[np.random.SeedSequence]) -> None:
        self._settings = settings
        self._n = len(electrodes)
        self._rate = Frequency(settings.sfreq)
        line_rng, self._blink_rng, self._pop_rng, self._drop_rng = (np.random.default_rng(seed) for seed in seeds)
        loudness = np.exp(0.4 * line_rng.standard_normal(self._n))
        loudness *= np.sqrt(2.0) * settings.line_uv / np.sqrt((loudness**2).mean())
        phase = 0.3 * line_rng.standard_normal(self._n)
        self._hum = np.stack([loudness * np.cos(phase), loudness * np.sin(phase)], axis=1)
        self._line_rng, self._turns = line_rng, 0.0
        self._topography = _blink_topography(electrodes)
        self._blinks = PoissonTimes(settings.blink_rate_hz, settings.sfreq, self._blink_rng)
        self._pops = PoissonTimes(settings.pop_rate_hz, settings.sfreq, self._pop_rng)
        self._drops = PoissonTimes(settings.drop_out_rate_hz, settings.sfreq, self._drop_rng)
        self._pending = OverlapAdd()
        self._first = 0
        self.flat: list[FlatStretch] = []

    def block(self) -> Floats:
        """Next `BLOCK` samples of everything that adds to the signal, shape (n_channels, BLOCK), uV."""
        stop = self._first + BLOCK
        out = self._line()
        for first in self._blinks.before(stop):
            self._pending.add(first, self._blink())
        for first in self._pops.before(stop):
            self._pending.add(first, self._pop())
        for first in self._drops.before(stop):
            self.flat.append(self._drop(first))
        self._pending.add_to(self._first, out)
        self._first = stop
        return out

    def flatten(self, first: int, out: Floats) -> None:
        """Zero what flat channels record in ``out`` (n_channels, n), which begins at sample ``first``."""
        for stretch in self.flat:
            begin, end = max(stretch.start - first, 0), min(stretch.stop - first, out.shape[1])
            if begin < end:
                out[stretch.channel, begin:end] = 0.0
        self.flat = [stretch for stretch in self.flat if stretch.stop > first + out.shape[1]]

    def _line(self) -> Floats:
        """Mains hum; its frequency wanders a little, so that it never stays in step with the pictures."""
        hz = self._settings.line_hz + LINE_WANDER_HZ * float(self._line_rng.standard_normal())
        turns = self._turns + np.arange(BLOCK + 1) * (hz / self._settings.sfreq)
        self._turns = float(turns[-1]) % 1.0
        angle = 2 * np.pi * turns[:-1]
        hum: Floats = self._hum @ np.stack([np.sin(angle), np.cos(angle)])
        return hum

    def _blink(self) -> Floats:
        n = max(2, self._rate.samples(BLINK_S * float(self._blink_rng.uniform(0.75, 1.35))))
        size = self._settings.blink_uv * float(self._blink_rng.uniform(0.6, 1.2))
        course = np.sin(np.pi * (np.arange(n) / n) ** 0.8) ** 2
        blink: Floats = size * self._topography[:, None] * course
        return blink

    def _pop(self) -> Floats:
        size = self._settings.pop_uv * float(self._pop_rng.choice([-1.0, 1.0]) * self._pop_rng.uniform(0.5, 1.5))
        after_s = np.arange(self._rate.samples(POP_S)) * self._rate.period_s
        pop = np.zeros((self._n, len(after_s)))
        pop[int(self._pop_rng.integers(self._n))] = size * np.exp(-after_s / POP_DECAY_S)
        return pop

    def _drop(self, first: int) -> FlatStretch:
        lasts_s = self._settings.drop_out_s * float(self._drop_rng.uniform(0.5, 1.5))
        channel = int(self._drop_rng.integers(self._n))
        return FlatStretch(channel, first, first + max(1, self._rate.samples(lasts_s)))


def _blink_topography(electrodes: Floats) -> Floats:
    """Size of a blink at each electrode relative to the frontal pole."""

    def nearness(points: Floats) -> Floats:
        away = np.linalg.norm(points[:, None] - EYES, axis=2)
        summed: Floats = np.exp(-((away / 0.6) ** 2)).sum(axis=1)
        return summed

    relative: Floats = nearness(electrodes) / nearness(FRONTAL_POLE[None])[0]
    return relative
