"""The signal as a person wants to see it: filter and reference of the view, which change nothing of what is recorded or read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.checks import listed
from bci_app.contract.errors import ChannelError, SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.signal import Chunk, Samples
from bci_app.contract.units import Frequency, Unit
from bci_app.engine.worker import Worker
from bci_app.streams.ring import Ring

AS_STREAMED = ""
AVERAGE = "average"
VIEW_BANDS_HZ: dict[str, tuple[float | None, float | None]] = {
    "all": (None, None),
    "0.1 to 40 Hz": (0.1, 40.0),
    "1 to 40 Hz": (1.0, 40.0),
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 80.0),
}
NOTCHES_HZ = (50.0, 60.0)
_TURN_S = 0.03
"""The window looks 25 times a second: filtering more often gains nothing, and each chunk costs a call."""


@dataclass(frozen=True, slots=True)
class ViewChoice:
    """How the signal is shown.

    Parameters
    ----------
    band_hz : (low, high)
        Pass band in Hz; None leaves that side open.
    notch_hz : float or None
        Line frequency that is taken out.
    reference : str
        ``""`` as streamed, ``"average"`` of the channels that are not bad, or the name of a channel.
    bad : tuple of str
        Channels that the average leaves out.
    """

    band_hz: tuple[float | None, float | None] = (None, None)
    notch_hz: float | None = None
    reference: str = AS_STREAMED
    bad: tuple[str, ...] = ()

    def spec(self, channels: tuple[str, ...], sfreq: float, unit: Unit = "uV") -> PreprocessingSpec:
        """Its filters for a stream; SettingsError if they do not fit its rate. The reference is taken before, see `rows`."""
        return PreprocessingSpec.design(channels, sfreq, self.band_hz, self.notch_hz, "none", unit=unit)

    def rows(self, channels: tuple[str, ...]) -> tuple[int, ...]:
        """The channels whose mean is subtracted: none, all that are not bad, or one.

        Raises
        ------
        ChannelError
            If the reference is no channel of the stream.
        """
        if self.reference == AS_STREAMED:
            return ()
        if self.reference == AVERAGE:
            return tuple(row for row, name in enumerate(channels) if name not in self.bad)
        if self.reference not in channels:
            raise ChannelError(
                f"The reference of the view must be one of the stream's channels; '{self.reference}' is none of "
                f"{listed(channels)}. Choose one of them."
            )
        return (channels.index(self.reference),)


def view_delay(spec: PreprocessingSpec, band_hz: tuple[float | None, float | None]) -> tuple[float, float]:
    """How late the filters show the band of interest, and at which frequency: (seconds, Hz).

    Of a band with two corners it is told at their geometric mean, its middle on the scale of octaves; else where users are
    told of every filter, see `PreprocessingSpec.told_hz`.
    """
    low, high = band_hz
    at_hz = spec.told_hz if low is None or high is None else float(np.sqrt(low * high))
    return spec.delay_s(at_hz), at_hz


def fitting_bands(sfreq: float) -> tuple[str, ...]:
    """The names of `VIEW_BANDS_HZ` that a stream of this rate can hold."""
    return tuple(name for name, (_, high) in VIEW_BANDS_HZ.items() if high is None or high < sfreq / 2)


class Viewing(Worker):
    """The viewing thread: follows the ring of the raw signal and keeps another one as it is to be shown.

    After another choice, all that is still held is made anew, and then shown at once.

    Parameters
    ----------
    raw : Ring
        As streamed.
    channels : tuple of str
        Its rows.
    unit : {"uV", "count", "au"}
        Of its samples.
    seconds : float
        How much is kept for the view; less than the raw ring holds, since it is still written while it is read.
    on_failure : callable
        Takes a message for the user.
    """

    def __init__(
        self, raw: Ring, channels: tuple[str, ...], unit: Unit, seconds: float, on_failure: Callable[[str], None]
    ) -> None:
        super().__init__("viewing", on_failure)
        self._raw, self._channels, self._unit, self._seconds = raw, channels, unit, seconds
        self._wanted = self._path(ViewChoice())
        self._used = self._wanted
        self.shown = self._new_ring()

    @property
    def choice(self) -> ViewChoice:
        """What was chosen last; any thread."""
        return self._wanted.choice

    @property
    def spec(self) -> PreprocessingSpec:
        """The filters of that choice; any thread."""
        return self._wanted.preprocessor.spec

    def choose(self, choice: ViewChoice) -> None:
        """Show the signal in another way, from the next turn on; any thread.

        Raises
        ------
        SettingsError, ChannelError
            If that cannot be; then nothing changes.
        """
        self._wanted = self._path(choice)

    def step(self) -> bool:
        """Bring the view up to what has come; viewing thread."""
        self.pause(_TURN_S)
        wanted = self._wanted
        if wanted is self._used:
            wanted.follow(self._raw, self.shown)
        else:
            made = self._new_ring()
            wanted.follow(self._raw, made)
            self.shown, self._used = made, wanted
        return True

    def _path(self, choice: ViewChoice) -> _Path:
        spec = choice.spec(self._channels, self._raw.sfreq, self._unit)
        rows = choice.rows(self._channels)
        if choice.reference == AVERAGE and not rows:
            raise SettingsError(
                "An average needs channels that are not bad; all are marked bad. Choose another reference."
            )
        return _Path(choice, Preprocessor(spec), np.array(rows, np.intp), Frequency(spec.sfreq).samples(self._seconds))

    def _new_ring(self) -> Ring:
        return Ring(len(self._channels), self._raw.sfreq, self._seconds)


class _Path:
    """Reference and filters of one choice, and how far they have read."""

    def __init__(self, choice: ViewChoice, preprocessor: Preprocessor, rows: NDArray[np.intp], n_held: int) -> None:
        self.choice, self.preprocessor, self._rows, self._n_held = choice, preprocessor, rows, n_held
        self._next = 0

    def follow(self, raw: Ring, shown: Ring) -> None:
        """Read all that has come, piece by piece between gaps; viewing thread."""
        newest = raw.newest
        while self._next < newest:
            start = max(self._next, newest - self._n_held)
            stop = raw.first_gap(start, newest) or newest
            gap = start > self._next or raw.first_gap(start - 1, start + 1) is not None
            data, times = raw.read(start, stop)
            shown.write(self.preprocessor.process(Chunk(self._referenced(data), times, start, gap_before=gap)))
            self._next = stop

    def _referenced(self, data: Samples) -> Samples:
        return data - data[self._rows].mean(axis=0, dtype=np.float64).astype(np.float32) if len(self._rows) else data
