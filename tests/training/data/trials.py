"""Small trials whose numbers tell which trial they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials


def numbered_trials(
    pictures: Sequence[str] = (),
    labels: Sequence[str] = (),
    runs: Sequence[str] = (),
    sessions: Sequence[str] = (),
    subjects: Sequence[str] = (),
) -> BrainTrials:
    """Trial i holds i in channel "a" and -i in channel "b"; what is not given is the same for all."""
    given = {"pictures": pictures, "labels": labels, "runs": runs, "sessions": sessions, "subjects": subjects}
    n = max(len(each) for each in given.values())
    numbers = np.arange(n, dtype=np.float32)
    return BrainTrials(
        np.stack([numbers, -numbers], axis=1)[:, :, None],
        PreprocessingSpec(channels=("a", "b"), sfreq=10.0, reference="none"),
        TrialSpec(start_s=0.0, stop_s=0.1),
        **{key: tuple(value) or ("",) * n for key, value in given.items()},
        name="numbers",
    )
