"""What an evolution session is to do, as data: frozen, unknown keys refused, the empty file is valid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bci_app.contract.errors import SettingsError
from bci_app.engine.participant_code import Code
from bci_app.engine.settings import Frozen, StreamChoice
from bci_app.evolution.guided import Guided
from bci_app.evolution.optimisers import AnyOptimiser

Seconds = Annotated[float, Field(ge=-10, le=60)]


class ComponentResponse(Frozen):
    """Mean amplitude of chosen EEG channels between two latencies, in the unit of the stream.

    Trials whose peak-to-peak amplitude exceeds `reject_uv` on a chosen channel, or on which a chosen channel is flat, give no
    response. Positive `sign` drives the amplitude up, -1 down.
    """

    kind: Literal["component"] = "component"
    channels: tuple[str, ...] = Field(default=("Pz",), min_length=1)
    sfreq: float = Field(default=256.0, gt=0, le=100_000)
    """Of the stream, Hz."""
    start_s: Seconds = 0.3
    stop_s: Seconds = 0.6
    baseline_s: tuple[Seconds, Seconds] | None = (-0.1, 0.0)
    highpass_hz: float = Field(default=0.1, gt=0)
    """A causal filter with a corner of 0.5 Hz takes away two thirds of a potential that lasts 300 ms."""
    lowpass_hz: float = Field(default=30.0, gt=0)
    reject_uv: float | None = Field(default=150.0, gt=0)
    sign: Literal[1, -1] = 1


class SimilarityResponse(Frozen):
    """How similar what a decoder reads from each trial is to the latent of a target picture (cosine round the mean)."""

    kind: Literal["similarity"] = "similarity"
    decoder: Path
    target: Path
    """An image file; the generator's encoder gives its latent."""


class RateResponse(Frozen):
    """Firing rate of chosen neurons on a stream of spike counts, mean over them, in spikes per second."""

    kind: Literal["rate"] = "rate"
    neurons: tuple[str, ...] = Field(min_length=1)
    sfreq: float = Field(default=100.0, gt=0, le=100_000)
    """Bins per second of the stream."""
    start_s: Seconds = 0.05
    stop_s: Seconds = 0.25
    sign: Literal[1, -1] = 1


class RatingResponse(Frozen):
    """A person rates each picture from 1 to `steps` with the number keys; needs no stream."""

    kind: Literal["rating"] = "rating"
    steps: int = Field(default=9, ge=2, le=9)
    patience_s: float = Field(default=60.0, ge=1, le=3600)
    """After so many seconds without an answer the picture counts as missing."""


class UnitResponse(Frozen):
    """A unit of an image model, in place of a brain: needs no stream."""

    kind: Literal["unit"] = "unit"
    model: Path | None = None
    """Bundle or ONNX file; None for the classifier that comes with the program."""
    layer: str | None = None
    """None for the model's last layer."""
    channel: int = Field(default=0, ge=0)
    noise: float = Field(default=0.0, ge=0, le=10)
    """Multiplicative: response x max(0, 1 + noise N(0, 1))."""


AnyResponse = Annotated[
    ComponentResponse | SimilarityResponse | RateResponse | RatingResponse | UnitResponse, Field(discriminator="kind")
]


class Timing(Frozen):
    """When pictures are shown: each for `show_s`, then `blank_s` of grey (0 for a rapid stream), plus up to `jitter_s`."""

    show_s: float = Field(default=0.5, gt=0, le=60)
    blank_s: float = Field(default=0.5, ge=0, le=60)
    jitter_s: float = Field(default=0.1, ge=0, le=10)

    @property
    def soa_s(self) -> float:
        """Least time from onset to onset."""
        return self.show_s + self.blank_s


class Limits(Frozen):
    """Where stimulation ends by itself.

    More than `max_rate_hz` pictures per second are refused. Above three per second flashing must be allowed expressly, by
    somebody who has asked the participant about photosensitive epilepsy; the flash guard is then off.
    """

    max_rate_hz: float = Field(default=3.0, gt=0, le=30)
    allow_flashing: bool = False
    max_duration_s: float = Field(default=3600.0, gt=0, le=6 * 3600)
    stale_s: float = Field(default=2.0, ge=0.5, le=60)
    """Stimulation pauses when the newest sample is older."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_rate_hz > 3 and not self.allow_flashing:
            raise SettingsError(
                f"More than three pictures a second can provoke seizures; max_rate_hz is {self.max_rate_hz:g}. Lower it, or "
                "ask the participant about photosensitive epilepsy and set allow_flashing."
            )
        return self


class References(Frozen):
    """Pictures shown among those of every generation, against which the evolution is judged.

    `n_natural` of a folder (or of the built-in families), the same in all generations, and `n_prior` drawn anew from the
    generator's prior: what the generator makes when nobody selects.
    """

    n_natural: int = Field(default=4, ge=0, le=100)
    n_prior: int = Field(default=2, ge=0, le=100)
    folder: Path | None = None


class Stimulus(Frozen):
    """Where pictures are shown and how large: `height` is their share of the height of the grey area.

    ``where``: ``"full-screen"`` on `screen` (counted from 0; None for the second one if there is one), ``"window"`` in a pane
    of the experimenter's window, or ``"auto"``, which is full screen where there is a second screen.
    """

    where: Literal["auto", "full-screen", "window"] = "auto"
    screen: int | None = Field(default=None, ge=0)
    height: float = Field(default=0.33, gt=0, le=1)
    fixation: bool = True
    """A cross in the grey between pictures."""
    photodiode: bool = False
    """A square in the lower left corner, white while a picture is on, to measure onsets with."""


_PLANNING = ("guided", "spherical-cma")
"""Optimisers that end as narrow as they should after a planned number of generations."""


class EvolutionSettings(Frozen):
    """One evolution session.

    Attributes
    ----------
    response : AnyResponse
        What is driven.
    optimiser : AnyOptimiser
        How; its population is the number of new pictures per generation. One that plans for a number of generations and is
        not told how many plans for `n_generations`.
    n_generations : int
        Scored generations after which the evolution is complete.
    repeats : int
        Presentations per picture and generation whose responses are averaged.
    shown_again : int
        How often a presentation without a response is repeated within its generation. What is missing then is left out of the
        picture's mean; a picture without any response has no score.
    sham : {"off", "on", "blind"}
        ``on``: the scores of each generation are dealt to its pictures at random, with the same timing. ``blind``: whether they
        are is drawn from the seed, and neither window nor report tells; it stands in ``sham.json`` in the run folder.
    participant : str
        A code, never a name; empty if nobody's.
    """

    stream: StreamChoice = StreamChoice()
    response: AnyResponse = ComponentResponse()
    optimiser: AnyOptimiser = Guided()
    generator: Path | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    require_gpu: bool = False
    timing: Timing = Timing()
    limits: Limits = Limits()
    references: References = References()
    stimulus: Stimulus = Stimulus()
    n_generations: int = Field(default=40, ge=1, le=100_000)
    repeats: int = Field(default=1, ge=1, le=100)
    shown_again: int = Field(default=1, ge=0, le=20)
    sham: Literal["off", "on", "blind"] = "off"
    buffer_s: float = Field(default=60.0, ge=2, le=3600)
    seed: int = Field(default=0, ge=0)
    participant: Code = ""

    @model_validator(mode="before")
    @classmethod
    def _plans_alike(cls, raw: object) -> object:
        if not isinstance(raw, dict):
            return raw
        optimiser = raw.get("optimiser", {"kind": "guided"})
        plans = isinstance(optimiser, dict) and optimiser.get("kind") in _PLANNING and "n_generations" in raw
        return raw | {"optimiser": {"n_generations": raw["n_generations"]} | optimiser} if plans else raw

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.require_gpu and self.device == "cpu":
            raise SettingsError("require_gpu asks for the GPU while device says 'cpu'. Set device to 'auto' or 'gpu'.")
        rate_hz = 1 / self.timing.soa_s
        if self.response.kind not in ("rating", "unit") and rate_hz > self.limits.max_rate_hz * (1 + 1e-9):
            raise SettingsError(
                f"At most {self.limits.max_rate_hz:g} pictures a second are allowed (limits.max_rate_hz); show_s "
                f"{self.timing.show_s:g} and blank_s {self.timing.blank_s:g} give {rate_hz:.3g}. Show them more slowly."
            )
        return self
