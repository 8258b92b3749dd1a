"""The connected stream without any model: seen, judged channel by channel, and recorded if that is wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import BciError, SignalError, StreamError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.signal import Marker
from bci_app.contract.units import Unit
from bci_app.engine.bad_channels import keep_bad_channels
from bci_app.engine.electrodes import ElectrodeMap, map_electrodes
from bci_app.engine.listening import MarkerListener, listen_to_markers
from bci_app.engine.live_signal import LiveSignal, SignalPlan
from bci_app.engine.quality import SECONDS, ChannelQuality, look_at, nearest_electrodes
from bci_app.engine.settings import StreamChoice
from bci_app.engine.signal_session import SignalSession
from bci_app.engine.snapshot import shown_rows, take_snapshot
from bci_app.engine.spectrum import Spectrum, welch
from bci_app.engine.topography import HeadMap
from bci_app.engine.viewing import ViewChoice, Viewing
from bci_app.engine.views import SignalSnapshot, SignalWords, Status
from bci_app.engine.worker import Worker
from bci_app.streams.lsl import find, local_clock
from bci_app.streams.ring import Ring
from bci_app.streams.source import STREAM_TYPES, StreamDescription, unit_of

KIND = "signal"
VIEW_S = 12.0
"""Seconds that can be looked at."""
_FEWEST = 300
"""Samples that can be looked at, at least: of slow signals."""
_MORE_S = 3.0
"""Held beyond those, so that what the view reads is not overwritten meanwhile."""
_LOOK_S = 0.5
_LEAST_SAMPLES = 16
"""Fewer give no spectrum."""
_WORDS: dict[Unit, tuple[str, str]] = {
    "uV": ("EEG", "channels"),
    "count": ("spike counts", "neurons"),
    "au": ("fMRI", "voxels"),
}


@dataclass
class MonitorPlan:
    """A stream that was found, and what becomes of its signal; `bad` are the channels marked so far."""

    stream: StreamChoice
    channels: tuple[str, ...]
    sfreq: float
    unit: Unit = "uV"
    folder: Path | None = None
    participant: str = ""
    watermark: str = ""
    bad: tuple[str, ...] = ()
    source_ended: Callable[[], bool] | None = None
    """Whether the sender has said its last, such as a replay at the end of its file; None for a live stream."""
    duration_s: float | None = None
    """The session ends after so many seconds."""
    title: str = "Signal"
    notes: tuple[str, ...] = ()

    @property
    def view_s(self) -> float:
        """Seconds that can be looked at: of slow signals more."""
        return max(VIEW_S, _FEWEST / self.sfreq)

    @property
    def signal(self) -> SignalPlan:
        """All channels as they are streamed."""
        spec = PreprocessingSpec(channels=self.channels, sfreq=self.sfreq, unit=self.unit, reference="none")
        name, word = _WORDS[self.unit]
        words = SignalWords(name, word, len(self.channels), self.unit, self.sfreq)
        held_s = self.view_s + max(_MORE_S, _LEAST_SAMPLES / self.sfreq)
        return SignalPlan(
            self.stream, spec, words, "The view", held_s, self.duration_s, self.folder, self.source_ended, is_read=False
        )

    @property
    def about(self) -> dict[str, Any]:
        """What is kept of it in session.json."""
        return {
            "kind": KIND,
            "participant": self.participant,
            "watermark": self.watermark,
            "signal": _WORDS[self.unit][0],
            "settings": {"stream": self.stream.model_dump(mode="json")},
        }


def plan_monitor(choice: StreamChoice, folder: Path | None = None, participant: str = "") -> MonitorPlan:
    """Look for the chosen stream and ask it for its channels; takes as long as the search, any thread.

    Raises
    ------
    StreamError
        If it is not there, or several are.
    """
    named = choice.name is not None or choice.source_id is not None
    by_type = None if named else choice.type or STREAM_TYPES["uV"]
    found = find(name=choice.name, source_id=choice.source_id, type=by_type, timeout_s=choice.timeout_s)
    stream = choice.model_copy(
        update={"name": found.name, "source_id": found.source_id or None, "type": None, "bad": ()}
    )
    channels = found.channels or tuple(str(number + 1) for number in range(found.n_channels))
    unit = unit_of(_first_unit(found), choice.unit)
    return MonitorPlan(stream, channels, found.sfreq, unit, folder, participant, bad=choice.bad)


def _first_unit(found: StreamDescription) -> str:
    """Units that differ are joined by commas; whether they can stand beside each other is checked channel by channel later."""
    return found.unit.split(",")[0]


@dataclass(frozen=True, slots=True, eq=False)
class SignalLook:
    """What the last seconds tell; `number` counts.

    `channels` are those of the view, `quality` the verdict on each from the signal as streamed, or nothing if it is too early
    or the signal is no EEG; `spectrum` that of the signal as shown; `head`, the map of those channels that are neither
    marked nor judged bad, None if too few of their places are known.
    """

    number: int
    channels: tuple[str, ...]
    quality: tuple[ChannelQuality, ...]
    spectrum: Spectrum | None
    electrodes: ElectrodeMap
    head: HeadMap | None


class Looking(Worker):
    """The looking thread: judges channels and computes spectra twice a second, so that no painting has to.

    It is made where waiting harms nobody: the first time, MNE-Python is loaded to tell where electrodes sit.
    """

    def __init__(
        self,
        raw: Ring,
        viewing: Viewing,
        channels: tuple[str, ...],
        rows: NDArray[np.intp],
        unit: Unit,
        on_failure: Callable[[str], None],
    ) -> None:
        super().__init__("looking", on_failure)
        self._raw, self._viewing, self._rows, self._unit = raw, viewing, rows, unit
        self._channels = tuple(channels[row] for row in rows)
        self._electrodes = map_electrodes(self._channels if unit == "uV" else ())
        self._neighbours = nearest_electrodes(self._channels, self._electrodes.places)
        self._head: tuple[tuple[str, ...], HeadMap | None] | None = None
        self.newest: SignalLook | None = None

    def step(self) -> bool:
        """Look at the last seconds; looking thread."""
        if self.pause(_LOOK_S):
            return False
        raw, shown = self._last(self._raw), self._last(self._viewing.shown)
        sfreq = self._raw.sfreq
        quality = () if raw is None or self._unit != "uV" else look_at(raw, sfreq, self._channels, self._neighbours)
        spectrum = None if shown is None else welch(shown, sfreq)
        judged = (each.channel for each in quality if each.grade == "bad")
        head = self._map_without(tuple(sorted({*self._viewing.choice.bad, *judged})))
        number = 1 if self.newest is None else self.newest.number + 1
        self.newest = SignalLook(number, self._channels, quality, spectrum, self._electrodes, head)
        return True

    def _map_without(self, bad: tuple[str, ...]) -> HeadMap | None:
        """The map of all channels but these; made anew only when they change."""
        if self._head is None or self._head[0] != bad:
            self._head = (bad, HeadMap.of(self._electrodes.places, bad))
        return self._head[1]

    def _last(self, ring: Ring) -> NDArray[np.float32] | None:
        """The last seconds without a gap inside (n_channels, n_times); None if they are too few."""
        newest = ring.newest
        start = max(newest - round(SECONDS * ring.sfreq), ring.oldest, min(ring.last_gap, newest))
        if newest - start < _LEAST_SAMPLES:
            return None
        try:
            return ring.read(start, newest, self._rows)[0]
        except SignalError:  # overwritten between the two lines
            return None


class MonitorSession(SignalSession):
    """A stream that is looked at; its public methods say which thread may call them.

    Parameters
    ----------
    plan : MonitorPlan
        Which stream.
    clock : callable
        LSL seconds.

    Raises
    ------
    StreamError, SignalError
        If the stream is not there, or not as it was when the plan was made; if it is recorded and its markers are not there.
    RecordingError
        If the plan's folder cannot be written.
    """

    reading = False
    """Nothing is read by a model."""

    def __init__(self, plan: MonitorPlan, clock: Callable[[], float] = local_clock) -> None:
        super().__init__(plan, clock)
        self.plan = plan
        self.bad = plan.bad
        self._shown_markers: deque[Marker] = deque(maxlen=1000)
        self._n_markers = 0
        self._rows = shown_rows(len(plan.channels))
        with ExitStack() as undo:
            self._live = LiveSignal(plan.signal, self._telling, clock)
            undo.callback(self._live.close)
            self._live.acquisition.leave_alone(plan.bad)
            raw, failed = self._live.ring, self._telling.failed
            self._viewing = Viewing(raw, plan.channels, plan.unit, plan.view_s, failed)
            self._looking = Looking(raw, self._viewing, plan.channels, self._rows, plan.unit, failed)
            self._viewing.choose(ViewChoice(bad=plan.bad))
            self._listener = self._new_listener()
            if self._listener is not None:
                undo.callback(self._listener.close)
            self._begin_recording()
            if plan.folder is not None:
                keep_bad_channels(plan.folder, plan.bad)
            undo.pop_all()

    def _new_listener(self) -> MarkerListener | None:
        """Without its markers the signal can still be looked at, and that they are missing is said; a recording without them
        would be worth nothing, so there is none."""
        try:
            return listen_to_markers(self._live, self._marker_heard, self._telling)
        except BciError as error:
            if self.plan.folder is not None:
                raise StreamError(
                    f"The markers are missing, so nothing is recorded. {error} To record the signal alone, name no markers."
                ) from None
            self._notes = (*self._notes, f"The signal is shown without markers. {error}")
            return None

    # -- for the window --------------------------------------------------------------------------------------------

    def signal_snapshot(self, seconds: float) -> SignalSnapshot | None:
        """The newest `seconds` as they are to be shown; None before the first sample. Any thread."""
        return take_snapshot(self._viewing.shown, self.plan.channels, self._rows, tuple(self._shown_markers), seconds)

    def look(self) -> SignalLook | None:
        """What the last seconds tell; None before the first look. Any thread."""
        return self._looking.newest

    @property
    def shown_channels(self) -> tuple[str, ...]:
        """All channels, or of very many a selection. Any thread."""
        return tuple(self.plan.channels[row] for row in self._rows)

    @property
    def view(self) -> ViewChoice:
        """How the signal is shown. Any thread."""
        return self._viewing.choice

    @property
    def view_spec(self) -> PreprocessingSpec:
        """The filters through which it is shown. Any thread."""
        return self._viewing.spec

    def show_as(self, choice: ViewChoice) -> None:
        """Show the signal in another way; what is recorded does not change. Any thread.

        Raises
        ------
        SettingsError, ChannelError
            If that cannot be; then nothing changes.
        """
        self._viewing.choose(replace(choice, bad=self.bad))

    def mark_bad(self, channels: tuple[str, ...]) -> None:
        """These channels, and no others, are bad from now on; kept with the session. Owner's thread.

        Raises
        ------
        SettingsError
            If the average of the view would have no channel left; then nothing changes.
        RecordingError
            If the session is recorded and the disk refuses.
        """
        self._viewing.choose(replace(self._viewing.choice, bad=channels))
        self.bad = channels
        self._live.acquisition.leave_alone(channels)
        if self.plan.folder is not None:
            keep_bad_channels(self.plan.folder, channels)

    def status(self) -> Status:
        """Stream and recording in plain words. Any thread."""
        recorded = f"Recording, {self._live.acquisition.n_raw / self.plan.sfreq:.0f} s"
        if self._listener is not None:
            recorded += f", {self._n_markers:,} marker{'s' if self._n_markers != 1 else ''}"
        return Status(
            stream=self._live.text,
            stream_ok=self._live.connected,
            model="no model",
            device="",
            device_ok=True,
            progress="" if self.plan.folder is None else recorded,
            watermark=self.plan.watermark,
        )

    @property
    def counts(self) -> dict[str, int]:
        """Samples, gaps and markers received. Any thread."""
        return {**self._live.counts, "markers": self._n_markers}

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        """No picture is shown in such a session. GUI thread."""

    # -- from the workers --------------------------------------------------------------------------------------------

    def _workers(self) -> tuple[Worker, ...]:
        everyone = (self._live.recorder, self._live.acquisition, self._viewing, self._looking, self._listener)
        return tuple(worker for worker in everyone if worker is not None)

    def _marker_heard(self, marker: Marker) -> None:
        self._n_markers += 1
        self._shown_markers.append(marker)
        self._live.note(marker, marker.label)
