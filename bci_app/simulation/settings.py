"""What the simulated participant is like."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bci_app.contract.checks import faults
from bci_app.contract.errors import SettingsError
from bci_app.simulation.sentences import TASKS, Task


class PreferenceSettings(BaseModel):
    """A hidden picture that the participant prefers, see `bci_app.simulation.preference`.

    With the defaults, pictures every 0.334 s, and the mean from 300 to 600 ms at Pz behind a causal filter from 0.1 to 30 Hz,
    a single trial tells the hidden picture from those of a generator's prior by 1.1 to 2.0 of its standard deviations (ten seeds,
    mean 1.6). A picture of similarity 0.5 is answered with 0.73 of the response to the hidden one.

    Attributes
    ----------
    seed : int
        Draws the hidden picture from the built-in families.
    file : Path or None
        An image file that is the hidden picture instead.
    amplitude_uv : float
        Late positive potential at which the response saturates, uV at the strongest channel.
    width : float
        Similarity at which three quarters of it are reached; smaller saturates sooner.
    variability : float
        SD of single responses over their mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = Field(0, ge=0)
    file: Path | None = None
    amplitude_uv: float = Field(20.0, ge=0.0, le=100.0)
    width: float = Field(0.6, gt=0.0, le=10.0)
    variability: float = Field(0.3, ge=0.0, le=2.0)


class ReadingSettings(BaseModel):
    """What reading evokes in a participant, see `bci_app.simulation.reading` and `bci_app.simulation.word_features`.

    With the defaults, a word is 7.4 bits. Its features tell an ideal observer 5.2 of them; a linear reader gets 4.9 of its
    features, 5.4 of the amplitudes of the eight bands in the EEG of 32 channels, and 7.2 of what stays in step with the word
    (``python -m tests.benchmarks text_information``).

    Attributes
    ----------
    tasks : tuple of {"SR", "NR", "TSR"}
        What the sentences are about.
    information : float
        Scales all that tells one word from another; 0 takes it away and leaves the same noise, and the words' number and times.
    dim : int
        Length of a word's vector.
    semantics_seed : int
        Draws the vectors, which all participants share.
    shared : float
        Share of the variance of the response to a vector that is the same in all participants.
    omission : float
        Probability that a short function word is passed over: it is not looked at, and evokes nothing.
    soa_s, jitter_s : float
        Seconds from one word to the next, and how far each departs from it at most.
    pause_s : float
        Seconds between two sentences.
    evoked_uv : float
        RMS of the phase-locked response that tells words apart, uV at the strongest channel from 100 to 450 ms after the word.
    induced_uv : float
        Amplitude of the rhythms that a word induces, uV at the strongest channel, in the lowest of eight bands.
    wait_s : float
        Seconds that the first sentence waits for somebody who listens to the markers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    tasks: tuple[Task, ...] = Field(TASKS, min_length=1)
    information: float = Field(1.0, ge=0.0, le=10.0)
    dim: int = Field(24, ge=2, le=256)
    semantics_seed: int = Field(0, ge=0)
    shared: float = Field(0.8, ge=0.0, le=1.0)
    omission: float = Field(0.0, ge=0.0, le=1.0)
    soa_s: float = Field(0.5, ge=0.2, le=5.0)
    jitter_s: float = Field(0.05, ge=0.0, le=0.5)
    pause_s: float = Field(1.5, ge=0.5, le=60.0)
    evoked_uv: float = Field(4.0, ge=0.0, le=100.0)
    induced_uv: float = Field(8.0, ge=0.0, le=100.0)
    wait_s: float = Field(120.0, ge=0.0, le=3600.0)

    @model_validator(mode="after")
    def _words_keep_apart(self) -> ReadingSettings:
        if self.jitter_s >= self.soa_s / 2:
            raise ValueError(f"jitter_s must be below half of soa_s ({self.soa_s / 2:g} s); got {self.jitter_s:g} s")
        return self


class ParticipantSettings(BaseModel):
    """One participant and the amplifier; equal settings give equal numbers.

    Attributes
    ----------
    seed : int
        Everything random follows from it: the brain, and with `session` the noise.
    session : int
        Another session of the same brain has other noise. Give calibration and use different ones: a decoder
        that was fitted on the very noise it meets again proves nothing.
    montage : str
        Name of an electrode layout known to MNE-Python.
    n_channels : int
        Electrodes taken from it; fewer than the layout has are mostly posterior ones.
    sfreq : float
        Sampling rate, Hz.
    chunk : int
        Samples per LSL chunk.
    snr : float
        Size of the response that depends on the picture over the size of the ongoing noise; the exact
        definition stands in `bci_app.simulation.participant`.
    evoked_uv : float
        Peak of the response that is the same for every picture, uV at the strongest channel.
    pink_uv, sensor_uv : float
        1/f background and white sensor noise, uV RMS of the average channel.
    alpha_uv, alpha_hz : float
        Posterior alpha rhythm, uV RMS of the strongest channel, and its frequency.
    line_uv, line_hz : float
        Mains hum, uV RMS of the average channel, and its frequency.
    blink_rate_hz, blink_uv : float
        Blinks per second and their peak at the strongest channel, uV.
    pop_rate_hz, pop_uv : float
        Electrode pops per second over all channels, and their size, uV.
    drop_out_rate_hz, drop_out_s : float
        How often per second some channel goes flat, and for how long on average.
    preference : PreferenceSettings or None
        Adds a late response to pictures like a hidden one; None adds none.
    reading : ReadingSettings or None
        Live, it reads sentences of its own instead of watching pictures, and sends their markers as `marker_name`.
    stream_name, source_id, marker_name, picture_name : str
        LSL names: the EEG it sends, and the streams of markers and pictures it listens to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = Field(0, ge=0)
    session: int = Field(0, ge=0)
    montage: str = "biosemi64"
    n_channels: int = Field(64, ge=4, le=512)
    sfreq: float = Field(256.0, ge=100.0, le=8192.0)
    chunk: int = Field(8, ge=1, le=4096)
    snr: float = Field(0.4, ge=0.0, le=100.0)
    evoked_uv: float = Field(6.0, ge=0.0, le=100.0)
    pink_uv: float = Field(10.0, gt=0.0, le=1000.0)
    sensor_uv: float = Field(0.8, ge=0.0, le=100.0)
    alpha_uv: float = Field(8.0, ge=0.0, le=200.0)
    alpha_hz: float = Field(10.0, ge=7.0, le=14.0)
    line_uv: float = Field(1.5, ge=0.0, le=1000.0)
    line_hz: float = Field(50.0, ge=16.0, le=60.0)
    blink_rate_hz: float = Field(0.2, ge=0.0, le=2.0)
    blink_uv: float = Field(120.0, ge=0.0, le=1000.0)
    pop_rate_hz: float = Field(0.005, ge=0.0, le=10.0)
    pop_uv: float = Field(60.0, ge=0.0, le=5000.0)
    drop_out_rate_hz: float = Field(0.005, ge=0.0, le=2.0)
    drop_out_s: float = Field(1.5, gt=0.0, le=60.0)
    preference: PreferenceSettings | None = None
    reading: ReadingSettings | None = None
    stream_name: str = Field("Simulated EEG", min_length=1)
    source_id: str = Field("bci-app-simulated-participant", min_length=1)
    marker_name: str = Field("bci-app markers", min_length=1)
    picture_name: str = Field("bci-app pictures", min_length=1)

    @model_validator(mode="after")
    def _frequencies_fit(self) -> ParticipantSettings:
        if self.line_hz >= self.sfreq / 2:
            raise ValueError(f"line_hz must be below half of sfreq ({self.sfreq / 2:g} Hz); got {self.line_hz:g} Hz")
        return self


SIMULATED_READER = ParticipantSettings(n_channels=32, sfreq=128.0, reading=ReadingSettings())
"""Whose simulated readings models are trained on unless another is named: for a model to read live, cap and rate must be its."""


def read_settings(text_or_file: str) -> ParticipantSettings:
    """Settings from JSON text (it begins with "{") or from a JSON file.

    Raises
    ------
    SettingsError
        If the file is missing, the text is not JSON, or a value cannot be meant.
    """
    text = text_or_file.strip()
    if not text.startswith("{"):
        try:
            text = Path(text_or_file).read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(
                f"Participant settings are JSON text or a JSON file; {text_or_file!r} cannot be read: {error}"
            ) from error
    try:
        return make_settings(**json.loads(text))
    except (json.JSONDecodeError, TypeError) as error:
        raise SettingsError(f"Participant settings are a JSON object; this is not one: {error}") from error


def make_settings(**values: object) -> ParticipantSettings:
    """Settings from keyword values, with one plain sentence for everything that is wrong.

    Raises
    ------
    SettingsError
        If a name is unknown or a value impossible; the message lists each.
    """
    try:
        return ParticipantSettings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"Participant settings that cannot be meant: {faults(error)}. Correct them.") from error
