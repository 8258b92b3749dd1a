"""Whether a face or a house was shown, from four channels of EEG.

Source of the data: recordings with a Muse headband; the N170, Bentin, Allison, Puce, Perez & McCarthy, Journal of Cognitive
Neuroscience 8 (1996) 551-565.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from bci_app.calibration.latency import N170_S, latency_of_peak
from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.calibration.ridge import OnProgress
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec, samples_per_window
from training.data.brain import BrainTrials
from training.data.recordings import read_recordings
from training.evaluate.reader_categories import category_scores, classes_of, one_hot
from training.evaluate.reader_reading import Floats, Fold, cross_validated_reading
from training.evaluate.reader_scores import Finding
from training.evaluate.real.result import FIXED_IN_SIGHT, RealResult, find_files, leave_out, mean_finding, ungrouped
from training.readers.covariance import View, fit_covariance, high_pass_times
from training.readers.network_reader import NetworkReader

CUT = TrialSpec(start_s=-0.1, stop_s=0.8, baseline_s=(-0.1, 0.0))
BAND_HZ, REJECT_UV = (1.0, 30.0), 100.0
LABELS = {"face": "face", "house": "house"}
CORNERS_HZ, ENDS_S, LAGS_S = (1.0, 2.0), (0.6, 0.8), (None, 12 / 256)
"""Views of a trial, each with each: high-pass corner, end, and how much later a copy of the trial stands beside it."""
AT_LEAST, AIM = 0.73, 0.78
WHAT = (
    f"face or house, each participant alone; causal {BAND_HZ[0]:g}-{BAND_HZ[1]:g} Hz, trials from {CUT.start_s} to "
    f"{CUT.stop_s} s that span at most {REJECT_UV:g} uV; covariances with the classes' mean trials in eight views, logistic "
    "regression in their tangent space; area under the ROC curve within each run that was left out, mean over runs, "
    "then over participants"
)


class _PlainRecipe(CalibrationRecipe):
    """The filters of the plain baseline, by which trials are rejected too: order 3."""

    def preprocessing(self, channels: tuple[str, ...], sfreq: float) -> PreprocessingSpec:
        return PreprocessingSpec.design(channels, sfreq, self.band_hz, None, self.reference, order=3)


def measure(folder: Path, on_progress: OnProgress | None = None) -> RealResult:
    """Area under the ROC curve within runs that were left out.

    Parameters
    ----------
    folder : Path
        Holds ``*_eeg.fif`` with annotations ``face`` and ``house``; the names tell participant, session and run.
    on_progress : callable, optional
        Called with (done, total, text).

    Raises
    ------
    RecordingError
        If there is no recording, or one cannot be read.
    """
    trials, plain = read_trials(folder)
    subjects = list(dict.fromkeys(trials.subjects))
    found, baselines, notes = [], [], []
    for number, subject in enumerate(subjects):
        own = np.array([each == subject for each in trials.subjects])
        score, baseline = _score(trials.take(own), plain.take(own), _tell(on_progress, number, len(subjects), subject))
        found.append(score)
        baselines.append(baseline)
        notes.append(
            f"Participant {subject}: {score.score.value:.3f}, plain {baseline:.3f}. {_latency(trials.take(own))}"
        )
    headline = mean_finding(found, "AUC, mean within runs, then over participants")
    return RealResult.of(
        headline,
        found,
        name="faces or houses from four channels of EEG",
        what=WHAT,
        baseline=float(np.mean(baselines)),
        at_least=AT_LEAST,
        aim=AIM,
        notes=(*notes, *trials.notes, FIXED_IN_SIGHT),
    )


def read_trials(folder: Path) -> tuple[BrainTrials, BrainTrials]:
    """The same trials for the reader and for the plain baseline, whose filters say which are rejected.

    Raises
    ------
    RecordingError
        If there is no recording, or one cannot be read.
    """
    files = find_files(folder, "*_eeg.fif")
    kinds = (CalibrationRecipe, _PlainRecipe)
    recipes = [kind(band_hz=BAND_HZ, notch_hz=None, reference="none", decimation=1, cut=CUT) for kind in kinds]
    trials, plain = (read_recordings(files, recipe, labels=LABELS, name="faces and houses") for recipe in recipes)
    kept = np.ptp(plain.windows, axis=2).max(axis=1) <= REJECT_UV
    note = f"Left out {int((~kept).sum())} of {len(kept)} trials in which a channel spans more than {REJECT_UV:g} uV."
    trials = replace(trials, notes=(*trials.notes, note))
    return trials.take(kept), plain.take(kept)


def fit_reader(windows: Floats, targets: Floats, sfreq: float) -> NetworkReader:
    """The mean over views of covariances from the marker on."""
    return fit_covariance(windows, targets, views(windows.shape[2], sfreq))


def views(n_times: int, sfreq: float) -> list[View]:
    """Each corner with each end and each lag, for trials of `n_times` samples."""
    first = n_times - samples_per_window(TrialSpec(start_s=0.0, stop_s=CUT.stop_s), sfreq)
    found = []
    for corner_hz, end_s, lag_s in product(CORNERS_HZ, ENDS_S, LAGS_S):
        last = first + samples_per_window(TrialSpec(start_s=0.0, stop_s=end_s), sfreq)
        times = np.ascontiguousarray(high_pass_times(n_times, sfreq, corner_hz, first)[:, : last - first])
        found.append(View(times, () if lag_s is None else (round(lag_s * sfreq),)))
    return found


def _score(trials: BrainTrials, plain: BrainTrials, on_progress: OnProgress) -> tuple[Finding, float]:
    """Area within runs of one participant, and that of the plain baseline."""
    classes, (folds, held_out) = classes_of(trials.labels), leave_out(trials, "run")
    targets, sfreq = one_hot(trials.labels, classes), trials.preprocessing.output_sfreq
    fit = ungrouped(partial(fit_reader, sfreq=sfreq))
    reading = cross_validated_reading(fit, trials, targets, folds, on_progress=on_progress, held_out=held_out)
    subject, runs = trials.subjects[0], [str(fold) for fold in reading.fold]
    found = category_scores(reading, classes, runs, f"runs of participant {subject}")
    return found[-1], _plain_area(plain, targets, folds)


def _plain_area(trials: BrainTrials, targets: Floats, folds: Sequence[Fold]) -> float:
    """xDAWN covariances and logistic regression in the tangent space, as the plain baseline has it."""
    from pyriemann.estimation import XdawnCovariances
    from pyriemann.tangentspace import TangentSpace
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline

    windows, second, areas = trials.windows.astype(np.float64), targets[:, 1], []
    for train, test in folds:
        if len(np.unique(second[test])) < 2:
            continue  # as in `category_scores`: such a run has no area
        covariances = XdawnCovariances(2, estimator="oas", xdawn_estimator="oas")
        model = make_pipeline(covariances, TangentSpace(), LogisticRegression(max_iter=1000))
        decisions = model.fit(windows[train], second[train]).decision_function(windows[test])
        areas.append(roc_auc_score(second[test], decisions))
    return float(np.mean(areas)) if areas else 0.5


def _latency(trials: BrainTrials) -> str:
    """What a decoder of this participant is to be told; the score does not depend on it."""
    targets = one_hot(trials.labels, classes_of(trials.labels))
    found = latency_of_peak(trials.windows, CUT, trials.preprocessing.output_sfreq, targets=targets)
    peak, low, high = (1000 * (each + N170_S) for each in (found.latency_s, found.low_s, found.high_s))
    return (
        f"In {len(trials)} trials faces and houses differ most {peak:.0f} ms after the marker ({low:.0f} to {high:.0f}), so its "
        f"latency is {1000 * found.latency_s:.0f} ms; the score does not depend on it."
    )


def _tell(on_progress: OnProgress | None, number: int, n: int, subject: str) -> OnProgress:
    """Progress of one participant as a part of that of all."""
    if on_progress is None:
        return lambda done, total, text: None
    return lambda done, total, text: on_progress(number * total + done, n * total, f"participant {subject}, {text}")
