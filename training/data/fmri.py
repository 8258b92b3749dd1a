"""Voxels of one or more runs as trials: the haemodynamic shift, averaging and scaling, as they would run live.

Voxels are channels and volumes are samples, so the live code preprocesses and cuts them. The average over a block is a
moving average of which one sample is taken; only z-scoring over a whole run cannot run live, and says so in the notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bci_app.contract.errors import SettingsError, SignalError
from bci_app.contract.preprocessing import PreprocessingSpec, Section, cut_trials
from bci_app.contract.signal import Marker, Recording, Samples, Trial
from bci_app.contract.units import Frequency
from bci_app.contract.windowing import TrialSpec, samples_per_window
from training.data.brain import BrainTrials

NOT_LIVE = (
    "Voxels were z-scored over whole runs, the trials that are scored among them. A reader of them cannot run live."
)


class FmriRecipe(BaseModel):
    """How trials are made of volumes.

    Parameters
    ----------
    shift_s : float
        Seconds from the stimulus to its haemodynamic response.
    average : bool
        Average the volumes of a block to one; otherwise a window holds them all.
    scaling : {"none", "run", "causal"}
        "run" z-scores each voxel over its run, which needs the whole run; "causal" takes the slow drift out by a
        second-order high-pass filter.
    high_pass_hz : float
        Its corner, far below one in a few blocks: a filter that runs live subtracts what came before, and so the
        middle of a long block from its end. The 0.008 Hz of filters that see the whole run wipe out blocks of 20 s.
    tr_s : float, optional
        Seconds from volume to volume, where the files do not tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shift_s: float = Field(default=5.0, ge=0, le=30)
    average: bool = True
    scaling: Literal["none", "run", "causal"] = "none"
    high_pass_hz: float = Field(default=0.001, gt=0, le=0.1)
    tr_s: float | None = Field(default=None, gt=0, le=60)

    def preprocessing(self, voxels: tuple[str, ...], tr_s: float, n_volumes: int) -> PreprocessingSpec:
        """What happens to the voxels, for blocks of `n_volumes`."""
        low = self.high_pass_hz if self.scaling == "causal" else None
        spec = PreprocessingSpec.design(voxels, 1 / tr_s, (low, None), None, "none", unit="au")
        sections = (*spec.sos, *moving_average(n_volumes if self.average else 1))
        return PreprocessingSpec(channels=voxels, sfreq=spec.sfreq, unit="au", reference="none", sos=sections)

    def cut(self, tr_s: float, n_volumes: int) -> TrialSpec:
        """Which volumes are taken, for blocks of `n_volumes`: of an average the last one alone."""
        first = n_volumes - 1 if self.average else 0
        return TrialSpec(start_s=self.shift_s + first * tr_s, stop_s=self.shift_s + n_volumes * tr_s)


@dataclass(frozen=True, slots=True)
class Event:
    """What was shown from `onset_s` on for `duration_s`, in seconds of the recording; empty words are not known."""

    onset_s: float
    duration_s: float
    label: str = ""
    picture: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose trials they are; the run is the events'."""

    subject: str = ""
    session: str = ""


def moving_average(n: int) -> tuple[Section, ...]:
    """Sections of the filter whose output is the mean of the last `n` samples; none for one sample."""
    from scipy import signal

    if n == 1:
        return ()
    sections = signal.tf2sos(np.full(n, 1 / n), np.eye(1, n)[0])
    return tuple((b0, b1, b2, a0, a1, a2) for b0, b1, b2, a0, a1, a2 in sections.tolist())


def z_score(voxels: Samples, names: Sequence[str], what: str) -> Samples:
    """Voxels (n_voxels, n_volumes) with mean 0 and spread 1 over their volumes.

    Raises
    ------
    SignalError
        If a voxel does not vary.
    """
    spread = voxels.std(axis=1, dtype=np.float64)
    flat = np.flatnonzero(spread == 0)
    if len(flat):
        raise SignalError(
            f"Voxels are divided by their spread over {what}; {len(flat)} of {len(names)} do not vary, such as "
            f"{names[flat[0]]}. Take a mask that lies within the scanned brain."
        )
    mean = voxels.mean(axis=1, keepdims=True, dtype=np.float64)
    scaled: Samples = ((voxels - mean) / spread[:, None]).astype(np.float32)
    return scaled


def cut_events(recording: Recording, events: Sequence[Event], recipe: FmriRecipe, place: Place) -> BrainTrials:
    """The trial of each event.

    Parameters
    ----------
    recording : Recording
        Voxels in the unit "au", scaled already if the recipe says "run".
    events : sequence of Event
        In order, all of one duration.
    recipe : FmriRecipe
        How to shift, average and filter.
    place : Place
        Whose they are.

    Raises
    ------
    SettingsError
        If there is no event, durations differ, one lasts less than a volume, or two begin at once.
    """
    n_volumes = _n_volumes(recording, events)
    tr_s = 1 / recording.sfreq
    spec, cut = recipe.preprocessing(recording.channels, tr_s, n_volumes), recipe.cut(tr_s, n_volumes)
    by_time = {event.onset_s: event for event in events}
    shown = replace(recording, markers=tuple(Marker(onset_s, event.label) for onset_s, event in by_time.items()))
    trials = [trial for trial in cut_trials(shown, spec, cut)[0] if _is_on_time(trial, cut, tr_s)]
    kept = [by_time[trial.marker.time] for trial in trials]
    n_lost = len(events) - len(kept)
    shape = (len(trials), len(spec.channels), samples_per_window(cut, spec.output_sfreq))
    lost = (f"'{recording.name}': left out {n_lost} trials whose response lies beyond the run.",)
    return BrainTrials(
        np.array([trial.window.data for trial in trials], np.float32).reshape(shape),
        spec,
        cut,
        pictures=tuple(event.picture for event in kept),
        labels=tuple(event.label for event in kept),
        runs=tuple(event.run for event in kept),
        sessions=(place.session,) * len(kept),
        subjects=(place.subject,) * len(kept),
        kind="fmri-decoder",
        name=recording.name,
        notes=(*(lost if n_lost else ()), *((NOT_LIVE,) if recipe.scaling == "run" else ())),
    )


def _is_on_time(trial: Trial, cut: TrialSpec, tr_s: float) -> bool:
    """Whether no pause lies between the stimulus and the volumes of its response."""
    late_s = float(trial.window.times[0]) - trial.marker.time - tr_s * Frequency(1 / tr_s).samples(cut.start_s)
    return abs(late_s) < tr_s


def _n_volumes(recording: Recording, events: Sequence[Event]) -> int:
    durations = sorted({event.duration_s for event in events})
    rate = Frequency(recording.sfreq)
    counts = {rate.samples(duration) for duration in durations}
    if len({event.onset_s for event in events}) != len(events):
        raise SettingsError(
            f"One thing is shown at a time; '{recording.name}' has two events at one onset. Read them apart."
        )
    if len(counts) != 1 or min(counts) < 1:
        raise SettingsError(
            f"Trials are cut from blocks of one duration, at least a volume ({rate.period_s:g} s) long; '{recording.name}' "
            f"has {len(events)} events of {', '.join(f'{each:g}' for each in durations[:5]) or 'no'} s. Read them apart."
        )
    return counts.pop()
