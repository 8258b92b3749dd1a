"""What a session that reads sentences is to do, as data: frozen, unknown keys refused, the empty file is valid."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from bci_app.contract.errors import SettingsError
from bci_app.engine.participant_code import Code
from bci_app.engine.settings import Frozen, StreamChoice


class TextSettings(Frozen):
    """One live session in which sentences are read.

    Parameters
    ----------
    stream : StreamChoice
        Where the EEG comes from, and the markers of sentences and words.
    decoder : Path, optional
        A text bundle.
    device : {"auto", "cpu", "gpu"}
        Where the model runs; the window always says where it really does.
    require_gpu : bool
        Make it an error if it does not run on the GPU.
    n_beams : int, optional
        Hypotheses kept while text is generated; None for as many as the bundle was tested with. One gives the first word
        soonest; of several, each word is known when all that may still win agree on it.
    buffer_s : float
        Seconds of signal held for viewing and cutting, or more if the bundle's longest sentence needs more.
    duration_s : float, optional
        End after so many seconds.
    n_sentences : int, optional
        End when so many sentences were read.
    seed : int
        For the noise twin.
    participant : str
        A code, never a name; empty if nobody's.
    """

    stream: StreamChoice = StreamChoice()
    decoder: Path | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    require_gpu: bool = False
    n_beams: int | None = Field(default=None, ge=1, le=64)
    buffer_s: float = Field(default=60.0, ge=2, le=3600)
    duration_s: float | None = Field(default=None, gt=0)
    n_sentences: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    participant: Code = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.require_gpu and self.device == "cpu":
            raise SettingsError("require_gpu asks for the GPU while device says 'cpu'. Set device to 'auto' or 'gpu'.")
        return self
