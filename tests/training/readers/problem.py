"""Small trials in which a latent is contained, for tests of deep readers."""

from __future__ import annotations

import numpy as np

from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials
from training.reader_recipe import ReaderRecipe

N_CHANNELS, N_TIMES, DIM, SFREQ = 6, 40, 4, 80.0
SPEC = PreprocessingSpec.design(tuple("ABCDEF"), 2 * SFREQ, (1.0, 20.0), decimation=2)
TUNED = {"epochs": 10, "learning_rate": 1e-2, "thaw": 0.0}
TINY_EEGNET = {"kind": "eegnet", "width": 16, "n_filters": 2, "kernel_s": 0.1, "pool_s": 0.05, "dropout": 0.0}
TINY_NICE = {"kind": "nice", "width": 16, "n_filters": 4, "kernel_s": 0.05, "pool_s": 0.1, "stride_s": 0.05}


def tiny_recipe(**changes: object) -> ReaderRecipe:
    """A recipe whose network learns in a second."""
    optimiser = {"epochs": 15, "batch_size": 16, "learning_rate": 1e-2, "warm_up": 2, "validation": 0.2}
    return ReaderRecipe.model_validate({"reader": TINY_EEGNET, "optimiser": optimiser, **changes})


def trials(
    n: int, seed: int = 0, signal: float = 1.0, brain: int = 7
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Windows (n, n_channels, n_times), latents (n, dim), picture ids: each latent drives one pattern of channels."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(brain)
    targets = rng.normal(size=(n, DIM)).astype(np.float32)
    patterns = fixed.normal(size=(DIM, N_CHANNELS))
    course = np.hanning(N_TIMES)
    noise = fixed.normal(size=(N_CHANNELS, N_CHANNELS)) @ rng.normal(size=(n, N_CHANNELS, N_TIMES))
    windows = 10 * (noise + signal * np.einsum("nd,dc,t->nct", targets, patterns, course) + fixed.normal(size=(6, 1)))
    return windows.astype(np.float32), targets, tuple(f"picture {seed}/{number}" for number in range(n))


def two_participants() -> tuple[BrainTrials, np.ndarray]:
    """Ada and Ben, with other brains, 80 trials each to learn from and 40 to score."""
    parts = [trials(120, seed=seed, brain=seed) for seed in (1, 2)]
    made = BrainTrials(
        np.concatenate([windows for windows, _, _ in parts]),
        SPEC,
        TrialSpec(start_s=0.0, stop_s=0.5),
        pictures=(*parts[0][2], *parts[1][2]),
        labels=("",) * 240,
        runs=("",) * 240,
        sessions=(("training",) * 80 + ("test",) * 40) * 2,
        subjects=("Ada",) * 120 + ("Ben",) * 120,
    )
    return made, np.concatenate([targets for _, targets, _ in parts])
