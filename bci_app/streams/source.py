"""What a stream says of itself, in which unit it speaks, and what every source of samples can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bci_app.contract.errors import UnitError
from bci_app.contract.signal import Chunk
from bci_app.contract.units import UNITS, Unit

MAX_CHANNELS: dict[Unit, int] = {"uV": 1024, "count": 65_536, "au": 65_536}
"""Of a stream: electrodes, neurons or voxels, by the unit of its samples."""
STREAM_TYPES: dict[Unit, str] = {"uV": "EEG", "count": "Spikes", "au": "fMRI"}
SENT_UNITS: dict[Unit, str] = {"uV": "microvolts", "count": "count", "au": "au"}
MAX_SFREQ_HZ = 100_000.0
_LISTED = 8
"""Streams that a message names."""
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
_COUNTS = ("count", "counts", "spike", "spikes", "count/bin", "counts/bin", "spikes/bin")
_PER: dict[Unit, dict[str, float]] = {
    "uV": _MICROVOLTS_PER,
    "count": dict.fromkeys(_COUNTS, 1.0),
    "au": dict.fromkeys(("au", "AU", "a.u.", "arbitrary", "arbitrary unit", "arbitrary units"), 1.0),
}
_WORDS: dict[Unit, str] = {
    "uV": "a voltage (uV, mV, V, nV or the word)",
    "count": "a count of spikes (count, counts, spikes or spikes/bin)",
    "au": "arbitrary (au, a.u. or arbitrary)",
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
        told = (
            f"{short(self.type) or 'no type'}, {what}, source_id '{short(self.source_id)}', host {short(self.hostname)}"
        )
        return f"'{short(self.name)}' ({told})"


def short(text: str, longest: int = 60) -> str:
    """What came over the network, as a piece of a sentence: one line, and not too long."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[: longest + 1])
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


class Source(Protocol):
    """Where samples come from: a live stream, or anything that behaves like one."""

    @property
    def description(self) -> StreamDescription:
        """What is being read."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the rows of every chunk, in order; first those that are read."""
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
    return (
        f"No stream with {_said(asked)} answered within {timeout_s:g} s. Streams that are there: {_some(there)}. "
        "Start the sender, check the spelling, and check that the firewall lets LSL through."
    )


def several_found(asked: Mapping[str, str], found: Sequence[StreamDescription]) -> str:
    """The message when more than one stream has the properties `asked` for."""
    way_out = "Stop" if "source_id" in asked else "Choose one with --source-id, or stop"
    return f"One stream with {_said(asked)} was expected; {len(found)} answer: {_some(found)}. {way_out} the others."


def _said(asked: Mapping[str, str]) -> str:
    return " and ".join(f"{key} '{short(value)}'" for key, value in asked.items()) or "any name"


def _some(streams: Sequence[StreamDescription]) -> str:
    more = len(streams) - _LISTED
    return "; ".join(map(str, streams[:_LISTED])) + (f"; and {more} more" if more > 0 else "") or "none"


def scale_to(wanted: Unit, sent: str, what: str, declared: str | None = None) -> float:
    """How many `wanted` one `sent` is, such as 1000 microvolts for a millivolt.

    Parameters
    ----------
    wanted : {"uV", "count", "au"}
        Unit that samples are counted in here.
    sent : str
        Symbol or English word, such as ``"uV"``, ``"microvolts"``, ``"spikes"`` or ``"a.u."``.
    what : str
        Whose unit it is, for the message, such as ``"stream 'Muse'"``.
    declared : str or None
        What the user says the unit is; serves where `sent` is missing or of another kind.

    Raises
    ------
    UnitError
        If the unit is missing or of another kind.
    """
    scale = _known(wanted, sent)
    if scale is None and declared is not None:
        return scale_to(wanted, declared, f"{what}, as declared,")
    if scale is None:
        came = f"says '{sent}'" if sent.strip() else "gives no unit"
        raise UnitError(
            f"The unit of {what} must be {_WORDS[wanted]}; it {came}. "
            "Set the unit at the sender, or declare it with --unit if you know it, or with “Unit” in the window."
        )
    return scale


def unit_of(sent: str, declared: str | None = None) -> Unit:
    """The unit that samples sent in `sent`, or else in what is `declared`, are counted in; microvolts if neither tells."""
    for text in (sent, declared or ""):
        for unit in UNITS:
            if _known(unit, text) is not None:
                return unit
    return "uV"


def _known(wanted: Unit, text: str) -> float | None:
    stripped = text.strip()
    return _PER[wanted].get(stripped.lower() if len(stripped) > 2 else stripped)
