"""What a stream says of itself, in which unit it speaks, and what every source of samples can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bci_app.contract.errors import UnitError
from bci_app.contract.signal import Chunk

MAX_CHANNELS = 1024
MAX_SFREQ_HZ = 100_000.0
StreamState = Literal["searching", "connected", "stale", "lost", "back"]
OnState = Callable[[StreamState, str], None]

# The XDF conventions spell units out ("microvolts"); amplifiers also send symbols, with either of the two
# Unicode letters for micro. "MV" is left out on purpose: it would be megavolts.
_MICROVOLTS_PER = {
    **dict.fromkeys(("uV", "uv", "\u00b5V", "\u00b5v", "\u03bcV", "\u03bcv", "microvolt", "microvolts"), 1.0),
    **dict.fromkeys(("mV", "mv", "millivolt", "millivolts"), 1e3),
    **dict.fromkeys(("V", "v", "volt", "volts"), 1e6),
    **dict.fromkeys(("nV", "nv", "nanovolt", "nanovolts"), 1e-3),
    # MNE-LSL writes a unit as the power of ten of a volt
    **{str(power): 10.0 ** (power + 6) for power in range(-9, 1)},
}


@dataclass(frozen=True, slots=True)
class StreamDescription:
    """What a stream on the network says of itself; nothing in it has been checked yet.

    Parameters
    ----------
    name, type, source_id, hostname, uid : str
        As sent. `uid` changes each time the sender starts, `source_id` stays.
    channels : tuple of str
        Labels as sent; empty if the sender gave none.
    unit : str
        Unit of all channels as sent; several different ones are joined by ", "; empty if none was given.
    sfreq : float
        Nominal rate in Hz; 0 for irregular streams such as markers.
    n_channels : int
        Number of values per sample.
    text : bool
        Whether the samples are text (markers) instead of numbers.
    """

    name: str
    type: str
    source_id: str
    hostname: str
    uid: str
    channels: tuple[str, ...]
    unit: str
    sfreq: float
    n_channels: int = 0
    text: bool = False

    def __str__(self) -> str:
        """One line that tells streams of one name apart."""
        what = "text" if self.text else f"{self.n_channels} channels, {self.sfreq:g} Hz"
        told = f"{self.type or 'no type'}, {what}, source_id '{self.source_id}', host {self.hostname}"
        return f"'{self.name}' ({told})"


class Source(Protocol):
    """Where samples come from: a live stream, or anything that behaves like one."""

    @property
    def description(self) -> StreamDescription:
        """What is being read."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the rows of every chunk, in order."""
        ...

    def pull(self, timeout_s: float) -> Chunk | None:
        """The next chunk without a gap inside; None if none came within `timeout_s` seconds."""
        ...

    def close(self) -> None:
        """Let go of the stream; returns in less than a second and may be called twice."""
        ...


def is_same_source(lost: StreamDescription, now: StreamDescription) -> bool:
    """Whether both come from one sender: the same outlet, or one started again with the same source_id."""
    return now.uid == lost.uid or (bool(lost.source_id) and now.source_id == lost.source_id)


def nothing_found(asked: Mapping[str, str], there: Sequence[StreamDescription], timeout_s: float) -> str:
    """The message when no stream has the properties `asked` for."""
    listed = "; ".join(map(str, there)) or "none"
    return (
        f"No stream with {_said(asked)} answered within {timeout_s:g} s. Streams that are there: {listed}. "
        "Start the sender, check the spelling, and check that the firewall lets LSL through."
    )


def several_found(asked: Mapping[str, str], found: Sequence[StreamDescription]) -> str:
    """The message when more than one stream has the properties `asked` for."""
    way_out = "Stop" if "source_id" in asked else "Choose one with --source-id, or stop"
    return (
        f"One stream with {_said(asked)} was expected; {len(found)} answer: {'; '.join(map(str, found))}. "
        f"{way_out} the others."
    )


def _said(asked: Mapping[str, str]) -> str:
    return " and ".join(f"{key} '{value}'" for key, value in asked.items()) or "any name"


def microvolts_per(unit: str, what: str, declared: str | None = None) -> float:
    """How many microvolts one `unit` is.

    Parameters
    ----------
    unit : str
        Symbol or English word, such as ``"uV"``, ``"microvolts"`` or ``"V"``.
    what : str
        Whose unit it is, for the message, such as ``"stream 'Muse'"``.
    declared : str or None
        What the user says the unit is; serves where `unit` is missing or unknown.

    Raises
    ------
    UnitError
        If the unit is missing or is not a voltage.
    """
    stripped = unit.strip()
    word = stripped.lower() if len(stripped) > 2 else stripped
    scale = _MICROVOLTS_PER.get(word)
    if scale is None and declared is not None:
        return microvolts_per(declared, f"{what}, as declared,")
    if scale is None:
        came = f"says '{unit}'" if stripped else "gives no unit"
        raise UnitError(
            f"The unit of {what} must be a voltage (uV, mV, V, nV or the word); it {came}. "
            "Set the unit at the sender, or declare it with --unit if you know it."
        )
    return scale
