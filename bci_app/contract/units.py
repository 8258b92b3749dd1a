"""Seconds and samples: one conversion, with one rounding rule, used on both sides; and what samples are counted in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bci_app.contract.errors import RateError, UnitError

Unit = Literal["uV", "count", "au"]
"""Of samples: microvolts of EEG, spikes of a neuron, or the arbitrary units of a scanner."""
UNITS: tuple[Unit, ...] = ("uV", "count", "au")


def parse_unit(text: str) -> Unit:
    """The unit that a file of this program names; UnitError if it is none."""
    for unit in UNITS:
        if unit == text:
            return unit
    raise UnitError(f"Samples are in {', '.join(UNITS)}; got {text[:40]!r}. Read a file that this program wrote.")


@dataclass(frozen=True, slots=True)
class Frequency:
    """A sampling rate that turns seconds into samples and back.

    Rounding is half up after the product was rounded to a millionth of a sample, so that 0.1 s at 250 Hz is 25
    samples on every machine although ``0.1 * 250`` is not exactly 25 in binary. Python's own ``round`` goes to
    the even neighbour, which would make window lengths depend on parity.

    Parameters
    ----------
    hz : float
        Samples per second; finite and above 0.

    Raises
    ------
    RateError
        If `hz` is not a finite number above 0.
    """

    hz: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.hz) and self.hz > 0):
            raise RateError(f"A sampling rate must be a finite number above 0 Hz; got {self.hz!r}.")

    @property
    def period_s(self) -> float:
        """Seconds from one sample to the next."""
        return 1.0 / self.hz

    def samples(self, seconds: float) -> int:
        """Whole number of samples nearest to `seconds`; halves go up."""
        return math.floor(round(seconds * self.hz, 6) + 0.5)

    def seconds(self, samples: int) -> float:
        """Duration of `samples` samples."""
        return samples / self.hz
