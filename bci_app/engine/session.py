"""The composition root: builds the workers of a session, starts them in order and stops them in reverse."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.signal import Marker, Trial
from bci_app.contract.windowing import AHEAD_S, HopWindows, MarkerTrials, TrialSpec, marker_latency_s, reach_s
from bci_app.engine.events import ModelsChanged, ModelsRefused, TrialRead
from bci_app.engine.evidence import RunningIdentification
from bci_app.engine.latency import AlgorithmicLatency, LatencyLog, algorithmic_latency
from bci_app.engine.listening import MarkerListener, listen_to_markers
from bci_app.engine.live_image import Reader, Shown, SlidingDecoding, TrialDecoding
from bci_app.engine.live_signal import LiveSignal
from bci_app.engine.mailbox import Mailbox
from bci_app.engine.nearest import KnownPictures
from bci_app.engine.plan import REPLAY_AHEAD_S, SessionPlan
from bci_app.engine.presentation import Presenter
from bci_app.engine.session_file import update_session
from bci_app.engine.signal_session import SignalSession
from bci_app.engine.swap import Found, Models, Opening, check_exchange, find_decoders
from bci_app.engine.views import Identification, LatencyRow, Reconstruction, Status
from bci_app.engine.worker import Worker
from bci_app.pictures.picture import Picture, resize
from bci_app.pictures.shown import picture_label
from bci_app.streams.lsl import local_clock
from bci_app.streams.source import StreamState

_KNOWN_PER_TRIAL = 8
"""Pictures of the calibration that are encoded after each trial, to be compared with what is read."""


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

    Attributes
    ----------
    plan : SessionPlan
        What is run; after an exchange of models it names the new ones.
    shows_pictures, knows_pictures : bool
        Whether it presents pictures; whether it knows what is on screen, so that what is read can be scored.
    """

    def __init__(self, plan: SessionPlan, clock: Callable[[], float] = local_clock) -> None:
        super().__init__(plan, clock)
        self.plan = plan
        self.shows_pictures = plan.pictures is not None
        self.knows_pictures = self.shows_pictures or bool(plan.shown)
        self.reconstructions: Mailbox[Reconstruction] = Mailbox()
        self.latency = LatencyLog(with_age=plan.stamps_are_live)
        self.n_dropped = 0
        self._reader = Reader(plan.decoder, plan.generator, clock, self._exchanged)
        self._evidence = RunningIdentification(plan.decoder.latent_mean)
        self._known = KnownPictures()
        self._to_know = self._reader.models.calibration_pictures()
        self._opening: Opening | None = None
        self._ready_s = np.nan
        self._encoded_by = plan.generator
        self._trained_on = frozenset(plan.decoder.manifest.trained_on if plan.shown else ())
        """Pictures that the decoder knows; those of the first one are not presented, see `endless`."""
        self._rng = np.random.default_rng(plan.settings.seed)
        self._presenter: Presenter | None = None
        self._numbers = count()  # of trials that were not presented here
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
            self._begin_recording()
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
        windows = HopWindows(cut, sfreq)
        return SlidingDecoding(
            windows, self._live.ring, self._reader, self.reconstructions, self._window_read, self._telling.failed
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
        """Whether a window is being read at this moment, or is about to be. Any thread."""
        return self._reader.reading or (isinstance(self._decoding, SlidingDecoding) and self._decoding.due)

    def swap(self, decoder: Path, generator: Path | None = None) -> None:
        """Read with other models as soon as they are opened and verified; GUI thread, returns at once.

        Nothing else changes: acquisition, filters and ring go on. `ModelsChanged` or `ModelsRefused` follows.

        Parameters
        ----------
        decoder, generator : Path
            Bundles; None for the generator in use.
        """
        if self._opening is not None and not self._opening.done:
            self._refused("Other models are being opened at this moment. Wait until they read, and ask again.")
            return
        settings = self.plan.settings
        self._opening = Opening(
            decoder,
            generator,
            lambda: self._reader.models,
            settings.device,
            settings.require_gpu,
            self.exchange,
            self._refused,
        )
        self._opening.start()

    def exchange(self, models: Models) -> None:
        """Read with `models`, which are open, from the next window on, and keep in session.json who reads; any thread.

        Raises
        ------
        SettingsError, BundleError
            If they cannot take over from those in use, see `check_exchange`.
        """
        check_exchange(self._reader.models, models, self.shows_pictures)
        about = replace(self.plan, decoder=models.decoder, generator=models.generator).about
        self._keep(lambda folder: update_session(folder, decoder=about["decoder"], generator=about["generator"]))
        self._ready_s = self.clock()
        self._to_know = models.calibration_pictures()
        self._reader.hand_in(models)

    def decoders(self) -> tuple[Found, ...]:
        """Decoders that lie near the one in use or in the folder of runs. Any thread; a look at the disk."""
        places = [self.plan.decoder.bundle.folder.parent]
        if self.plan.folder is not None:
            places.append(self.plan.folder.parent)
        return find_decoders(*places)

    def algorithmic(self) -> AlgorithmicLatency:
        """How late a picture must be by its window and filters. Any thread."""
        manifest = self.plan.decoder.manifest
        return algorithmic_latency(manifest.preprocessing, manifest.cut)

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
            model=f"{self._reader.models.name}{later}",
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
        everyone = (
            self._live.recorder,
            self._live.acquisition,
            self._decoding,
            self._listener,
            self._presenter,
            self._opening,
        )
        return tuple(worker for worker in everyone if worker is not None)

    def _refused(self, reason: str) -> None:
        self._telling.remember(f"Other models were asked for: {reason}")
        self._telling.tell(ModelsRefused(reason))

    def _exchanged(self, models: Models) -> None:
        """Other models have taken over: what is counted from now on is theirs alone; decoding thread."""
        n_trials = len(self._evidence)
        before = f" Until then ({n_trials} trials): {self._evidence.text}" if n_trials else ""
        self._telling.remember(
            f"After {self._reader.n_read} pictures read other models took over: {models.name}. Scores and latencies are theirs, "
            f"from then on.{before}"
        )
        if models.generator.bundle.digest != self.plan.generator.bundle.digest:
            self._known = KnownPictures()
        self._trained_on = frozenset(models.decoder.manifest.trained_on)
        self._evidence = RunningIdentification(models.decoder.latent_mean)
        self.latency.clear()
        self.plan = replace(self.plan, decoder=models.decoder, generator=models.generator)
        self._telling.tell(ModelsChanged(models.name, self._ready_s, self.clock()))

    def _latency_log(self) -> LatencyLog:
        return self.latency

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
        self._note(marker, self._shown_before(marker), marker.label)

    def _shown_before(self, marker: Marker) -> Shown | None:
        """What was on screen at a marker of a session that is replayed, if that is known."""
        picture = self.plan.shown.get(picture_label(marker.label))
        if picture is None:
            return None
        return Shown(next(self._numbers), picture, self._encoded_by.encode(picture.image[np.newaxis])[0])

    def _note(self, marker: Marker, shown: Shown | None, caption: str) -> None:
        self._live.note(marker, caption)
        if isinstance(self._decoding, TrialDecoding):
            self._decoding.add(marker, shown)

    def _window_read(self, result: Reconstruction) -> None:
        if self._live.recorder is not None:
            self._live.recorder.window(result)

    def _trial_read(self, trial: Trial, result: Reconstruction, shown: Shown | None) -> None:
        if shown is None:
            self._record(trial, result, next(self._numbers), None)
            return
        if shown.picture.id in self._trained_on:
            self._leave_unscored(trial, result, shown)
            return
        shown = self._in_latent_space(shown)
        noise, centre = self._reader.read_noise(self._rng), self.plan.decoder.latent_mean
        score = self._evidence.add(result.latent, noise, shown.latent)
        self._known.add(shown.picture, shown.latent)
        nearest = self._known.nearest(result.latent, centre, shown.picture, noise)
        self._record(
            trial,
            result,
            shown.trial,
            shown.picture,
            identified=None if np.isnan(score) else score,
            latent_noise=noise.tolist(),
            latent_shown=shown.latent.tolist(),
        )
        self._telling.tell(TrialRead(shown.trial, shown.picture, result.image, score, nearest))
        if self._presenter is not None:
            self._presenter.trial_done(shown.trial, read=True)
        self._know_some_more()

    def _know_some_more(self) -> None:
        """Encode a few pictures of the calibration, now that nothing waits for this thread."""
        some = [self._to_know.pop() for _ in range(min(_KNOWN_PER_TRIAL, len(self._to_know)))]
        for picture in some:
            self._known.add(picture, self._reader.generator.encode(picture.image[np.newaxis])[0])

    def _leave_unscored(self, trial: Trial, result: Reconstruction, shown: Shown) -> None:
        """The decoder that took over was trained on this very picture, so reading it proves nothing."""
        self._record(trial, result, shown.trial, shown.picture)
        self._telling.now_and_then(
            "known picture",
            f"The decoder in use was trained on {shown.picture.id}, which was shown: it is read and not scored.",
            self.clock(),
        )
        self._telling.tell(TrialRead(shown.trial, shown.picture, result.image, np.nan))
        if self._presenter is not None:
            self._presenter.trial_done(shown.trial, read=True)

    def _in_latent_space(self, shown: Shown) -> Shown:
        """The picture with its latent by the generator in use: the presenter encodes with the first one."""
        generator = self._reader.generator
        if generator.bundle.digest == self._encoded_by.bundle.digest:
            return shown
        image = resize(shown.picture.image, generator.image_size)
        return replace(shown, latent=generator.encode(image[np.newaxis])[0])

    def _record(
        self, trial: Trial, result: Reconstruction, number: int, picture: Picture | None, **scored: Any
    ) -> None:
        """Keep a trial; without `scored`, what was shown is not known, or known to the decoder."""
        if self._live.recorder is None:
            return
        if picture is not None:
            self._live.recorder.picture(f"trial_{number:04d}_shown", picture.image)
        self._live.recorder.picture(f"trial_{number:04d}_read", result.image)
        entry = {
            "trial": number,
            "marker": trial.marker.label,
            "picture": None if picture is None else picture.id,
            "onset_s": trial.marker.time,
            "identified": None,
            "decoder": self.plan.decoder.bundle.digest,
            "latent_read": result.latent.tolist(),
        }
        self._live.recorder.trial(entry | scored)

    def _trial_dropped(self, marker: Marker, reason: str, shown: Shown | None) -> None:
        self.n_dropped += 1
        self._telling.now_and_then(reason, f"No trial for the marker {marker.label}: {reason}.", self.clock())
        if shown is not None and self._presenter is not None:
            self._presenter.trial_done(shown.trial, read=False)
