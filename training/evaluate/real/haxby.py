"""Which of eight categories was shown, from the voxels of a slice of visual cortex.

Source of the data: Haxby, Gobbini, Furey, Ishai, Schouten & Pietrini, Science 293 (2001) 2425-2430.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.ridge import LinearReader, OnProgress
from bci_app.contract.errors import RecordingError
from bci_app.contract.preprocessing import cut_trials
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials
from training.data.fmri import FmriRecipe
from training.data.nifti import read_labelled_volumes, read_mask
from training.evaluate.reader_categories import category_scores, classes_of, one_hot
from training.evaluate.reader_reading import Floats, cross_validated_reading
from training.evaluate.reader_scores import Finding
from training.evaluate.real.result import FIXED_IN_SIGHT, Grouped, RealResult, find_files, leave_out, mean_finding
from training.readers.category import fit_shrinkage_lda
from training.readers.choosing import choose

Doubles = NDArray[np.float64]
Per = Literal["block", "volume"]

BEFORE_S = 10.0
SHIFTS = (0, 1, 2)
"""Volumes from the stimulus to its response that are tried; the tables of some files are shifted already."""
SHARES = (0.0, 0.5, 1.0)
"""How much of the mean of the volumes before a block is taken out of it, tried: all of it takes out the slow drift and adds
what the block before has left."""
PLAIN_SHIFT = 1
AT_LEAST, AIM = 0.66, 0.80
WHAT = (
    "eight categories, each participant alone; a block is the mean of its volumes, less a share of the mean of the "
    f"{BEFORE_S:g} s before it; linear discriminant with Ledoit and Wolf's shrinkage; haemodynamic shift and share are chosen by "
    "leaving out training runs; one run in turn is scored"
)
PER_RUN = "each voxel z-scored over its run without labels, which needs the whole run and cannot run live"


def measure(folder: Path, on_progress: OnProgress | None = None) -> RealResult:
    """Accuracy by block, as it could run live, beside what z-scoring over whole runs adds and what single volumes give.

    Parameters
    ----------
    folder : Path
        Holds one or more ``*bold.nii.gz``, in it or in folders within, and beside each ``*mask.nii.gz`` and
        ``*attributes_literal.txt`` of the same beginning.
    on_progress : callable, optional
        Called with (done, total, text).

    Raises
    ------
    RecordingError
        If a file is missing or cannot be read.
    """
    files, tell = find_files(folder, "**/*bold.nii.gz"), on_progress or (lambda done, total, text: None)
    scores: dict[str, list[Finding]] = {}
    plain = []
    for number, bold in enumerate(files):
        for place, (name, per, scaling) in enumerate(VARIANTS):
            tell(number * len(VARIANTS) + place, len(files) * len(VARIANTS), f"'{bold.name}', {name}")
            blocks = read_trials(bold, per, scaling)
            shares = SHARES if scaling == "none" else (0.0,)
            courses = [blocks.course(shift, share) for shift in SHIFTS for share in shares]
            scores.setdefault(name, []).append(_score(blocks.trials, courses))
            if place == 0:
                plain.append(_score(blocks.trials, [blocks.course(PLAIN_SHIFT, 0.0)]).score.value)
    tell(1, 1, "all files read")
    over = f", mean over {len(files)} participants" if len(files) > 1 else ""
    found = [mean_finding(each, f"{each[0].score.name}, {name}{over}") for name, each in scores.items()]
    return RealResult.of(
        found[0],
        found[1:],
        name="categories from a slice of fMRI",
        what=WHAT,
        baseline=float(np.mean(plain)),
        at_least=AT_LEAST,
        aim=AIM,
        notes=(
            f"By run: {PER_RUN}.",
            f"By volume: the mean of {2 * AROUND + 1} volumes, read {AROUND} volumes later.",
            FIXED_IN_SIGHT,
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Trials that hold the volumes before, during and after each block, or each single volume.

    Attributes
    ----------
    trials : BrainTrials
        Windows (n_trials, n_voxels, n_volumes).
    n_before, n_shown : int
        Volumes before the label's first, and volumes that have it.
    around : int
        Volumes on either side of those shown that are averaged with them.
    """

    trials: BrainTrials
    n_before: int
    n_shown: int
    around: int

    def course(self, shift: int, share: float) -> Doubles:
        """Weight of each volume: the mean of those shown, `shift` later, less a share of the mean of those before."""
        weights = np.zeros(self.trials.windows.shape[2])
        first = self.n_before + shift - self.around
        weights[first : first + self.n_shown + 2 * self.around] = 1 / (self.n_shown + 2 * self.around)
        weights[: self.n_before] -= share / self.n_before
        return weights


VARIANTS: tuple[tuple[str, Per, Literal["none", "run"]], ...] = (
    ("by block, live", "block", "none"),
    ("by block, voxels z-scored by run", "block", "run"),
    ("by volume, live", "volume", "none"),
    ("by volume, voxels z-scored by run", "volume", "run"),
)
AROUND = 2
"""Volumes on either side that are averaged with a single one: it is read so many volumes later."""


def read_trials(bold: Path, per: Per, scaling: Literal["none", "run"]) -> Blocks:
    """The trials of one file, by block or by volume.

    Raises
    ------
    RecordingError
        If a file is missing or cannot be read, or no trial lies whole in its run.
    """
    mask, table = (_beside(bold, name) for name in ("mask.nii.gz", "attributes_literal.txt"))
    recipe = FmriRecipe(shift_s=0.0, scaling=scaling)
    recording, trials = read_labelled_volumes(bold, read_mask([mask]), table, recipe, per=per)
    tr_s, around = 1 / recording.sfreq, AROUND if per == "volume" else 0
    assert isinstance(trials.cut, TrialSpec)  # with the volumes averaged it is the last one
    n_before, n_shown = int(BEFORE_S / tr_s), round(trials.cut.stop_s / tr_s)
    cut = TrialSpec(start_s=-n_before * tr_s, stop_s=(n_shown + max(SHIFTS) + around) * tr_s)
    spec = trials.preprocessing.model_copy(update={"sos": ()})
    whole = {trial.marker.time: trial.window.data for trial in cut_trials(recording, spec, cut)[0]}
    kept = np.array([marker.time in whole for marker in recording.markers])
    if len(kept) != len(trials) or not kept.any():
        raise RecordingError(
            f"A trial needs {BEFORE_S:g} s before it in its run; of {len(kept)} in '{bold.name}' {kept.sum()} have that. Check "
            f"'{table.name}'."
        )
    windows = np.stack([whole[marker.time] for marker in recording.markers if marker.time in whole])
    return Blocks(replace(trials.take(kept), windows=windows, preprocessing=spec, cut=cut), n_before, n_shown, around)


def _beside(bold: Path, name: str) -> Path:
    """The file that belongs to a file of volumes: the same beginning of the name, or none."""
    own = bold.with_name(bold.name.removesuffix("bold.nii.gz") + name)
    return own if own.exists() else bold.with_name(name)


def _score(trials: BrainTrials, courses: Sequence[Doubles]) -> Finding:
    """Accuracy with the course along time that reads left-out training runs best."""
    classes, (folds, held_out) = classes_of(trials.labels), leave_out(trials, "run")
    targets, runs = one_hot(trials.labels, classes), np.array(trials.runs)
    fit = Grouped(partial(_fit, courses=courses), runs, folds)
    reading = cross_validated_reading(fit, trials, targets, folds, held_out=held_out)
    blocks = _blocks(trials)[reading.trial]
    names = [str(block) for block in blocks]
    return category_scores(reading, classes, runs[reading.trial].tolist(), units=names, unit_name="blocks")[0]


def _fit(
    windows: Floats, targets: Floats, runs: NDArray[np.str_], seed: int, courses: Sequence[Doubles]
) -> LinearReader:
    candidates = [partial(_lda_of_course, course=course) for course in courses]
    return choose(candidates, windows, targets, runs, seed)[0]


def _lda_of_course(windows: Floats, targets: Floats, runs: NDArray[np.str_], course: Doubles) -> LinearReader:
    """The discriminant of the weighted sum over volumes, as one matrix over the window."""
    summed = (windows @ course.astype(np.float32))[:, :, np.newaxis]
    reader = fit_shrinkage_lda(summed, targets)
    return replace(reader, weights=np.asarray(reader.weights * course[:, np.newaxis], np.float32))


def _blocks(trials: BrainTrials) -> NDArray[np.intp]:
    """Number of the block of each trial: those of one label that follow one another in a run."""
    labels, runs = np.array(trials.labels), np.array(trials.runs)
    begins = np.r_[True, (labels[1:] != labels[:-1]) | (runs[1:] != runs[:-1])]
    return np.asarray(np.cumsum(begins) - 1, np.intp)
