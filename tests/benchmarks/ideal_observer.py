"""A reader that knows the simulation: the exact response to every picture, and the noise that it stands in.

Responses go through the same `Preprocessor` and the same cut as the trials. The simulated response is linear in a picture's
features, so one silent recording with one feature at a time holds all of them. Noise is stationary, before and after causal
filters: its covariance depends on the lag alone, and half an hour without pictures gives it. Blinks, pops and drop-outs are in
it with their variance only, as if they were Gaussian; the tail of the picture before counts as noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from bci_app.calibration.recipe import CalibrationRecipe
from bci_app.contract.preprocessing import cut_trials, preprocess_recording
from bci_app.contract.signal import Marker, Recording
from bci_app.simulation.features import feature_map
from bci_app.simulation.participant import Participant, simulate_session
from bci_app.simulation.settings import ParticipantSettings

Doubles = NDArray[np.float64]

NOISE_S, NOISE_SESSION, APART_S = 1800.0, 900, 4.0
_LOADING = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class IdealObserver:
    """Trials and responses in coordinates in which the noise is white, of variance 1.

    `responses` (n_features, n_white) of each feature alone; `common` (n_white,) of all pictures.
    """

    responses: Doubles
    common: Doubles
    _spatial: Doubles
    _root: Doubles

    def whitened(self, windows: NDArray[np.float32]) -> Doubles:
        """Trials (n, n_channels, n_times) as (n, n_white), without what all pictures share."""
        return _white(windows, self._spatial, self._root) - self.common

    def scores(self, white: Doubles, features: Doubles) -> Doubles:
        """Log-likelihood (n, m) of each trial under each picture's features (m, n_features), but for what they share."""
        templates = features @ self.responses
        return np.asarray(white @ templates.T - 0.5 * (templates**2).sum(axis=1))

    def latents(self, white: Doubles, features: Doubles, latents: Doubles) -> Doubles:
        """The best linear reading (n, latent_dim) of latents, given what many pictures' features and latents are like."""
        mean, centre = features.mean(axis=0), latents.mean(axis=0)
        rest = features - mean
        spread, shared = rest.T @ rest / len(rest), rest.T @ (latents - centre) / len(rest)
        gram = self.responses @ self.responses.T
        seen = (white - mean @ self.responses) @ self.responses.T
        return np.asarray(centre + seen @ np.linalg.solve(np.eye(len(gram)) + spread @ gram, shared))


def build_observer(
    settings: ParticipantSettings, cutting: CalibrationRecipe, windows: NDArray[np.float32], features: Doubles
) -> IdealObserver:
    """The observer of this participant; training trials and their features tell what all pictures share."""
    participant = Participant(settings)
    axes = np.linalg.svd(np.ones((1, len(participant.channels))))[2]
    spatial = np.asarray(axes[1:], np.float64)  # an average reference leaves these
    root = np.asarray(np.linalg.cholesky(_noise(settings, cutting, spatial, windows.shape[2])), np.float64)
    responses = _white(_responses(participant, cutting), spatial, root)
    common = (_white(windows, spatial, root) - features @ responses).mean(axis=0)
    return IdealObserver(responses, common, spatial, root)


def _white(windows: NDArray[np.floating], spatial: Doubles, root: Doubles) -> Doubles:
    flat = np.einsum("ac,nct->nta", spatial, windows, optimize=True).reshape(len(windows), -1)
    return np.asarray(linalg.solve_triangular(root, flat.T.astype(np.float64), lower=True, check_finite=False).T)


def _responses(participant: Participant, cutting: CalibrationRecipe) -> NDArray[np.float32]:
    """Windows (n_features, n_channels, n_times) of a participant without noise who sees one feature at a time."""
    n_features, rate = len(feature_map().area), participant.sfreq
    onsets = 1.0 + APART_S * np.arange(n_features)
    data = np.zeros((len(participant.channels), int(rate * (onsets[-1] + APART_S))), np.float32)
    for feature, onset in enumerate(onsets):
        response = participant.cortex.specific(np.eye(n_features)[feature])
        first = int(onset * rate)
        data[:, first : first + response.shape[1]] += response
    markers = tuple(Marker(float(onset), str(feature)) for feature, onset in enumerate(onsets))
    silent = Recording(data, np.arange(data.shape[1]) / rate, participant.channels, rate, markers, "without noise")
    trials, _ = cut_trials(silent, cutting.preprocessing(silent.channels, rate), cutting.cut)
    return np.stack([trial.window.data for trial in trials])


def _noise(settings: ParticipantSettings, cutting: CalibrationRecipe, spatial: Doubles, n_times: int) -> Doubles:
    """Covariance of the noise in a window, times before channels."""
    silent = simulate_session(settings.model_copy(update={"session": NOISE_SESSION}), (), (), NOISE_S)
    spec = cutting.preprocessing(silent.channels, silent.sfreq)
    signal = spatial @ preprocess_recording(silent, spec).data[:, 4 * n_times :].astype(np.float64)
    n, size = signal.shape[1], len(spatial)
    covariance = np.empty((n_times, size, n_times, size))
    for lag in range(n_times):
        one = signal[:, lag:] @ signal[:, : n - lag].T / (n - lag)
        for time in range(n_times - lag):
            covariance[time + lag, :, time], covariance[time, :, time + lag] = one, one.T
    matrix = covariance.reshape(n_times * size, -1)
    return np.asarray(matrix + _LOADING * np.trace(matrix) / len(matrix) * np.eye(len(matrix)))
