"""Which of seven objects was shown, from spikes of neurons in inferior temporal cortex.

Source of the data: Zhang & Desimone; the neurons were recorded one at a time.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bci_app.calibration.ridge import OnProgress
from training.data.spikes import PSEUDO_POPULATION, read_rasters
from training.data.splits import k_folds
from training.evaluate.reader_categories import category_scores, classes_of, one_hot
from training.evaluate.reader_reading import cross_validated_reading
from training.evaluate.reader_scores import Finding
from training.evaluate.real.result import FIXED_IN_SIGHT, RealResult, find_files, mean_finding, ungrouped
from training.readers.category import fit_shrinkage_lda

N_DRAWS = 5
"""Of which trials of the neurons stand together."""
N_FOLDS = 10
WINDOW_S, BIN_S = (0.05, 0.45), 0.2
PLAIN_WINDOW_S = (0.05, 0.35)
AT_LEAST, AIM = 0.96, 0.99
WHAT = (
    f"objects whichever the place, linear discriminant of the roots of spike counts from {WINDOW_S[0]} to {WINDOW_S[1]} s in "
    f"bins of {BIN_S} s, {N_FOLDS} folds by repeat, mean over {N_DRAWS} draws of which trials stand together"
)
ROOTS = "Counts are taken to their square root first, which makes their variance even whatever their mean."


def measure(folder: Path, on_progress: OnProgress | None = None) -> RealResult:
    """Objects read from every archive of rasters in the folder.

    Parameters
    ----------
    folder : Path
        Holds ``*.npz``, each with the neurons of one animal or session.
    on_progress : callable, optional
        Called with (done, total, text).

    Raises
    ------
    RecordingError
        If there is no archive, or one cannot be read.
    """
    tell, files = on_progress or (lambda done, total, text: None), find_files(folder, "*.npz")
    total = len(files) * N_DRAWS
    found, plain = [], []
    for number in range(total):
        path, seed = files[number // N_DRAWS], number % N_DRAWS
        tell(number, total, f"'{path.stem}', draw {seed + 1} of {N_DRAWS}")
        found.append(_score(path, WINDOW_S, BIN_S, seed))
        plain.append(_score(path, PLAIN_WINDOW_S, None, seed)[0].score.value)
    tell(total, total, "all draws read")
    accuracy, balanced = (
        mean_finding(
            [each[place] for each in found], f"{found[0][place].score.name}, mean over draws", independent=False
        )
        for place in range(2)
    )
    return RealResult.of(
        accuracy,
        [balanced, *(each[0] for each in found)],
        name="objects from spikes in inferior temporal cortex",
        what=WHAT,
        baseline=float(np.mean(plain)),
        at_least=AT_LEAST,
        aim=AIM,
        notes=(PSEUDO_POPULATION, ROOTS, FIXED_IN_SIGHT),
    )


def _score(path: Path, window_s: tuple[float, float], bin_s: float | None, seed: int) -> tuple[Finding, ...]:
    """Accuracy and balanced accuracy of one draw; without bins the counts themselves are read, which is the plain reader."""
    trials = read_rasters(path, window_s=window_s, bin_s=bin_s, seed=seed)
    if bin_s is not None:
        trials = replace(trials, windows=np.sqrt(trials.windows))
    classes = classes_of(trials.labels)
    n_folds = min(N_FOLDS, len(set(trials.runs)))
    folds = [(each.train, each.test) for each in k_folds(trials, "run", n_folds, seed=seed)]
    reading = cross_validated_reading(
        ungrouped(fit_shrinkage_lda),
        trials,
        one_hot(trials.labels, classes),
        folds,
        seed,
        held_out=f"{n_folds} folds by repeat",
    )
    numbers = [str(number) for number in reading.trial]  # each picture is shown in every repeat: no unit to resample
    return category_scores(reading, classes, units=numbers, unit_name="pseudo-trials", seed=seed)
