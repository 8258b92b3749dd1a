"""The composition root: builds the workers of a session, starts them in order and stops them in reverse."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.checks import check_rate
from bci_app.contract.preprocessing import Preprocessor
from bci_app.contract.signal import Marker, Trial
from bci_app.contract.windowing import AHEAD_S, HopWindows, MarkerTrials, TrialSpec, marker_latency_s, reach_s
from bci_app.engine.acquisition import Acquisition, Ending
from bci_app.engine.events import Event, Finished, Problem, StreamChanged, TrialRead
from bci_app.engine.evidence import RunningIdentification
from bci_app.engine.latency import LatencyLog
from bci_app.engine.listening import MarkerListener
from bci_app.engine.live_image import Reader, Shown, SlidingDecoding, TrialDecoding
from bci_app.engine.mailbox import Mailbox
from bci_app.engine.plan import SessionPlan
from bci_app.engine.presentation import Presenter
from bci_app.engine.recorder import Recorder
from bci_app.engine.snapshot import shown_rows, take_snapshot
from bci_app.engine.views import Identification, LatencyRow, Reconstruction, SignalSnapshot, SignalWords, Status
from bci_app.pictures.picture import Picture
from bci_app.streams.lsl import find, local_clock
from bci_app.streams.lsl_source import LslSource
from bci_app.streams.markers import MarkerInlet
from bci_app.streams.ring import Ring
from bci_app.streams.source import STREAM_TYPES, StreamState

logger = logging.getLogger(__name__)

_RECORDER_S = 30.0
_REMIND_AFTER_S = 10.0
_REPLAY_AHEAD_S = 600.0  # a fast replay sends that much in a dozen seconds


class Session:
    """A running session; its public methods say which thread may call them.

    Parameters
    ----------
    plan : SessionPlan
        What to run.
    clock : callable
        LSL seconds.

    Raises
    ------
    SettingsError
        If the parts of the plan cannot go together.
    StreamError, SignalError
        If the stream is not there, or not of the kind the decoder was made for.
    RecordingError
        If the plan's folder cannot be written.
    """

    def __init__(self, plan: SessionPlan, clock: Callable[[], float] = local_clock) -> None:
        self.plan = plan
        self.clock = clock
        self.title = plan.title
        self.shows_pictures = plan.pictures is not None
        self.signal = SignalWords.of(plan.decoder.manifest)
        self._shown_rows = shown_rows(self.signal.n_channels)
        self.reconstructions: Mailbox[Reconstruction] = Mailbox()
        self.latency = LatencyLog(with_age=plan.stamps_are_live)
        self.n_dropped = 0
        self._reader = Reader(plan.decoder, plan.generator, clock)
        self._evidence = RunningIdentification(plan.decoder.latent_mean)
        self._rng = np.random.default_rng(plan.settings.seed)
        self._emit: Callable[[Event], None] = lambda event: None
        self._state: StreamState = "searching"
        self._state_text = "Looking for the stream"
        self._markers: deque[Marker] = deque(maxlen=1000)
        self._lock = threading.Lock()
        self.ended: Finished | None = None
        self.problems: list[str] = []
        self._stopped = False
        self._presenter: Presenter | None = None
        self._n_foreign = 0
        self._told_dropped: dict[str, float] = {}
        with ExitStack() as undo:
            if plan.outlets is not None:
                undo.callback(plan.outlets.close)
            plan.check()
            self._source = self._connect()
            undo.callback(self._source.close)
            self._build(undo)
            undo.pop_all()

    # -- building ------------------------------------------------------------------------------------------------

    def _build(self, undo: ExitStack) -> None:
        plan, spec = self.plan, self.plan.decoder.manifest.preprocessing
        self._ring = Ring(len(spec.channels), spec.output_sfreq, plan.buffer_s)
        self._decoding = self._new_decoding()
        self._listener = self._new_listener()
        if self._listener is not None:
            undo.callback(self._listener.close)
        self._presenter = self._new_presenter()
        self._recorder = self._new_recorder()  # last of those that may refuse: it makes files
        self._acquisition = Acquisition(
            self._source,
            Preprocessor(spec),
            self._ring,
            self._problem,
            self._failed,
            None if self._recorder is None else self._recorder.raw,
            self.clock,
            Ending(
                lambda reason: self._tell(Finished(reason, fatal=False)),
                plan.settings.duration_s or math.inf,
                plan.settings.stream.give_up_s,
                plan.source_ended,
            ),
        )

    def _connect(self) -> LslSource:
        choice, manifest = self.plan.settings.stream, self.plan.decoder.manifest
        unit = manifest.preprocessing.unit
        by_type = choice.type or STREAM_TYPES[unit] if choice.name is None and choice.source_id is None else None
        description = find(name=choice.name, source_id=choice.source_id, type=by_type, timeout_s=choice.timeout_s)
        check_rate(manifest.sfreq, description.sfreq, f"Bundle '{manifest.name}'", f"stream '{description.name}'")
        return LslSource(
            description,
            manifest.channels,
            unit=choice.unit,
            wanted_unit=unit,
            on_state=self._stream_changed,
            clock=self.clock,
        )

    def _new_recorder(self) -> Recorder | None:
        if self.plan.folder is None:
            return None
        spec = self.plan.decoder.manifest.preprocessing
        return Recorder(self.plan.folder, spec.channels, spec.sfreq, self._problem, self._failed, spec.unit)

    def _new_decoding(self) -> SlidingDecoding | TrialDecoding:
        cut, sfreq = self.plan.decoder.manifest.cut, self._ring.sfreq
        decimation = self.plan.decoder.manifest.preprocessing.decimation
        if isinstance(cut, TrialSpec):
            trials = MarkerTrials(cut, sfreq, decimation, AHEAD_S if self.plan.stamps_are_live else _REPLAY_AHEAD_S)
            return TrialDecoding(
                trials,
                self._ring,
                self._reader,
                self.reconstructions,
                self._trial_read,
                self._trial_dropped,
                self._failed,
            )
        return SlidingDecoding(HopWindows(cut, sfreq), self._ring, self._reader, self.reconstructions, self._failed)

    def _new_listener(self) -> MarkerListener | None:
        name = self.plan.settings.stream.markers
        if self.shows_pictures or name is None:
            return None
        inlet = MarkerInlet(
            find(name=name, timeout_s=self.plan.settings.stream.timeout_s), on_state=self._marker_stream_changed
        )
        return MarkerListener(inlet, self._marker_heard, self._failed)

    def _new_presenter(self) -> Presenter | None:
        if self.plan.pictures is None or self.plan.settings.presentation is None or self.plan.outlets is None:
            return None
        return Presenter(
            self.plan.settings.presentation,
            self.plan.pictures,
            self.plan.generator,
            self._tell,
            self._announce,
            self._picture_on_screen,
            self._failed,
            self.clock,
            patience_s=10.0 + reach_s(self.plan.decoder.manifest.cut) + 3 / self._ring.sfreq,
        )

    # -- for the window --------------------------------------------------------------------------------------------

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Begin; `on_event` is called from the session's threads. From the thread that owns the session."""
        self._emit = on_event
        on_event(StreamChanged(self._state, self._state_text))
        for note in self.plan.notes:
            self._problem(note)
        for worker in self._workers():
            worker.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End all workers, last started first, within `timeout_s` seconds; may be called twice. Owner's thread."""
        if self._stopped:
            return
        self._stopped = True
        workers = list(reversed(self._workers()))
        deadline = time.monotonic() + timeout_s
        for worker in workers:
            if worker is not self._recorder:
                worker.stop()
        for worker in workers:
            worker.stop()
            if worker is not self._recorder and not worker.join(max(deadline - time.monotonic(), 0.05)):
                logger.warning("the %s thread did not end within %.1f s", worker.name, timeout_s)
        self._let_the_recorder_finish()
        self._source.close()
        if self.plan.outlets is not None:
            self.plan.outlets.close()

    def _let_the_recorder_finish(self) -> None:
        """What was recorded comes before a prompt end: a slow disk gets half a minute."""
        if self._recorder is not None and not self._recorder.join(_RECORDER_S):
            self._failed(
                f"The recording was to be written to '{self.plan.folder}' within {_RECORDER_S:g} s after the end; "
                f"{self._recorder.n_waiting} pieces are still waiting and are lost. Record to a faster disk."
            )

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        """The picture of `trial` was painted at `at_s` (LSL seconds). GUI thread."""
        if self._presenter is not None:
            self._presenter.painted(trial, at_s)

    def handed_to_qt(self, reconstruction: Reconstruction, at_s: float) -> None:
        """`reconstruction` was given to Qt at `at_s` (LSL seconds). GUI thread."""
        self.latency.add(reconstruction, at_s)

    def signal_snapshot(self, seconds: float) -> SignalSnapshot | None:
        """The newest `seconds` of preprocessed signal; None before the first sample. Any thread."""
        return take_snapshot(self._ring, self._source.channels, self._shown_rows, tuple(self._markers), seconds)

    @property
    def reading(self) -> bool:
        """Whether a window is being read at this moment. Any thread."""
        return self._reader.reading

    def identification(self) -> Identification:
        """Running identification of decoder and noise twin. Any thread."""
        return self._evidence.curves()

    def latencies(self) -> tuple[LatencyRow, ...]:
        """Percentiles of each step. Any thread."""
        return self.latency.rows()

    def status(self) -> Status:
        """Stream, model and device in plain words. Any thread."""
        decoder = self.plan.decoder
        latency_s = marker_latency_s(decoder.manifest.cut)
        later = f" (onset {1000 * latency_s:+.0f} ms)" if latency_s else ""
        return Status(
            stream=self._stream_text(),
            stream_ok=self._state in ("connected", "back"),
            model=f"{decoder.manifest.name}{later} → {self.plan.generator.manifest.name}",
            device=decoder.device,
            device_ok=decoder.fell_back is None,
            progress="" if self._presenter is None else self._presenter.text,
            watermark=self.plan.watermark,
        )

    def _stream_text(self) -> str:
        description = self._source.description
        channels = "ch" if self.signal.name == "EEG" else self.signal.channels
        rate = f"{description.name} · {len(self._source.channels):,} {channels} · {description.sfreq:g} Hz"
        return rate if self._state in ("connected", "back") else f"{self._state}: {rate}"

    @property
    def counts(self) -> dict[str, int]:
        """Samples and gaps received, windows or trials read and not read, pictures overwritten unseen. Any thread."""
        skipped = self._decoding.windows.skipped if isinstance(self._decoding, SlidingDecoding) else 0
        return {
            "raw_samples": self._acquisition.n_raw,
            "gaps": self._acquisition.n_gaps,
            "read": self._reader.n_read,
            "windows_skipped": skipped,
            "pictures_overwritten": self.reconstructions.overwritten,
            "markers_without_trial": self.n_dropped,
        }

    def trial_latents(self) -> dict[str, NDArray[np.float32]]:
        """Latents (n_trials, latent_dim) ``read``, read from ``noise``, and ``shown``; after `stop`. Any thread."""
        return self._evidence.latents()

    # -- from the workers --------------------------------------------------------------------------------------------

    def _workers(
        self,
    ) -> tuple[Acquisition | Recorder | SlidingDecoding | TrialDecoding | MarkerListener | Presenter, ...]:
        everyone = (self._recorder, self._acquisition, self._decoding, self._listener, self._presenter)
        return tuple(worker for worker in everyone if worker is not None)

    def _tell(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Finished):
                if self.ended is not None:
                    return
                self.ended = event
            elif isinstance(event, Problem):
                self.problems.append(event.message)
        if isinstance(event, Problem) and not event.fatal:
            logger.warning("%s", event.message)
        self._emit(event)

    def _problem(self, message: str) -> None:
        self._tell(Problem(message, fatal=False))

    def _failed(self, message: str) -> None:
        self._tell(Problem(message, fatal=True))
        self._tell(Finished(message, fatal=True))

    def _stream_changed(self, state: StreamState, message: str) -> None:
        self._state, self._state_text = state, message
        if self._presenter is not None:
            self._presenter.hold(state not in ("connected", "back"))
        self._tell(StreamChanged(state, message))
        self._remember_trouble(state, message)

    def _marker_stream_changed(self, state: StreamState, message: str) -> None:
        """Without markers there are no trials: the user is told in words, since no panel shows it."""
        if self._remember_trouble(state, message):
            self._emit(Problem(message, fatal=False))

    def _remember_trouble(self, state: StreamState, message: str) -> bool:
        """Whether this is trouble; then it is logged and kept for the report. The end of a replay is none."""
        trouble = state in ("stale", "lost", "back") and self.plan.source_ended is None
        if trouble:
            logger.warning("%s", message)
            with self._lock:
                self.problems.append(message)
        return trouble

    def _announce(self, picture: Picture) -> None:
        if self.plan.outlets is not None and self.plan.outlets.pictures is not None:
            self.plan.outlets.pictures.send(picture, self.clock())

    def _picture_on_screen(self, shown: Shown, at_s: float) -> None:
        marker = Marker(at_s, f"shown/{shown.picture.id}")
        if self.plan.outlets is not None:
            self.plan.outlets.markers.push(marker.label, at_s)
        self._note(marker, shown, shown.picture.label)

    def _marker_heard(self, marker: Marker) -> None:
        self._note(marker, None, marker.label)

    def _note(self, marker: Marker, shown: Shown | None, caption: str) -> None:
        self._markers.append(Marker(marker.time, caption))
        if self._recorder is not None:
            self._recorder.marker(marker)
        if isinstance(self._decoding, TrialDecoding):
            self._decoding.add(marker, shown)

    def _trial_read(self, trial: Trial, result: Reconstruction, shown: Shown | None) -> None:
        if shown is None:
            self._record_foreign(trial, result)
            return
        noise = self._reader.read_noise(self._rng)
        score = self._evidence.add(result.latent, noise, shown.latent)
        if self._recorder is not None:
            self._record(trial, result, shown, noise, score)
        self._tell(TrialRead(shown.trial, shown.picture, result.image, score))
        if self._presenter is not None:
            self._presenter.trial_done(shown.trial, read=True)

    def _record(
        self, trial: Trial, result: Reconstruction, shown: Shown, noise: NDArray[np.float32], score: float
    ) -> None:
        assert self._recorder is not None
        name = f"trial_{shown.trial:04d}"
        self._recorder.picture(f"{name}_shown", shown.picture.image)
        self._recorder.picture(f"{name}_read", result.image)
        self._recorder.trial(
            {
                "trial": shown.trial,
                "marker": trial.marker.label,
                "picture": shown.picture.id,
                "onset_s": trial.marker.time,
                "identified": None if np.isnan(score) else score,
                "latent_read": result.latent.tolist(),
                "latent_noise": noise.tolist(),
                "latent_shown": shown.latent.tolist(),
            }
        )

    def _record_foreign(self, trial: Trial, result: Reconstruction) -> None:
        """A trial round somebody else's marker: what was shown is not known, so nothing is scored."""
        if self._recorder is None:
            return
        self._recorder.picture(f"trial_{self._n_foreign:04d}_read", result.image)
        self._recorder.trial(
            {
                "trial": self._n_foreign,
                "marker": trial.marker.label,
                "picture": None,
                "onset_s": trial.marker.time,
                "identified": None,
                "latent_read": result.latent.tolist(),
            }
        )
        self._n_foreign += 1

    def _trial_dropped(self, marker: Marker, reason: str, shown: Shown | None) -> None:
        self.n_dropped += 1
        if self.clock() - self._told_dropped.get(reason, -math.inf) > _REMIND_AFTER_S:
            self._told_dropped[reason] = self.clock()
            self._problem(f"No trial for the marker {marker.label}: {reason}.")
        if shown is not None and self._presenter is not None:
            self._presenter.trial_done(shown.trial, read=False)
