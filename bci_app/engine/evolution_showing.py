"""One presentation of an evolution, and what became of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bci_app.engine.evolution_pictures import Kind
from bci_app.pictures.picture import Picture

NEVER_PAINTED = "it was never painted"
"""Why a presentation is void whose picture the window did not paint in time."""


@dataclass(frozen=True, slots=True)
class Showing:
    """One presentation: the `repeat` of a picture, its `attempt`, counted from 0 and up with each response that failed, and
    whether it is shown `again`."""

    number: int
    generation: int
    picture: Picture
    kind: Kind
    repeat: int
    attempt: int
    again: bool
    due_s: float = math.nan
    onset_s: float = math.nan


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a presentation: its response, or None and `why`; `rejected` if an artefact is the reason."""

    showing: Showing
    response: float | None
    why: str = ""
    rejected: bool = False

    @property
    def became(self) -> Literal["answered", "rejected", "missing", "unseen"]:
        """In one word."""
        if self.response is not None:
            return "answered"
        if math.isnan(self.showing.onset_s):
            return "unseen"
        return "rejected" if self.rejected else "missing"
