"""Running evidence: is the decoder better than the same decoder fed noise?"""

from __future__ import annotations

import math
import threading

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.identification import bootstrap_interval, pairwise_identification
from bci_app.engine.views import Identification, IdentificationCurve

Floats = NDArray[np.floating]


def shuffled_band(n_trials: int) -> tuple[float, float]:
    """Between which scores the mean identification lies in 95 of 100 deals of `n_trials` readings to the trials at random.

    A reading ranks all n pictures, so dealt at random it scores 0, 1/(n-1), ..., 1 alike: 0.5 on average, with variance
    (n+1)/(12(n-1)). No two readings are dealt to the same trial, which leaves their mean a variance of at most 1/(n-1) of that;
    pictures that fit most readings make it less. So few numbers as there are with two or three trials give the whole range.

    Source: Hoeffding 1951, doi:10.1214/aoms/1177729545, theorem 2.
    """
    if n_trials < 2:
        return 0.0, 1.0
    half = 1.96 * math.sqrt((n_trials + 1) / 12) / (n_trials - 1)
    return max(0.0, 0.5 - half), min(1.0, 0.5 + half)


class RunningIdentification:
    """Pairwise identification over all trials so far, of the decoder and of its noise twin.

    Parameters
    ----------
    centre : float array (latent_dim,)
        Mean training latent.

    Notes
    -----
    After each trial all pairs are scored anew and one point is added to each curve; earlier points stay as they
    were shown. Thread: `add` from the decoding worker, `curves` from any.
    """

    def __init__(self, centre: Floats) -> None:
        self._centre = centre
        self._lock = threading.Lock()
        self._latents: dict[str, list[Floats]] = {"read": [], "noise": [], "shown": []}
        self._points: dict[str, list[tuple[int, float, float, float]]] = {"read": [], "noise": []}

    def __len__(self) -> int:
        """Trials so far; any thread."""
        return len(self._latents["shown"])

    @property
    def text(self) -> str:
        """Both scores as they stand, with their intervals and chance, in one sentence; the thread that adds."""
        with self._lock:
            newest = {name: points[-1] for name, points in self._points.items() if points}
        if not newest:
            return "too few to be scored."
        said = {name: f"{mean:.2f} (95 %: {low:.2f} to {high:.2f})" for name, (_, mean, low, high) in newest.items()}
        return f"identification {said['read']}, of the noise twin {said['noise']}; chance 0.50."

    def add(self, read: Floats, noise: Floats, shown: Floats) -> float:
        """Add a trial: latent read, latent its twin read from noise, latent of the picture shown (latent_dim,).

        Returns
        -------
        float
            Share of the other pictures that fit the reading less well than the one shown; NaN for the first trial.
        """
        for name, latent in (("read", read), ("noise", noise), ("shown", shown)):
            self._latents[name].append(latent)
        n, own = len(self._latents["shown"]), float("nan")
        if n < 2:
            return own
        latents = self.latents()
        for name, points in self._points.items():
            scores = pairwise_identification(latents[name], latents["shown"], self._centre)
            point = (n, *bootstrap_interval(scores))
            with self._lock:
                points.append(point)
            if name == "read":
                own = float(scores[-1])
        return own

    def latents(self) -> dict[str, NDArray[np.float32]]:
        """All latents so far (n, latent_dim): ``read``, ``noise``, ``shown``; the thread that adds, or after it."""
        return {name: np.array(each, np.float32) for name, each in self._latents.items()}

    def curves(self) -> Identification:
        """Both curves as they stand; any thread."""
        with self._lock:
            points = {name: np.array(each, dtype=np.float64).reshape(-1, 4) for name, each in self._points.items()}
        curves = {
            name: IdentificationCurve(each[:, 0].astype(np.intp), each[:, 1], each[:, 2], each[:, 3])
            for name, each in points.items()
        }
        return Identification(decoder=curves["read"], noise_twin=curves["noise"])
