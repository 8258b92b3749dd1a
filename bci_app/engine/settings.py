"""What a session is to do, as data: frozen, unknown keys refused, the empty file is valid."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.checks import faults
from bci_app.contract.errors import SettingsError
from bci_app.engine.participant_code import Code
from bci_app.simulation.settings import ParticipantSettings

S = TypeVar("S", bound=BaseModel)


class Frozen(BaseModel):
    """Settings that do not change and know no other keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StreamChoice(Frozen):
    """Which stream: by source_id (surest), name or type; waits `timeout_s` for it to appear."""

    name: str | None = None
    source_id: str | None = None
    type: str | None = None
    """None for the type that goes with the decoder: EEG, fMRI or Spikes."""
    unit: str | None = None
    """Unit of channels whose sender gives none; None refuses such a stream."""
    timeout_s: float = Field(default=5.0, gt=0, le=600)
    give_up_s: float = Field(default=60.0, ge=1, le=86_400)
    """After how many seconds without a sample the session ends; until then it waits for the stream to come back."""
    markers: str | None = None
    """Name of the marker stream whose events cut the trials; None for none, or for pictures shown by this program."""
    bad: tuple[str, ...] = ()
    """Channels that the user marked bad."""


class Presentation(Frozen):
    """Pictures shown by this program: `n_trials` read, one every `soa_s`, each on screen for `show_s`."""

    n_trials: int = Field(default=64, ge=2, le=2000)
    soa_s: float = Field(default=1.0, ge=0.4, le=60)
    show_s: float = Field(default=0.8, gt=0, le=60)
    families: tuple[Literal["shapes", "letters", "digits"], ...] = ("shapes", "letters", "digits")
    folder: Path | None = None
    """Pictures of this folder instead of the built-in families."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.show_s > self.soa_s:
            raise SettingsError(
                f"A picture must leave before the next one comes; got show_s {self.show_s} s every soa_s {self.soa_s} s."
            )
        return self


class SessionSettings(Frozen):
    """One live session.

    Parameters
    ----------
    stream : StreamChoice
        Where signal and markers come from.
    decoder, generator : Path, optional
        Bundles; None for the ones that come with the program.
    device : {"auto", "cpu", "gpu"}
        Where the models run; the window always says where they really do.
    require_gpu : bool
        Make it an error if they do not run on the GPU.
    presentation : Presentation, optional
        Show pictures; None to read somebody else's markers, or sliding windows.
    buffer_s : float
        Seconds of signal held for viewing and cutting; of slow signals no fewer than 120 samples.
    duration_s : float, optional
        End after so many seconds.
    seed : int
        For the order of pictures and the noise twin.
    participant : str
        A code, never a name; empty if nobody's.
    """

    stream: StreamChoice = StreamChoice()
    decoder: Path | None = None
    generator: Path | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    require_gpu: bool = False
    presentation: Presentation | None = None
    buffer_s: float = Field(default=60.0, ge=2, le=3600)
    duration_s: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)
    participant: Code = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.require_gpu and self.device == "cpu":
            raise SettingsError("require_gpu asks for the GPU while device says 'cpu'. Set device to 'auto' or 'gpu'.")
        return self


class DemoSettings(Frozen):
    """The demo: a simulated participant, its calibration and the session."""

    participant: ParticipantSettings = ParticipantSettings()
    session: SessionSettings = SessionSettings(presentation=Presentation())
    recipe: CalibrationRecipe = CalibrationRecipe()
    calibration_trials: int = Field(default=1200, ge=50, le=20_000)
    calibration_seed: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.session.presentation is None:
            raise SettingsError("The demo shows pictures; its session.presentation cannot be null.")
        return self


def read_settings(kind: type[S], path: Path | None) -> S:
    """Settings of `kind` from a YAML file; the defaults if `path` is None.

    Raises
    ------
    SettingsError
        If the file cannot be read, has unknown keys or impossible values; the message names each.
    """
    if path is None:
        return kind()
    try:
        raw = yaml.safe_load(path.read_text("utf-8")) or {}
    except OSError as error:
        raise SettingsError(f"The configuration '{path}' cannot be read: {error.strerror}. Check the path.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"The configuration '{path}' must be YAML; it is not: {reason}. Correct it.") from None
    return parse_settings(kind, raw, f"The configuration '{path}'")


def parse_settings(kind: type[S], raw: object, what: str) -> S:
    """Settings of `kind` from parsed YAML or keyword values; SettingsError names every wrong key."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise SettingsError(f"{what} cannot be meant: {faults(error)}. Correct the value, or leave it out.") from None
