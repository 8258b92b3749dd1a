"""Ridge with a penalty per target against scikit-learn: 1,200 trials of 20,000 voxels to 120 latents, 11 penalties.

Features are in single precision, as they are read from files; scikit-learn turns them into double, which is part of what is
measured. Both choose among the same penalties and are compared on new trials. The order changes from turn to turn; the
processor's time stands beside the clock's, because that of a busy machine says little.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import RidgeCV

from bci_app.calibration.penalised import fit_penalised
from tests.benchmarks.results import Row, publish

N_TRIALS, N_NEW, N_VOXELS, DIM = 1200, 300, 20_000, 120
PENALTIES = np.logspace(1, 6, 11)
TURNS, TARGET, AIM, SAME = 3, 3.0, 10.0, 1e-3
Floats = np.ndarray
Predict = Callable[[Floats], Floats]


def problem() -> tuple[Floats, Floats, Floats, Floats]:
    """Trials and new trials, in each of which latents of growing noise are linearly contained."""
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((N_TRIALS + N_NEW, DIM), dtype=np.float32)
    patterns = rng.standard_normal((DIM, N_VOXELS), dtype=np.float32)
    voxels = 0.1 * latents @ patterns + rng.standard_normal((N_TRIALS + N_NEW, N_VOXELS), dtype=np.float32)
    wanted = latents + np.logspace(-1, 0.5, DIM, dtype=np.float32) * rng.standard_normal(
        latents.shape, dtype=np.float32
    )
    return voxels[:N_TRIALS], wanted[:N_TRIALS], voxels[N_TRIALS:], wanted[N_TRIALS:]


def ours(voxels: Floats, latents: Floats) -> tuple[Floats, Predict]:
    """Penalties and prediction."""
    fitted = fit_penalised(voxels, latents, PENALTIES)
    return fitted.penalties, fitted.predict


def theirs(voxels: Floats, latents: Floats) -> tuple[Floats, Predict]:
    """The same of scikit-learn."""
    fitted = RidgeCV(PENALTIES, alpha_per_target=True).fit(voxels, latents)
    return fitted.alpha_, fitted.predict


def explained(latents: Floats, read: Floats) -> Floats:
    """R2 of each target."""
    return np.asarray(1 - ((latents - read) ** 2).mean(axis=0) / latents.var(axis=0))


def main() -> int:
    """Measure and publish; 1 if a target was missed."""
    voxels, latents, new, wanted = problem()
    rivals = {"bci-app": ours, "scikit-learn": theirs}
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in rivals}
    found: dict[str, tuple[Floats, Predict]] = {}
    for turn in range(TURNS):
        for name in sorted(rivals, reverse=bool(turn % 2)):
            clock, processor = time.perf_counter(), time.process_time()
            found[name] = rivals[name](voxels, latents)
            spent[name].append((time.perf_counter() - clock, time.process_time() - processor))
    medians = {name: [statistics.median(each) for each in zip(*turns, strict=True)] for name, turns in spent.items()}
    faster = [their / our for our, their in zip(medians["bci-app"], medians["scikit-learn"], strict=True)]
    same = float((found["bci-app"][0] == found["scikit-learn"][0]).mean())
    scores = {name: explained(wanted, predict(new)) for name, (_, predict) in found.items()}
    apart = float(np.abs(scores["bci-app"] - scores["scikit-learn"]).max())
    rows = [Row(f"{name}: clock / processor", f"{a:.2f} / {b:.2f} s") for name, (a, b) in medians.items()]
    rows += [
        Row("times faster, by the clock", f"{faster[0]:.1f} x", f">= {TARGET:g} x, aim {AIM:g} x", faster[0] >= TARGET),
        Row("times faster, by the processor", f"{faster[1]:.1f} x", f">= {TARGET:g} x", faster[1] >= TARGET),
        Row("targets with the same penalty", f"{same:.3f}", "1", same == 1.0),
        Row("R2 on new trials, largest difference", f"{apart:.1e}", f"<= {SAME:g}", apart <= SAME),
        Row("different penalties chosen", str(len(np.unique(found["bci-app"][0])))),
        Row("R2 on new trials, mean", f"{scores['bci-app'].mean():.3f}"),
        Row("load average", f"{os.getloadavg()[0]:.1f}"),
    ]
    return int(not publish("ridge", rows, {"seconds": spent, "penalties": len(PENALTIES)}))


if __name__ == "__main__":
    sys.exit(main())
