"""A calibration from the chair: pictures are shown and recorded with what the brain answers; a decoder is made of that later."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from bci_app.bundles import shipped
from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.errors import RecordingError, SettingsError, UnitError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.signal import Marker
from bci_app.contract.windowing import reach_s
from bci_app.engine.bad_channels import keep_bad_channels
from bci_app.engine.calibration_presenter import Breaks, CalibrationPresenter
from bci_app.engine.calibration_run import CalibrationRequest
from bci_app.engine.demo import GENERATOR, picture_notes, picture_source
from bci_app.engine.evolution_onsets import OnsetLog
from bci_app.engine.evolution_settings import Stimulus
from bci_app.engine.evolution_views import OnsetRow
from bci_app.engine.live_signal import LiveSignal, SignalPlan
from bci_app.engine.monitor_session import KIND, plan_monitor
from bci_app.engine.opening import MARKERS
from bci_app.engine.participant_code import Code
from bci_app.engine.plan import Outlets
from bci_app.engine.session_file import participant_of, read_session
from bci_app.engine.settings import Frozen, Presentation, StreamChoice, parse_settings
from bci_app.engine.signal_session import SignalSession
from bci_app.engine.views import SignalWords, Status
from bci_app.engine.worker import Worker
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture
from bci_app.streams.lsl import local_clock
from bci_app.streams.markers import MarkerOutlet
from bci_app.streams.source import StreamState

_LEAST_TO_FIT = 10
"""Trials that a reader is fitted to at least, in each fold."""
_LEFT_S = 0.5
"""Signal recorded after the last trial, so that none lacks its end."""


class CalibrationSettings(Frozen):
    """One calibration session: `presentation.n_trials` pictures, each shown once, and the decoder that is made of them.

    Parameters
    ----------
    stream : StreamChoice
        Where the EEG comes from; its marker stream is not used, since the pictures are this program's.
    generator : Path, optional
        Bundle with an encoder; None for the one that comes with the program.
    presentation : Presentation
        Which pictures, how many, how fast.
    break_every, break_s : int, float
        After so many pictures the participant rests for so many seconds; 0 for no breaks.
    stimulus : Stimulus
        Where pictures are shown.
    recipe : CalibrationRecipe
        How the decoder is made.
    seed : int
        For the choice and order of pictures.
    """

    stream: StreamChoice = StreamChoice()
    generator: Path | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    require_gpu: bool = False
    presentation: Presentation = Presentation(n_trials=400, soa_s=0.6, show_s=0.4)
    break_every: int = Field(default=100, ge=0, le=2000)
    break_s: float = Field(default=15.0, ge=1, le=600)
    stimulus: Stimulus = Stimulus()
    recipe: CalibrationRecipe = CalibrationRecipe()
    buffer_s: float = Field(default=60.0, ge=2, le=3600)
    seed: int = Field(default=1, ge=0)
    participant: Code = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        folds = self.recipe.n_folds
        least = max(2 * folds, math.ceil(_LEAST_TO_FIT * folds / (folds - 1)))
        if self.presentation.n_trials < least:
            raise SettingsError(
                f"A cross-validation in {folds} folds needs at least {least} pictures; "
                f"{self.presentation.n_trials} are to be shown. Show more."
            )
        return self

    @property
    def duration_s(self) -> float:
        """How long it takes, breaks included."""
        n = self.presentation.n_trials
        n_breaks = (n - 1) // self.break_every if self.break_every else 0
        return n * self.presentation.soa_s + n_breaks * self.break_s


@dataclass
class CalibrationPlan:
    """Everything a calibration session is built from, opened and checked; see `open_calibration`."""

    settings: CalibrationSettings
    title: str
    generator: Generator
    pictures: tuple[Picture, ...]
    outlets: Outlets
    preprocessing: PreprocessingSpec
    folder: Path | None = None
    """Where it is recorded; must exist when the session is made."""
    watermark: str = ""
    notes: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    """Channels marked bad: they are recorded, and the decoder is made without them."""

    @property
    def signal(self) -> SignalPlan:
        """The signal as the recipe's decoder will see it; what is recorded is as streamed."""
        spec = self.preprocessing
        words = SignalWords(n_channels=len(spec.channels), sfreq=spec.output_sfreq)
        held_s = self.settings.buffer_s
        return SignalPlan(
            self.settings.stream, spec, words, "The calibration", held_s, folder=self.folder, is_read=False
        )

    @property
    def about(self) -> dict[str, Any]:
        """What is kept of it in session.json."""
        generator = self.generator
        return {
            "kind": KIND,
            "participant": self.settings.participant,
            "watermark": self.watermark,
            "signal": "EEG",
            "generator": {"name": generator.manifest.name, "digest": generator.bundle.digest},
            "settings": self.settings.model_dump(mode="json"),
        }


def open_calibration(
    settings: CalibrationSettings,
    title: str = "Calibration",
    outlets: Outlets | None = None,
    watermark: str = "",
) -> CalibrationPlan:
    """Open the generator, find the stream and choose the pictures; any thread.

    Parameters
    ----------
    settings : CalibrationSettings
        What to do.
    title : str
        Name of the session.
    outlets : Outlets, optional
        Those that a simulated participant listens to; by default markers alone, for whoever records them. The session closes
        them.

    Raises
    ------
    BundleError, DeviceError
        If the generator is not sound or has no encoder, or the GPU that was required is not used.
    StreamError, UnitError, SettingsError
        If the stream is not there, is no EEG, or too slow for the recipe's filters.
    PictureError
        If a folder of pictures holds none.
    """
    generator = Generator.open(settings.generator or shipped(GENERATOR), settings.device, settings.require_gpu)
    generator.require_encoder()
    found = plan_monitor(settings.stream)
    if found.unit != "uV":
        raise UnitError(
            f"A calibration reads EEG, in microvolts; stream '{found.stream.name}' is in '{found.unit}'. For voxels and spike "
            "counts, train a decoder in the workshop: python -m training.train_reader."
        )
    source = picture_source(settings.presentation, generator.image_size)
    rng = np.random.default_rng(settings.seed)
    stream = found.stream.model_copy(update={"markers": None})
    return CalibrationPlan(
        settings.model_copy(update={"stream": stream}),
        title,
        generator,
        source.sample(rng, settings.presentation.n_trials, generator.image_size),
        outlets or Outlets(MarkerOutlet(MARKERS, MARKERS.replace(" ", "-"))),
        settings.recipe.preprocessing(found.channels, found.sfreq),
        watermark=watermark,
        notes=picture_notes(source),
        bad=found.bad,
    )


def request_of(plan: CalibrationPlan, name: str) -> CalibrationRequest:
    """What `run_calibration` makes a decoder called `name` from, once the session of `plan` has ended."""
    settings = plan.settings
    return CalibrationRequest(
        (_folder_of(plan),),
        generator=settings.generator,
        name=name,
        recipe=settings.recipe,
        without_unusable=True,  # the participant has gone: what can still be made is made, and what it lacks is said
        device=settings.device,
        require_gpu=settings.require_gpu,
    )


def request_again(
    folder: Path, generator: Path | None = None, device: Literal["auto", "cpu", "gpu"] = "auto"
) -> CalibrationRequest:
    """What `run_calibration` makes a decoder from, of a calibration that was recorded before, however it ended.

    Raises
    ------
    RecordingError
        If the folder is that of no calibration.
    """
    settings = read_session(folder).get("settings")
    recipe = settings.get("recipe") if isinstance(settings, dict) else None
    if recipe is None:
        raise RecordingError(
            f"The folder of a calibration was expected; '{folder}' holds another session. Choose one whose kind is calibration; "
            "of other recordings, the command makes decoders: bci-app calibrate RECORDING."
        )
    return CalibrationRequest(
        (folder,),
        generator=generator,
        name=participant_of((folder,)) or "decoder",
        recipe=parse_settings(CalibrationRecipe, recipe, f"The recipe of the calibration '{folder.name}'"),
        without_unusable=True,
        device=device,
    )


def _folder_of(plan: CalibrationPlan) -> Path:
    if plan.folder is None:
        raise SettingsError(
            "A calibration is recorded, since a decoder is made of the recording; no folder was given. Name one."
        )
    return plan.folder


class CalibrationSession(SignalSession):
    """A running calibration; its public methods say which thread may call them.

    Parameters
    ----------
    plan : CalibrationPlan
        What to run.
    clock : callable
        LSL seconds.

    Raises
    ------
    StreamError, SignalError
        If the stream is not there any more, or another one than was found.
    RecordingError, SettingsError
        If the plan's folder cannot be written, or it has none.
    """

    reading = False
    """Nothing is read yet."""

    def __init__(self, plan: CalibrationPlan, clock: Callable[[], float] = local_clock) -> None:
        self._presenter: CalibrationPresenter | None = None
        with ExitStack() as undo:
            undo.callback(plan.outlets.close)
            super().__init__(plan, clock)
            self.plan = plan
            self.onset_log = OnsetLog()
            self._live = LiveSignal(plan.signal, self._telling, clock, self._hold)
            undo.callback(self._live.close)
            self._live.acquisition.leave_alone(plan.bad)
            self._presenter = self._new_presenter()
            self._begin_recording()
            keep_bad_channels(_folder_of(plan), plan.bad)
            undo.pop_all()

    def _new_presenter(self) -> CalibrationPresenter:
        settings = self.plan.settings
        return CalibrationPresenter(
            settings.presentation,
            Breaks(settings.break_every, settings.break_s),
            self.plan.pictures,
            self._telling.tell,
            self._announce,
            self._shown,
            self._telling.failed,
            self.clock,
            reach_s(settings.recipe.cut) + _LEFT_S,
        )

    # -- for the window --------------------------------------------------------------------------------------------

    def stop(self, timeout_s: float = 2.0) -> None:
        """As `SignalSession.stop`, and end the streams that announce pictures. Owner's thread."""
        super().stop(timeout_s)
        self.plan.outlets.close()

    def picture_shown(self, trial: int, picture_id: str, at_s: float) -> None:
        """The picture of turn `trial` was painted at `at_s` (LSL seconds). GUI thread."""
        if self._presenter is not None:
            self._presenter.painted(trial, at_s)

    def set_refresh(self, hz: float) -> None:
        """Frames per second of the screen that pictures are shown on. GUI thread."""
        self.onset_log.refresh_hz = hz

    def set_paused(self, paused: bool) -> None:
        """Show nothing for a while, or go on. GUI thread."""
        if self._presenter is not None:
            self._presenter.set_paused(paused)

    def go_on(self) -> None:
        """End the break. GUI thread."""
        if self._presenter is not None:
            self._presenter.go_on()

    def halt(self) -> None:
        """End with what was shown so far. GUI thread."""
        if self._presenter is not None:
            self._presenter.halt()

    @property
    def onsets(self) -> OnsetRow:
        """How well pictures came on time. Any thread."""
        return self.onset_log.row()

    @property
    def n_shown(self) -> int:
        """Pictures shown so far. Any thread."""
        return 0 if self._presenter is None else self._presenter.n_shown

    def status(self) -> Status:
        """Stream, generator and device in plain words. Any thread."""
        generator = self.plan.generator
        return Status(
            stream=self._live.text,
            stream_ok=self._live.connected,
            model=f"calibrating for {generator.manifest.name} {generator.bundle.digest[:7]}",
            device=generator.device,
            device_ok=generator.fell_back is None,
            progress="" if self._presenter is None else self._presenter.text,
            watermark=self.plan.watermark,
        )

    @property
    def counts(self) -> dict[str, int]:
        """Samples and gaps received, pictures shown. Any thread."""
        return {**self._live.counts, "pictures_shown": self.n_shown}

    # -- from the workers --------------------------------------------------------------------------------------------

    def _workers(self) -> tuple[Worker, ...]:
        everyone = (self._live.recorder, self._live.acquisition, self._presenter)
        return tuple(worker for worker in everyone if worker is not None)

    def _hold(self, state: StreamState) -> None:
        if self._presenter is not None:
            self._presenter.hold(state not in ("connected", "back"))

    def _announce(self, picture: Picture) -> None:
        if self.plan.outlets.pictures is not None:
            self.plan.outlets.pictures.send(picture, self.clock())

    def _shown(self, number: int, picture: Picture, due_s: float, at_s: float) -> None:
        """A picture is on screen: its marker goes out, and it is kept with its onset; GUI thread."""
        marker = Marker(at_s, f"shown/{picture.id}")
        self.plan.outlets.markers.push(marker.label, at_s)
        self.onset_log.add(due_s, at_s)
        self._live.note(marker, picture.label)
        recorder = self._live.recorder
        if recorder is not None:
            recorder.picture(f"trial_{number:04d}_shown", picture.image)
            recorder.trial(
                {"trial": number, "marker": marker.label, "picture": picture.id, "due_s": due_s, "onset_s": at_s}
            )
