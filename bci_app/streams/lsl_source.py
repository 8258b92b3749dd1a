"""The live signal as a `Source`: channels by name, in one unit, gaps flagged, silence and loss told."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from bci_app.contract.checks import channel_order
from bci_app.contract.errors import ChannelError, RateError, UnitError
from bci_app.contract.signal import Chunk
from bci_app.contract.units import Unit
from bci_app.streams.cutting import ChunkCutter
from bci_app.streams.lsl import SLICE_S, local_clock
from bci_app.streams.lsl_link import Link
from bci_app.streams.rate import RateWatch
from bci_app.streams.source import MAX_CHANNELS, MAX_SFREQ_HZ, OnState, StreamDescription, StreamState, scale_to

_MAX_LABEL = 64
_MAX_PULL_S = 1.0


class LslSource:
    """Reads one stream of EEG, voxels or spike counts; pulled from one thread, closed from any.

    NaN and flat channels are passed on as they come: who filters the chunks raises or flags them, because
    only there is it known which channels matter. After a loss or a silence the samples go on being counted;
    samples that are missing show as `Chunk.gap_before`, not as a jump of `first_sample`.

    Parameters
    ----------
    description : StreamDescription
        As `find` gave it.
    channels : sequence of str or None
        The channels wanted, in the order wanted; None takes all as they are sent. A stream without labels
        has the channels "1", "2", ...
    rest : bool
        Whether the other channels of the stream follow those wanted in every chunk: to be recorded, not to be read.
    unit : str or None
        What channels are in that the sender gives no known unit for; without it they are refused.
    wanted_unit : {"uV", "count", "au"}
        Unit of the chunks; the stream must speak of the same kind.
    jitter_s : float
        Lateness in seconds that is never taken for missing samples, see `ChunkCutter`.
    on_state : callable or None
        Called with (state, message): searching, connected, stale (no sample for max(1 s, 3 samples, 10 chunks)), lost,
        back.
    clock : callable
        LSL seconds.
    timeout_s : float
        How long the first connection may take.

    Raises
    ------
    NoStreamError, StreamError
        If the stream is gone or cannot be opened.
    ChannelError
        If a channel is missing or doubled, or the header is absurd.
    RateError
        If the rate is not regular and finite (`pull` raises it too).
    UnitError
        If a wanted channel is in no known unit and none was declared.
    """

    def __init__(
        self,
        description: StreamDescription,
        channels: Sequence[str] | None = None,
        *,
        rest: bool = False,
        unit: str | None = None,
        wanted_unit: Unit = "uV",
        jitter_s: float = 0.0,
        on_state: OnState | None = None,
        clock: Callable[[], float] = local_clock,
        timeout_s: float = 5.0,
    ) -> None:
        self._what = f"stream '{description.name}'"
        self._wanted, self._rest, self._declared, self._jitter_s = channels, rest, unit, jitter_s
        self._unit: Unit = wanted_unit
        self._as_sent: tuple[str, ...] = ()
        self._check_core(description)
        self._clock = clock
        self._queue: deque[Chunk] = deque()
        self._sfreq, self._n_stream = description.sfreq, description.n_channels
        self._max_samples = max(math.ceil(_MAX_PULL_S * self._sfreq), 1)
        self._link = Link(description, on_state, self._agree, timeout_s)
        self._losses = 0
        self._chunk_s = 0.0
        self._last_arrival = clock()

    @property
    def description(self) -> StreamDescription:
        """The stream; its uid changes when the sender is started again."""
        return self._link.description

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the rows of every chunk, in order; first those wanted."""
        return self._channels

    @property
    def as_sent(self) -> tuple[str, ...]:
        """Those of the rest that are in no known unit, such as triggers: their numbers stand as they were sent."""
        return self._as_sent

    @property
    def state(self) -> StreamState:
        """What `on_state` was told last."""
        return self._link.state

    @property
    def stale(self) -> bool:
        """Whether no sample came for longer than one second, three samples and ten chunks."""
        return self._clock() - self._last_arrival > max(1.0, 3 / self._sfreq, 10 * self._chunk_s)

    def pull(self, timeout_s: float) -> Chunk | None:
        """The next chunk without a gap inside, as soon as it is there; None after `timeout_s`.

        Raises
        ------
        RateError
            If the time stamps show another rate than the stream declares, see `RateWatch`.
        """
        deadline = time.monotonic() + timeout_s
        while not self._queue:
            left = max(deadline - time.monotonic(), 0.0)
            self._fill(min(left, SLICE_S))
            if left <= SLICE_S or self._link.closed:
                break
        return self._queue.popleft() if self._queue else None

    def close(self) -> None:
        """Let go of the stream in less than a second; `pull` then gives None."""
        self._link.close()
        self._queue.clear()

    def _fill(self, timeout_s: float) -> None:
        """One look at the stream; what came is cut and queued."""
        was_lost = self._link.state == "lost"
        block = self._link.pull(timeout_s, self._max_samples)
        arrived_s = self._clock()
        if was_lost and self._link.state == "back":
            self._last_arrival = arrived_s
        if self._link.losses != self._losses:
            self._losses = self._link.losses
            self._cutter.interrupt()
        if block is None:
            if self.stale and self._link.state in ("connected", "back") and not self._link.closed:
                silent_s = arrived_s - self._last_arrival
                text = f"No sample of {self._what} for {silent_s:.1f} s. Check the amplifier."
                self._link.tell("stale", text)
            return
        samples, times = block
        if self._link.state == "stale":
            self._link.tell("back", f"Samples of {self._what} arrive again.")
        self._last_arrival = arrived_s
        self._chunk_s += 0.1 * (len(times) / self._sfreq - self._chunk_s)
        for chunk in self._cutter.cut(samples, times, arrived_s):
            self._queue.append(chunk)
            self._rate.add(chunk, self._cutter.slack_s)

    def _check_core(self, description: StreamDescription) -> None:
        """Refuse what cannot be a signal before anything is opened."""
        if description.text:
            raise ChannelError(f"A signal must be numbers; {self._what} carries text. Choose another stream.")
        if not 1 <= description.n_channels <= MAX_CHANNELS[self._unit]:
            raise ChannelError(
                f"A stream must have 1 to {MAX_CHANNELS[self._unit]} channels; {self._what} has "
                f"{description.n_channels}. Choose another stream."
            )
        if not (math.isfinite(description.sfreq) and 0 < description.sfreq <= MAX_SFREQ_HZ):
            raise RateError(
                f"A signal must have a regular rate of at most {MAX_SFREQ_HZ:g} Hz; {self._what} says "
                f"{description.sfreq:g} Hz (0 is irregular). Set the rate at the sender, or choose another."
            )

    def _agree(self, labels: tuple[str, ...], units: tuple[str, ...]) -> None:
        """Fix channels, order and scale from the stream's own header."""
        if labels and (len(labels) != self._n_stream or max(map(len, labels)) > _MAX_LABEL):
            sent = "more" if len(labels) > self._n_stream else len(labels)
            raise ChannelError(
                f"Each of the {self._n_stream} channels of {self._what} must have one label of at most "
                f"{_MAX_LABEL} characters; it sends {sent} labels, the longest of {max(map(len, labels))} "
                "characters. Correct the header at the sender."
            )
        present = labels or tuple(str(number + 1) for number in range(self._n_stream))
        wanted = tuple(present if self._wanted is None else self._wanted)
        order = channel_order(wanted, present, "The session", self._what)
        unit_of = dict(zip(present, units, strict=False))
        scale = [self._scale(name, unit_of.get(name, "")) for name in wanted]
        self._channels = wanted
        if self._rest:
            others = [name for name in present if name not in set(wanted)]
            known = [self._scale_if_known(name, unit_of.get(name, "")) for name in others]
            order = np.append(order, channel_order(others, present, "The recording", self._what))
            scale += [1.0 if each is None else each for each in known]
            self._channels = (*wanted, *others)
            self._as_sent = tuple(name for name, each in zip(others, known, strict=True) if each is None)
        self._cutter = ChunkCutter(order, np.array(scale), self._sfreq, self._jitter_s)
        self._rate = RateWatch(self._sfreq, self._what)

    def _scale(self, channel: str, unit: str) -> float:
        """Units wanted per unit sent of one channel; the declared unit serves where the sender's is unknown."""
        return scale_to(self._unit, unit, f"channel {channel} of {self._what}", self._declared)

    def _scale_if_known(self, channel: str, unit: str) -> float | None:
        """The same of a channel that nobody reads; None if its unit is not known."""
        try:
            return scale_to(
                self._unit, unit, f"channel {channel} of {self._what}", None if unit.strip() else self._declared
            )
        except UnitError:
            return None
