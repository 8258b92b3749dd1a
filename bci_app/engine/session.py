"""The composition root: builds the workers of a session, starts them in order and stops them in reverse."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.signal import Marker, Trial
from bci_app.contract.windowing import AHEAD_S, HopWindows, MarkerTrials, TrialSpec, marker_latency_s, reach_s
from bci_app.engine.events import TrialRead
from bci_app.engine.evidence import RunningIdentification
from bci_app.engine.latency import LatencyLog
from bci_app.engine.listening import MarkerListener, listen_to_markers
from bci_app.engine.live_image import Reader, Shown, SlidingDecoding, TrialDecoding
from bci_app.engine.live_signal import LiveSignal
from bci_app.engine.mailbox import Mailbox
from bci_app.engine.plan import REPLAY_AHEAD_S, SessionPlan
from bci_app.engine.presentation import Presenter
from bci_app.engine.signal_session import SignalSession
from bci_app.engine.views import Identification, LatencyRow, Reconstruction, Status
from bci_app.engine.worker import Worker
from bci_app.pictures.picture import Picture
from bci_app.streams.lsl import local_clock
from bci_app.streams.source import StreamState


class Session(SignalSession):
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
        super().__init__(plan, clock)
        self.plan = plan
        self.shows_pictures = plan.pictures is not None
        self.reconstructions: Mailbox[Reconstruction] = Mailbox()
        self.latency = LatencyLog(with_age=plan.stamps_are_live)
        self.n_dropped = 0
        self._reader = Reader(plan.decoder, plan.generator, clock)
        self._evidence = RunningIdentification(plan.decoder.latent_mean)
        self._rng = np.random.default_rng(plan.settings.seed)
        self._presenter: Presenter | None = None
        self._n_foreign = 0
        with ExitStack() as undo:
            if plan.outlets is not None:
                undo.callback(plan.outlets.close)
            plan.check()
            self._live = LiveSignal(plan.signal, self._telling, clock, self._hold_pictures)
            undo.callback(self._live.close)
            self._decoding = self._new_decoding()
            self._listener = self._new_listener()
            if self._listener is not None:
                undo.callback(self._listener.close)
            self._presenter = self._new_presenter()
            self._live.record()
            undo.pop_all()

    # -- building ------------------------------------------------------------------------------------------------

    def _new_decoding(self) -> SlidingDecoding | TrialDecoding:
        cut, sfreq = self.plan.decoder.manifest.cut, self._live.ring.sfreq
        decimation = self.plan.decoder.manifest.preprocessing.decimation
        if isinstance(cut, TrialSpec):
            trials = MarkerTrials(cut, sfreq, decimation, AHEAD_S if self.plan.stamps_are_live else REPLAY_AHEAD_S)
            return TrialDecoding(
                trials,
                self._live.ring,
                self._reader,
                self.reconstructions,
                self._trial_read,
                self._trial_dropped,
                self._telling.failed,
            )
        return SlidingDecoding(
            HopWindows(cut, sfreq), self._live.ring, self._reader, self.reconstructions, self._telling.failed
        )

    def _new_listener(self) -> MarkerListener | None:
        return None if self.shows_pictures else listen_to_markers(self._live, self._marker_heard, self._telling)

    def _new_presenter(self) -> Presenter | None:
        if self.plan.pictures is None or self.plan.settings.presentation is None or self.plan.outlets is None:
            return None
        return Presenter(
            self.plan.settings.presentation,
            self.plan.pictures,
            self.plan.generator,
            self._telling.tell,
            self._announce,
            self._picture_on_screen,
            self._telling.failed,
            self.clock,
            patience_s=10.0 + reach_s(self.plan.decoder.manifest.cut) + 3 / self._live.ring.sfreq,
        )

    # -- for the window --------------------------------------------------------------------------------------------

    def stop(self, timeout_s: float = 2.0) -> None:
        """As `SignalSession.stop`, and end the streams that announce pictures. Owner's thread."""
        super().stop(timeout_s)
        if self.plan.outlets is not None:
            self.plan.outlets.close()

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        """The picture of `trial` was painted at `at_s` (LSL seconds). GUI thread."""
        if self._presenter is not None:
            self._presenter.painted(trial, at_s)

    def handed_to_qt(self, reconstruction: Reconstruction, at_s: float) -> None:
        """`reconstruction` was given to Qt at `at_s` (LSL seconds). GUI thread."""
        self.latency.add(reconstruction, at_s)

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
            stream=self._live.text,
            stream_ok=self._live.connected,
            model=f"{decoder.manifest.name}{later} → {self.plan.generator.manifest.name}",
            device=decoder.device,
            device_ok=decoder.fell_back is None,
            progress="" if self._presenter is None else self._presenter.text,
            watermark=self.plan.watermark,
        )

    @property
    def counts(self) -> dict[str, int]:
        """Samples and gaps received, windows or trials read and not read, pictures overwritten unseen. Any thread."""
        skipped = self._decoding.windows.skipped if isinstance(self._decoding, SlidingDecoding) else 0
        return {
            **self._live.counts,
            "read": self._reader.n_read,
            "windows_skipped": skipped,
            "pictures_overwritten": self.reconstructions.overwritten,
            "markers_without_trial": self.n_dropped,
        }

    def trial_latents(self) -> dict[str, NDArray[np.float32]]:
        """Latents (n_trials, latent_dim) ``read``, read from ``noise``, and ``shown``; after `stop`. Any thread."""
        return self._evidence.latents()

    # -- from the workers --------------------------------------------------------------------------------------------

    def _workers(self) -> tuple[Worker, ...]:
        everyone = (self._live.recorder, self._live.acquisition, self._decoding, self._listener, self._presenter)
        return tuple(worker for worker in everyone if worker is not None)

    def _hold_pictures(self, state: StreamState) -> None:
        if self._presenter is not None:
            self._presenter.hold(state not in ("connected", "back"))

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
        self._live.note(marker, caption)
        if isinstance(self._decoding, TrialDecoding):
            self._decoding.add(marker, shown)

    def _trial_read(self, trial: Trial, result: Reconstruction, shown: Shown | None) -> None:
        if shown is None:
            self._record_foreign(trial, result)
            return
        noise = self._reader.read_noise(self._rng)
        score = self._evidence.add(result.latent, noise, shown.latent)
        if self._live.recorder is not None:
            self._record(trial, result, shown, noise, score)
        self._telling.tell(TrialRead(shown.trial, shown.picture, result.image, score))
        if self._presenter is not None:
            self._presenter.trial_done(shown.trial, read=True)

    def _record(
        self, trial: Trial, result: Reconstruction, shown: Shown, noise: NDArray[np.float32], score: float
    ) -> None:
        assert self._live.recorder is not None
        name = f"trial_{shown.trial:04d}"
        self._live.recorder.picture(f"{name}_shown", shown.picture.image)
        self._live.recorder.picture(f"{name}_read", result.image)
        self._live.recorder.trial(
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
        if self._live.recorder is None:
            return
        self._live.recorder.picture(f"trial_{self._n_foreign:04d}_read", result.image)
        self._live.recorder.trial(
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
        self._telling.now_and_then(reason, f"No trial for the marker {marker.label}: {reason}.", self.clock())
        if shown is not None and self._presenter is not None:
            self._presenter.trial_done(shown.trial, read=False)
