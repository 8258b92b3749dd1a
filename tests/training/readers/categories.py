"""Small trials of categories with a known answer."""

from __future__ import annotations

import numpy as np

from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials
from training.evaluate.reader_categories import one_hot

CHANNELS, N_TIMES, SFREQ = ("TP9", "AF7", "AF8"), 40, 100.0
SPEC = PreprocessingSpec.design(CHANNELS, SFREQ, (1.0, 30.0), reference="none")
CUT = TrialSpec(start_s=0.0, stop_s=N_TIMES / SFREQ)


def category_trials(n: int, n_classes: int = 2, signal: float = 1.0, seed: int = 0) -> tuple[BrainTrials, np.ndarray]:
    """Trials of classes in turn, each with a response of its own in correlated noise, and their one-hot targets."""
    fixed, rng = np.random.default_rng(7), np.random.default_rng(seed)
    responses = fixed.normal(size=(n_classes, len(CHANNELS), 1)) * np.sin(np.linspace(0, 9, N_TIMES)) + fixed.normal(
        size=(n_classes, 1, 1)
    ) * np.hanning(N_TIMES)
    shown = np.arange(n) % n_classes
    noise = fixed.normal(size=(3, 3)) @ rng.normal(size=(n, 3, N_TIMES))
    windows = (10 * (signal * responses[shown] + noise)).astype(np.float32)
    labels = tuple("abcdefgh"[each] for each in shown)
    trials = BrainTrials(
        windows,
        SPEC,
        CUT,
        pictures=("",) * n,
        labels=labels,
        runs=tuple(str(4 * each // n) for each in range(n)),
        sessions=("",) * n,
        subjects=("",) * n,
    )
    return trials, one_hot(labels, tuple("abcdefgh"[:n_classes]))
