"""A tiny brain with known truth: each trial is a fixed mixing of its picture's latent, and noise."""

from __future__ import annotations

import numpy as np

from bci_app.calibration.ridge import LinearReader
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials
from training.evaluate.reader_reading import Reading

DIM, CHANNELS, N_TIMES = 4, ("O1", "Oz", "O2"), 6


def brain_trials(windows: np.ndarray, pictures: tuple[str, ...], labels: tuple[str, ...] = ()) -> BrainTrials:
    """Trials at 100 Hz cut from the onset on."""
    n, n_channels, n_times = windows.shape
    names = CHANNELS if n_channels == 3 else tuple(f"E{each}" for each in range(n_channels))
    return BrainTrials(
        windows=windows.astype(np.float32),
        preprocessing=PreprocessingSpec(channels=names, sfreq=100.0),
        cut=TrialSpec(start_s=0.0, stop_s=n_times / 100),
        pictures=pictures,
        labels=labels or ("",) * n,
        runs=tuple(f"run {each % 2}" for each in range(n)),
        sessions=("",) * n,
        subjects=("",) * n,
        name="tiny",
    )


def linear_world(n: int, repeats: int = 1, noise: float = 0.3, seed: int = 0) -> tuple[BrainTrials, np.ndarray]:
    """`n` trials of n / repeats pictures, one after the other and then again, and the latent of each trial's picture."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(len(CHANNELS) * N_TIMES, DIM))
    latents = rng.normal(size=(n // repeats, DIM)).astype(np.float32)
    shown = np.arange(n) % len(latents)
    windows = latents[shown] @ mixing.T + noise * rng.normal(size=(n, len(mixing)))
    return brain_trials(windows.reshape(n, len(CHANNELS), N_TIMES), tuple(f"p{each}" for each in shown)), latents[shown]


def linear_fit(windows: np.ndarray, targets: np.ndarray, groups: tuple[str, ...], seed: int) -> LinearReader:
    """Least squares with a little loading, as fast as it goes."""
    flat = windows.reshape(len(windows), -1).astype(np.float64)
    mean, centre = flat.mean(axis=0), targets.mean(axis=0, dtype=np.float64)
    gram = (flat - mean).T @ (flat - mean) + 1e-3 * len(flat) * np.eye(flat.shape[1])
    weights = np.linalg.solve(gram, (flat - mean).T @ (targets - centre))
    intercept = centre - mean @ weights
    shape = (*windows.shape[1:], targets.shape[1])
    return LinearReader(
        weights.reshape(shape).astype(np.float32), intercept.astype(np.float32), centre.astype(np.float32)
    )


def made_reading(
    target: np.ndarray, real: np.ndarray, fold: np.ndarray | None = None, seed: int = 0, **given: object
) -> Reading:
    """A reading as if `real` had been read; its controls are noise, its centre zero and its spread one."""
    rng, n = np.random.default_rng((7, seed)), len(target)
    parts = {
        "noise": rng.normal(size=target.shape),
        "shuffled": rng.normal(size=target.shape),
        "centre": np.zeros(target.shape),
        "spread": np.ones(target.shape),
    }
    known = {
        "fold": np.zeros(n, np.intp) if fold is None else fold,
        "trial": np.arange(n),
        "seen": np.zeros(n, bool),
        "pictures": ("",) * n,
        "labels": ("",) * n,
        "held_out": "other pictures",
    }
    arrays = {key: value.astype(np.float32) for key, value in {**parts, "target": target, "real": real}.items()}
    return Reading(**arrays, **{**known, **given})  # type: ignore[arg-type]
