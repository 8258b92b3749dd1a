"""Whether the second picture of a pair was the same as the first, from EEG of participants who were not learnt from.

Source of the data: Begleiter, UCI EEG Database; Zhang, Begleiter, Porjesz, Wang & Litke, Brain Research Bulletin 38 (1995)
531-538, for the task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.ridge import LinearReader, OnProgress
from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec, cut_trials
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials, together
from training.data.offers import UNREADABLE_ARCHIVE
from training.evaluate.reader_categories import category_scores, classes_of, one_hot
from training.evaluate.reader_reading import Floats, Fold, Read, cross_validated_reading
from training.evaluate.real.result import FIXED_IN_SIGHT, Grouped, RealResult, find_files, leave_out
from training.readers.category import bins, divided, fit_shrinkage_lda
from training.readers.choosing import choose, without_group_means

NO_ELECTRODES = ("X", "Y", "nd")
"""Channels of the files that are eye movements and a reference."""
ARRAYS = ("eeg", "scale_uV", "ch", "fs", "condition", "subject")
PAIR = ("S2 match", "S2 nomatch")
CUT, HIGH_PASS_HZ = TrialSpec(start_s=0.15, stop_s=0.7), 1.0
BIN_TIMES = 8
SHRINKAGES, LOADINGS = (0.5, 0.9), (1.0, 0.5, 0.2)
"""Tried each with each; with a loading of 1 channels are not whitened."""
FIRST_S = 0.02
"""The files begin with the picture, so that what comes before it cannot be subtracted."""
PLAIN_CUT = TrialSpec(start_s=0.0, stop_s=1.0, baseline_s=(0.0, FIRST_S))
PLAIN_COMPONENTS = 60
AT_LEAST, AIM = 0.75, 0.82
WHAT = (
    f"match or nomatch of the second picture; average reference, causal high-pass at {HIGH_PASS_HZ:g} Hz from the picture on, "
    f"{CUT.start_s} to {CUT.stop_s} s in bins of {BIN_TIMES} samples, linear discriminant; what training participants have in "
    "common with themselves alone is taken out of their trials, whitening and shrinkage are chosen by leaving out training "
    "participants, whose decision values then set the scale, and nothing is fitted on the participant who is scored"
)


def measure(folder: Path, on_progress: OnProgress | None = None) -> RealResult:
    """Pooled area under the ROC curve, leaving out one participant at a time.

    Parameters
    ----------
    folder : Path
        Holds ``*.npz``, see `read_trials`.
    on_progress : callable, optional
        Called with (done, total, text).

    Raises
    ------
    RecordingError
        If there is no archive, or one cannot be read.
    """
    files = find_files(folder, "*.npz")
    trials, plain = (
        together([read_trials(file, cut, high_pass_hz) for file in files], "match or nomatch")
        for cut, high_pass_hz in ((CUT, HIGH_PASS_HZ), (PLAIN_CUT, None))
    )
    classes, (folds, held_out) = classes_of(trials.labels), leave_out(trials, "subject")
    targets, subjects = one_hot(trials.labels, classes), np.array(trials.subjects)
    reading = cross_validated_reading(
        Grouped(_fit, subjects, folds), trials, targets, folds, on_progress=on_progress, held_out=held_out
    )
    names = [trials.subjects[each] for each in reading.trial]
    several = len(set(names)) > 1
    found = category_scores(
        reading, classes, names, "participants", units=names if several else None, unit_name="participants"
    )
    pooled = next(each for each in found if "pooled" in each.score.name)
    return RealResult.of(
        pooled,
        [each for each in found if each is not pooled],
        name="match or nomatch from EEG of a new participant",
        what=WHAT,
        baseline=_plain_area(plain, targets, folds),
        at_least=AT_LEAST,
        aim=AIM,
        notes=(*trials.notes, FIXED_IN_SIGHT),
    )


def read_trials(
    path: Path, cut: TrialSpec, high_pass_hz: float | None, conditions: Sequence[str] = PAIR
) -> BrainTrials:
    """Trials of one file of the UCI EEG database, preprocessed by the live code from each picture on.

    Parameters
    ----------
    path : Path
        Archive with ``eeg`` (n_trials, n_channels, n_times) of integers, ``scale_uV``, microvolts of one, ``ch``, names of
        the channels, ``fs``, rate in Hz, and ``condition`` and ``subject`` of each trial.
    cut : TrialSpec
        From when to when after the picture; not before it.
    high_pass_hz : float, optional
        Corner of a first-order filter.
    conditions : sequence of str
        Which trials are read; they become the labels.

    Raises
    ------
    RecordingError
        If it cannot be read, or an array is missing or does not fit.
    SettingsError
        If a condition has no trial.
    """
    content = _load(path)
    condition, electrodes = content["condition"], ~np.isin(content["ch"], NO_ELECTRODES)
    missing = [each for each in conditions if each not in condition]
    if missing:
        raise SettingsError(
            f"'{path.name}' has trials of {', '.join(sorted(set(condition.tolist())))}; none of {', '.join(missing)}. Choose "
            "others."
        )
    kept = np.isin(condition, conditions)
    names, sfreq = tuple(map(str, content["ch"][electrodes].tolist())), float(content["fs"])
    spec = PreprocessingSpec.design(names, sfreq, (high_pass_hz, None), order=1)
    raw = content["eeg"][kept][:, electrodes].astype(np.float32) * np.float32(content["scale_uV"])
    n = len(raw)
    return BrainTrials(
        np.stack([_cut(each, spec, cut) for each in raw]),
        spec,
        cut,
        pictures=("",) * n,
        labels=tuple(map(str, condition[kept].tolist())),
        runs=("",) * n,
        sessions=("",) * n,
        subjects=tuple(map(str, content["subject"][kept].tolist())),
        name=path.stem,
    )


def _cut(raw: Floats, spec: PreprocessingSpec, cut: TrialSpec) -> Floats:
    """One trial (n_channels, n_times), whose first raw sample is the picture's.

    What came before it was not kept; filters start as if the mean of the first 20 ms had stood there for ever.
    """
    before = raw[:, : round(FIRST_S * spec.sfreq)].mean(axis=1, keepdims=True)
    data, times = np.concatenate([before, raw], axis=1), np.arange(-1, raw.shape[1]) / spec.sfreq
    recording = Recording(data, times, spec.channels, spec.sfreq, (Marker(0.0, "picture"),), "trial", "uV")
    (trial,), _ = cut_trials(recording, spec, cut)
    return trial.window.data


def _fit(windows: Floats, targets: Floats, subjects: NDArray[np.str_], seed: int) -> Read:
    candidates = [
        partial(_centred_lda, shrinkage=shrinkage, loading=loading)
        for shrinkage, loading in product(SHRINKAGES, LOADINGS)
    ]
    reader, left_out = choose(candidates, windows, targets, subjects, seed)
    return divided(reader, float(left_out.std()))


def _centred_lda(
    windows: Floats, targets: Floats, subjects: NDArray[np.str_], shrinkage: float, loading: float
) -> LinearReader:
    return fit_shrinkage_lda(without_group_means(windows, targets, subjects), targets, BIN_TIMES, shrinkage, loading)


def _plain_area(trials: BrainTrials, targets: Floats, folds: Sequence[Fold]) -> float:
    """The pooled area of principal components and a linear discriminant, as the plain baseline has it."""
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, second = bins(trials.windows, BIN_TIMES).reshape(len(trials), -1), targets[:, 1]
    decisions = np.empty(len(trials))
    for train, test in folds:
        n_components = min(PLAIN_COMPONENTS, len(train) - 1, features.shape[1])
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        model = make_pipeline(StandardScaler(), PCA(n_components, random_state=0), lda)
        decisions[test] = model.fit(features[train], second[train]).decision_function(features[test])
    return float(roc_auc_score(second, decisions))


def _load(path: Path) -> Mapping[str, NDArray[Any]]:
    try:
        with path.open("rb") as raw:
            content = dict(np.load(raw, allow_pickle=False))
    except (*UNREADABLE_ARCHIVE, TypeError) as error:
        raise RecordingError(f"'{path.name}' must be an archive of plain arrays: {error}. Fetch it again.") from error
    missing = [key for key in ARRAYS if key not in content]
    if missing:
        raise RecordingError(
            f"'{path.name}' must hold {', '.join(ARRAYS)}; it lacks {', '.join(missing)}. Save it again."
        )
    n, eeg = len(content["condition"]), content["eeg"]
    if eeg.ndim != 3 or len(eeg) != n or len(content["subject"]) != n or len(content["ch"]) != eeg.shape[1]:
        raise RecordingError(
            f"'{path.name}' must hold EEG (n_trials, n_channels, n_times) with condition and subject of each trial and a name "
            f"for each channel; it has {eeg.shape}, {n}, {len(content['subject'])} and {len(content['ch'])}. Save it again."
        )
    return content
