"""The signal of a session: inlet, filters, ring, recorder, and what the window shows of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bci_app.contract.checks import check_rate
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.signal import Chunk, Marker
from bci_app.engine.acquisition import Acquisition, Ending
from bci_app.engine.events import Finished, Problem, StreamChanged
from bci_app.engine.recorder import Recorder
from bci_app.engine.settings import StreamChoice
from bci_app.engine.snapshot import shown_rows, take_snapshot
from bci_app.engine.telling import Telling
from bci_app.engine.views import SignalSnapshot, SignalWords
from bci_app.streams.lsl import find
from bci_app.streams.lsl_source import LslSource
from bci_app.streams.ring import Ring
from bci_app.streams.source import STREAM_TYPES, StreamState


@dataclass(frozen=True, slots=True)
class SignalPlan:
    """Which signal a session needs, and what becomes of it.

    Attributes
    ----------
    stream : StreamChoice
        Where it comes from.
    preprocessing : PreprocessingSpec
        Channels, unit, filters.
    words : SignalWords
        What it is called.
    wanted_by : str
        Who needs this rate and these channels, for messages: ``"Bundle 'x'"``.
    buffer_s : float
        Seconds held.
    duration_s : float or None
        The session ends after so many seconds.
    folder : Path or None
        Where it is recorded.
    source_ended : callable or None
        Whether the sender has said its last; None for a live stream.
    is_read : bool
        Whether a model reads it as it comes.
    """

    stream: StreamChoice
    preprocessing: PreprocessingSpec
    words: SignalWords
    wanted_by: str
    buffer_s: float
    duration_s: float | None = None
    folder: Path | None = None
    source_ended: Callable[[], bool] | None = None
    is_read: bool = True


class LiveSignal:
    """The connected stream of a session; its workers are started and stopped by the session.

    Parameters
    ----------
    plan : SignalPlan
        Which signal.
    telling : Telling
        Gets states of the stream and problems.
    clock : callable
        LSL seconds.
    on_state : callable
        Takes the state of the stream before it is told: to hold what must not go on without it. Acquisition thread.
    on_end : callable, optional
        Takes the reason when no more signal is to come, and sees to the end of the session; by default it ends at once.
        Acquisition thread.

    Raises
    ------
    StreamError, SignalError
        If the stream is not there, or another one than needed.
    """

    def __init__(
        self,
        plan: SignalPlan,
        telling: Telling,
        clock: Callable[[], float],
        on_state: Callable[[StreamState], None] = lambda state: None,
        on_end: Callable[[str], None] | None = None,
    ) -> None:
        self.plan = plan
        self.state: StreamState = "searching"
        self.state_text = "Looking for the stream"
        self._telling = telling
        self._on_state = on_state
        self._markers: deque[Marker] = deque(maxlen=1000)
        self._rows = shown_rows(plan.words.n_channels)
        spec = plan.preprocessing
        self.ring = Ring(len(spec.channels), spec.output_sfreq, plan.buffer_s)
        with ExitStack() as undo:
            self.source = self._connect(clock)
            undo.callback(self.source.close)
            self.recorder: Recorder | None = None
            self.acquisition = Acquisition(
                self.source,
                Preprocessor(spec),
                self.ring,
                telling.problem,
                telling.failed,
                None if plan.folder is None else self._record_raw,
                clock,
                Ending(
                    on_end or (lambda reason: telling.tell(Finished(reason, fatal=False))),
                    plan.duration_s or math.inf,
                    plan.stream.give_up_s,
                    plan.source_ended,
                ),
                plan.is_read,
            )
            self.acquisition.leave_alone(plan.stream.bad)
            undo.pop_all()

    def _connect(self, clock: Callable[[], float]) -> LslSource:
        choice, spec = self.plan.stream, self.plan.preprocessing
        by_type = choice.type or STREAM_TYPES[spec.unit] if choice.name is None and choice.source_id is None else None
        description = find(name=choice.name, source_id=choice.source_id, type=by_type, timeout_s=choice.timeout_s)
        check_rate(spec.sfreq, description.sfreq, self.plan.wanted_by, f"stream '{description.name}'")
        return LslSource(
            description,
            spec.channels,
            rest=self.plan.folder is not None,
            unit=choice.unit,
            wanted_unit=spec.unit,
            on_state=self._changed,
            clock=clock,
        )

    def record(self) -> None:
        """Make the files of the recording, if there is to be one: when nothing else may refuse any more.

        All channels of the stream are recorded, whatever few of them are read.

        Raises
        ------
        RecordingError
            If the folder cannot be written.
        """
        if self.plan.folder is not None:
            spec, source, telling = self.plan.preprocessing, self.source, self._telling
            self.recorder = Recorder(
                self.plan.folder,
                source.channels,
                spec.sfreq,
                telling.problem,
                telling.failed,
                spec.unit,
                source.as_sent,
            )

    def _record_raw(self, chunk: Chunk) -> None:
        if self.recorder is not None:
            self.recorder.raw(chunk)

    def close(self) -> None:
        """Let go of the stream; after the workers have stopped."""
        self.source.close()

    @property
    def connected(self) -> bool:
        """Whether samples come; any thread."""
        return self.state in ("connected", "back")

    @property
    def text(self) -> str:
        """The stream in plain words; any thread."""
        description, words = self.source.description, self.plan.words
        channels = "ch" if words.name == "EEG" else words.channels
        rate = f"{description.name} · {len(self.plan.preprocessing.channels):,} {channels} · {description.sfreq:g} Hz"
        return rate if self.connected else f"{self.state}: {rate}"

    @property
    def counts(self) -> dict[str, int]:
        """Samples and gaps received; any thread."""
        return {"raw_samples": self.acquisition.n_raw, "gaps": self.acquisition.n_gaps}

    def note(self, marker: Marker, caption: str) -> None:
        """Record a marker, and show it as `caption` over the signal; any thread."""
        self._markers.append(Marker(marker.time, caption))
        if self.recorder is not None:
            self.recorder.marker(marker)

    def snapshot(self, seconds: float) -> SignalSnapshot | None:
        """The newest `seconds` of preprocessed signal; None before the first sample. Any thread."""
        return take_snapshot(self.ring, self.plan.preprocessing.channels, self._rows, tuple(self._markers), seconds)

    def _changed(self, state: StreamState, message: str) -> None:
        self.state, self.state_text = state, message
        self._on_state(state)
        self._telling.tell(StreamChanged(state, message))
        self.remember_trouble(state, message)

    def remember_trouble(self, state: StreamState, message: str) -> bool:
        """Whether this is trouble; then it is kept for the report. The end of a replay is none."""
        trouble = state in ("stale", "lost", "back") and self.plan.source_ended is None
        if trouble:
            self._telling.remember(message)
        return trouble

    def marker_stream_changed(self, state: StreamState, message: str) -> None:
        """Without markers nothing is cut: the user is told in words, since no panel shows it. Marker thread."""
        if self.remember_trouble(state, message):
            self._telling.emit(Problem(message, fatal=False))
