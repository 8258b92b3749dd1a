"""The composition root of an evolution: builds its workers, starts them in order and stops them in reverse."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bci_app.contract.errors import RecordingError
from bci_app.contract.signal import Marker
from bci_app.contract.windowing import MarkerTrials, reach_s
from bci_app.engine.bad_channels import begin_with_bad_channels
from bci_app.engine.events import Event, Finished, RatingWanted, StreamChanged
from bci_app.engine.evolution_files import RunFiles, make_folder
from bci_app.engine.evolution_history import GenerationResult
from bci_app.engine.evolution_onsets import OnsetLog
from bci_app.engine.evolution_plan import EvolutionPlan
from bci_app.engine.evolution_presenter import EvolutionPresenter, Hooks
from bci_app.engine.evolution_responder import Answer, PersonResponder, PictureResponder, TrialResponder
from bci_app.engine.evolution_resume import Resumed, read_evolution
from bci_app.engine.evolution_run import EvolutionRun
from bci_app.engine.evolution_scoring import TrialScoring
from bci_app.engine.evolution_showing import Outcome, Showing
from bci_app.engine.evolution_views import EvolutionSnapshot
from bci_app.engine.live_signal import LiveSignal
from bci_app.engine.session_file import end_session
from bci_app.engine.telling import Telling
from bci_app.engine.views import SignalSnapshot, SignalWords, Status
from bci_app.engine.worker import Worker, stop_workers
from bci_app.pictures.picture import Picture
from bci_app.streams.lsl import local_clock


class EvolutionSession:
    """A running evolution; its public methods say which thread may call them.

    Parameters
    ----------
    plan : EvolutionPlan
        What to run.
    clock : callable
        LSL seconds.

    Raises
    ------
    SettingsError
        If the parts of the plan cannot go together, or the run in its folder is another one.
    StreamError, SignalError
        If the stream is not there, or not of the kind that the response needs.
    RecordingError
        If the plan's folder cannot be written, or read to resume.
    """

    shows_pictures = True
    reading = False
    """No window is ever being read while a picture waits to be painted."""

    def __init__(self, plan: EvolutionPlan, clock: Callable[[], float] = local_clock) -> None:
        self.plan = plan
        self.clock = clock
        self.title = plan.title
        self.signal: SignalWords | None = None
        self._telling = Telling()
        self._on_event: Callable[[Event], None] = lambda event: None
        self._stopped = False
        self._started_at = clock()
        self._live: LiveSignal | None = None
        self._scoring: TrialScoring | None = None
        self._files: RunFiles | None = None
        self._notes = list(plan.notes)
        with ExitStack() as undo:
            if plan.outlets is not None:
                undo.callback(plan.outlets.close)
            plan.check()
            resumed = read_evolution(plan, plan.folder) if plan.resume and plan.folder is not None else None
            self.run = self._new_run(resumed)
            self.onsets = OnsetLog() if resumed is None else OnsetLog(resumed.delays, resumed.n_never)
            self._connect(undo, resumed)
            self._presenter = self._new_presenter()
            self._begin_files(undo, resumed)
            undo.pop_all()

    # -- building ------------------------------------------------------------------------------------------------

    def _new_run(self, resumed: Resumed | None) -> EvolutionRun:
        plan = self.plan
        return EvolutionRun(
            plan.settings,
            plan.generator,
            plan.references,
            self._presentation_over,
            self._telling.problem,
            plan.responder.advice,
            state=None if resumed is None else resumed.state,
            history=None if resumed is None else resumed.history,
            counts=None if resumed is None else resumed.counts,
            first_number=0 if resumed is None else resumed.first_number,
        )

    def _connect(self, undo: ExitStack, resumed: Resumed | None) -> None:
        """The stream, and the thread that scores its trials; neither where the response needs none."""
        responder, folder = self.plan.responder, self.plan.folder
        if resumed is not None and folder is not None:  # another stretch of time is another recording
            folder /= f"part-{len(resumed.about['resumed']) + 2}"
        signal = self.plan.signal(folder)
        if signal is None or not isinstance(responder, TrialResponder):
            return
        self.signal = signal.words
        self._live = live = LiveSignal(signal, self._telling, self.clock)
        undo.callback(live.close)
        trials = MarkerTrials(responder.cut, live.ring.sfreq, responder.preprocessing.decimation)
        self._scoring = TrialScoring(trials, live.ring, responder.read, self._answered, self._telling.failed)

    def _new_presenter(self) -> EvolutionPresenter:
        responder = self.plan.responder
        patience_s = 10.0
        if isinstance(responder, PersonResponder):
            patience_s = responder.patience_s
        elif isinstance(responder, TrialResponder):
            patience_s += reach_s(responder.cut) + 3 / responder.signal.sfreq
        return EvolutionPresenter(
            self.run,
            self.onsets,
            Hooks(
                self._telling.tell,
                self._announce,
                self._picture_on_screen,
                self._respond,
                self._keep,
                self._signal_fault,
            ),
            self._telling.failed,
            self.clock,
            patience_s=patience_s,
            rated=isinstance(responder, PersonResponder),
        )

    def _begin_files(self, undo: ExitStack, resumed: Resumed | None) -> None:
        """Make the files of the run, when nothing else may refuse any more."""
        folder = self.plan.folder
        if folder is None:
            return
        if resumed is None:
            self._files = RunFiles.begin(self.plan, folder)
        else:
            self._files = RunFiles.go_on(self.plan, folder, resumed.about, resumed.state.generation)
            self._notes += resumed.notes
        undo.callback(self._files.close)
        if resumed is None:
            self._files.keep(self.run.state, None, self.run.pictures)
        if self._live is not None and self._live.plan.folder is not None:
            make_folder(self._live.plan.folder)
            self._live.record()

    # -- for the window --------------------------------------------------------------------------------------------

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Begin; `on_event` is called from the session's threads. From the thread that owns the session."""
        self._on_event = on_event
        self._telling.emit = self._hand_on
        self._started_at = self.clock()
        if self._live is not None:
            on_event(StreamChanged(self._live.state, self._live.state_text))
        for note in self._notes:
            self._telling.problem(note)
        if self._live is not None:
            begin_with_bad_channels(self._live.plan, self._telling)
        self._presenter.announce()
        for worker in self._workers():
            worker.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End all workers, last started first, within `timeout_s` seconds; may be called twice. Owner's thread."""
        if self._stopped:
            return
        self._stopped = True
        stop_workers(self._workers(), timeout_s)
        if self._live is not None:
            self._live.close()
        if self._files is not None:
            self._files.close()
            self._end_file(self._files.folder)
        if self.plan.outlets is not None:
            self.plan.outlets.close()

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        """The picture of presentation `trial` was painted at `at_s` (LSL seconds). GUI thread."""
        self._presenter.painted(trial, picture_id, at_s)

    def rate(self, trial: int, value: int) -> None:
        """The person rates the picture of presentation `trial`; one that is not waited for counts for nothing. GUI thread."""
        responder = self.plan.responder
        if isinstance(responder, PersonResponder) and 1 <= value <= responder.steps:
            for showing in self.run.awaited:
                if showing.number == trial:
                    self.run.answer(trial, showing.picture.id, float(value))

    def set_refresh(self, hz: float) -> None:
        """Frames per second of the screen that pictures are shown on. GUI thread."""
        self.onsets.refresh_hz = hz

    def pause(self) -> None:
        """Blank, and show nothing until `resume`; the picture on screen is shown again. Any thread."""
        self._presenter.set_paused(True)

    def resume(self) -> None:
        """Go on where it stood. Any thread."""
        self._presenter.set_paused(False)

    def halt(self, reason: str = "Stopped by the stop key.") -> None:
        """Blank at once and end; the state is kept. Any thread."""
        self._presenter.halt()
        self._telling.tell(Finished(reason, fatal=False))

    def evolution(self) -> EvolutionSnapshot:
        """The evolution as it stands. Any thread."""
        run, settings = self.run, self.plan.settings
        history = run.history
        return EvolutionSnapshot(
            generation=min(run.state.generation, settings.n_generations - 1),
            n_generations=settings.n_generations,
            response=self.plan.responder.words,
            unit=self.plan.responder.unit,
            members=run.members(),
            best=history.best,
            estimate=run.estimate,
            averages=tuple(result.average for result in history.results),
            curves=history.curves,
            onsets=self.onsets.row(),
            counts=run.counts,
            progress=self._progress(),
            sham=settings.sham,
        )

    def signal_snapshot(self, seconds: float) -> SignalSnapshot | None:
        """The newest `seconds` of preprocessed signal; None before the first sample, or without a stream. Any thread."""
        return None if self._live is None else self._live.snapshot(seconds)

    def status(self) -> Status:
        """Stream, model and device in plain words. Any thread."""
        generator, responder = self.plan.generator, self.plan.responder
        devices = dict.fromkeys(device for device in (generator.device, responder.device) if device)
        return Status(
            stream="no stream needed" if self._live is None else self._live.text,
            stream_ok=self._live is None or self._live.connected,
            model=f"{generator.manifest.name} → {responder.words}",
            device=", ".join(devices),
            device_ok=generator.fell_back is None,
            progress=self._progress(),
            watermark=self.plan.watermark,
        )

    @property
    def ended(self) -> Finished | None:
        """How the session ended; None while it runs, or if it was closed. Any thread."""
        return self._telling.ended

    @property
    def problems(self) -> list[str]:
        """What went wrong so far, in words; any thread."""
        return self._telling.problems

    @property
    def counts(self) -> dict[str, int]:
        """Presentations by what became of them, and samples and gaps received. Any thread."""
        return {**self.run.counts, **({} if self._live is None else self._live.counts)}

    # -- from the workers --------------------------------------------------------------------------------------------

    def _workers(self) -> tuple[Worker, ...]:
        live = self._live
        everyone = (
            *((live.recorder, live.acquisition) if live is not None else ()),
            self._scoring,
            self._presenter,
        )
        return tuple(worker for worker in everyone if worker is not None)

    def _hand_on(self, event: Event) -> None:
        """To whoever listens; whatever ends the session takes the picture from the screen first."""
        if isinstance(event, Finished):
            self._presenter.halt()
        self._on_event(event)

    def _progress(self) -> str:
        settings, run = self.plan.settings, self.run
        if run.done:
            return f"All {settings.n_generations} generations scored"
        done, total = run.progress
        where = f"Generation {run.state.generation + 1} of {settings.n_generations}, picture {min(done + 1, total)} of {total}"
        if self._presenter.paused:
            return f"{where} (paused)"
        return f"{where} (held until the signal is back)" if self._presenter.holding else where

    def _announce(self, picture: Picture) -> None:
        if self.plan.outlets is not None and self.plan.outlets.pictures is not None:
            self.plan.outlets.pictures.send(picture, self.clock())

    def _picture_on_screen(self, showing: Showing, at_s: float) -> None:
        """Tell the world, and await the response; in the thread that painted."""
        responder, marker = self.plan.responder, Marker(at_s, f"shown/{showing.picture.id}")
        if self.plan.outlets is not None:
            self.plan.outlets.markers.push(marker.label, at_s)
        if self._live is not None:
            self._live.note(marker, showing.picture.label)
        if self._scoring is not None:
            self._scoring.add(showing.number, showing.picture.id, at_s)
        if isinstance(responder, PersonResponder):
            self._telling.tell(RatingWanted(showing.number, responder.steps))

    def _respond(self, showing: Showing) -> None:
        responder = self.plan.responder
        if isinstance(responder, PictureResponder):
            value = responder.respond(showing.picture.image, self.run.random_noise(showing))
            self.run.answer(showing.number, showing.picture.id, value)

    def _end_file(self, folder: Path) -> None:
        try:
            end_session(folder, self.ended)
        except RecordingError as error:
            self._telling.remember(str(error))

    def _answered(self, number: int, picture_id: str, answer: Answer) -> None:
        self.run.answer(number, picture_id, answer.value, answer.why, rejected=answer.rejected)

    def _presentation_over(self, outcome: Outcome) -> None:
        """A presentation has its response, or will get none; whichever thread brought it."""
        try:
            if self._files is not None:
                self._files.note(outcome)
        except RecordingError as error:  # it may be the window's thread, which must not fail
            self._telling.failed(str(error))

    def _keep(self, result: GenerationResult) -> None:
        if self._files is not None:
            self._files.keep(self.run.state, result, self.run.pictures)

    def _signal_fault(self) -> str:
        """Why no picture may be shown now: the stream is away, or its newest sample is too old."""
        live = self._live
        if live is None:
            return ""
        if not live.connected:
            return f"The stream is {live.state}"
        limit_s = max(self.plan.settings.limits.stale_s, 3 / live.ring.sfreq)
        age_s = self.clock() - self._newest_sample_at(live)
        return f"The newest sample is {age_s:.1f} s old, more than {limit_s:g} s" if age_s > limit_s else ""

    def _newest_sample_at(self, live: LiveSignal) -> float:
        """When the newest sample was taken, or in hand if its time stamp lies; the start before the first one."""
        newest = live.ring.newest
        if newest == 0:
            return self._started_at
        _, times = live.ring.read(newest - 1, newest)
        return min(float(times[0]), live.ring.arrived_at(newest - 1))
