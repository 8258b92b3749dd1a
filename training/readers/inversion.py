"""A reader by Bayes' rule: which of many natural pictures would have driven the neurons so? The mean of their latents.

An encoding model predicts the response to each picture of a bank; the pictures whose prediction fits a response, given
the covariance of what the model leaves unexplained, are averaged in the latent space. A linear reader is averaged with
it: the bank knows what natural pictures are like, the linear reader what the model has missed. How sharply the bank is
weighed is chosen on training pictures that were left out of a first fit.

Source: Naselaris et al., Neuron 63 (2009) 902-915, there with a bank of six million pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.graph import OPSET
from bci_app.calibration.penalised import fit_penalised
from bci_app.contract.errors import SettingsError
from bci_app.contract.identification import pairwise_identification
from training.readers.encoding import Doubles, fit_encoding
from training.readers.picture_features import PictureFeatures

Floats = NDArray[np.float32]

_SHARPNESS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
"""Powers of the likelihood tried; below one, because the model's errors are not as independent as its covariance says."""
_SHRINKAGE = 0.1
_OWN_SHARE = 3.0
"""How many times a training picture counts in the bank: it is of the kind that is shown."""
_LINEAR_PENALTIES = np.logspace(0, 5, 11)


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Natural pictures that were not recorded: their features, and their latents (n, latent_dim)."""

    features: PictureFeatures
    latents: Floats


@dataclass(frozen=True, slots=True, eq=False)
class InversionReader:
    """Windows (n, n_channels, 1) of counts -> latents.

    With u = (sqrt(counts) - mean) / spread, the reading is the mean of ``linear(u)`` and of the bank's latents under
    weights softmax(-sharpness / 2 |u @ whitener - predicted|^2 + log share).

    Attributes
    ----------
    mean, spread : float32 array (n_channels,)
    coefficients, intercept : float32 array (n_channels, latent_dim), (latent_dim,)
        The linear reader.
    whitener : float32 array (n_channels, n_channels)
    predicted : float32 array (n_bank, n_channels)
        Whitened predicted responses to the pictures of the bank.
    log_share : float32 array (n_bank,)
        Logarithm of how much each counts before anything is read.
    latents : float32 array (n_bank, latent_dim)
    mean_target : float32 array (latent_dim,)
    sharpness : float
    explained : float64 array (n_channels,)
        Share of each neuron's variance that the encoding model explains on pictures left out of it.
    """

    mean: Floats
    spread: Floats
    coefficients: Floats
    intercept: Floats
    whitener: Floats
    predicted: Floats
    log_share: Floats
    latents: Floats
    mean_target: Floats
    sharpness: float
    explained: Doubles

    def read(self, windows: Floats) -> Floats:
        """Latents (n, latent_dim) of windows (n, n_channels, 1)."""
        return self.read_scaled((np.sqrt(np.maximum(windows[:, :, 0], 0)) - self.mean) / self.spread)

    def read_scaled(self, scaled: Floats) -> Floats:
        """Latents (n, latent_dim) of u (n, n_channels)."""
        linear = scaled @ self.coefficients + self.intercept
        scores = self._scores(scaled)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        latents: Floats = (0.5 * (linear + weights @ self.latents)).astype(np.float32)
        return latents

    def _scores(self, scaled: Floats) -> Floats:
        """As in the graph: |a|^2 is the same for the whole bank and left out."""
        constant = self.log_share - 0.5 * self.sharpness * (self.predicted**2).sum(axis=1)
        scores: Floats = self.sharpness * (scaled @ self.whitener) @ self.predicted.T + constant
        return scores

    def graph(self) -> bytes:
        """See `bci_app.calibration.export.Reader`."""
        from onnx import TensorProto, checker, helper, numpy_helper

        constants = {
            "zero": np.float32(0),
            "mean": self.mean,
            "spread": self.spread,
            "coefficients": self.coefficients,
            "intercept": self.intercept,
            "towards": np.ascontiguousarray(self.sharpness * self.whitener @ self.predicted.T, np.float32),
            "constant": (self.log_share - 0.5 * self.sharpness * (self.predicted**2).sum(axis=1)).astype(np.float32),
            "latents": self.latents,
            "half": np.float32(0.5),
        }
        steps = [
            ("Flatten", ["window"], "counts"),
            ("Max", ["counts", "zero"], "positive"),
            ("Sqrt", ["positive"], "root"),
            ("Sub", ["root", "mean"], "centred"),
            ("Div", ["centred", "spread"], "scaled"),
            ("Gemm", ["scaled", "coefficients", "intercept"], "linear"),
            ("Gemm", ["scaled", "towards", "constant"], "scores"),
            ("Softmax", ["scores"], "weights"),
            ("MatMul", ["weights", "latents"], "averaged"),
            ("Add", ["linear", "averaged"], "sum"),
            ("Mul", ["sum", "half"], "latent"),
        ]
        n_channels, dim = self.coefficients.shape
        graph = helper.make_graph(
            [helper.make_node(kind, given, [made]) for kind, given, made in steps],
            "inversion_reader",
            [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["batch", n_channels, 1])],
            [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", dim])],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        checker.check_model(model)
        return bytes(model.SerializeToString())


@dataclass(frozen=True, slots=True, eq=False)
class _Trials:
    """Scaled responses (n, n_channels), latents (n, dim), number of the picture of each, its features (n)."""

    scaled: Doubles
    targets: Doubles
    picture: NDArray[np.intp]
    features: PictureFeatures

    def take(self, chosen: NDArray[np.intp]) -> _Trials:
        return _Trials(self.scaled[chosen], self.targets[chosen], self.picture[chosen], self.features.take(chosen))


def fit_inversion(
    windows: Floats, targets: Floats, pictures: Sequence[str], features: PictureFeatures, bank: Bank, seed: int = 0
) -> InversionReader:
    """Fit encoding model and linear reader; the sharpness is chosen on a fifth of the pictures, by a fit to the others.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, 1)
        Counts.
    targets : float32 array (n_trials, latent_dim)
        Latent of the picture shown in each.
    pictures : sequence of str
        Its id.
    features : PictureFeatures
        Of the picture shown in each trial (n_trials).
    bank : Bank
        Pictures of which none was recorded.
    seed : int
        Draws that fifth.

    Raises
    ------
    SettingsError
        If a window holds more than one time, or there are too few pictures.
    """
    if windows.shape[2] != 1:
        raise SettingsError(
            f"This reader reads one count per neuron and presentation; the windows have {windows.shape[2]} bins. Sum them."
        )
    roots = np.sqrt(np.maximum(windows[:, :, 0].astype(np.float64), 0))
    mean, spread = roots.mean(axis=0), roots.std(axis=0) + 1e-6
    _, picture = np.unique(np.array(pictures, dtype=np.str_), return_inverse=True)
    trials = _Trials((roots - mean) / spread, targets.astype(np.float64), picture, features)
    order = np.random.default_rng(seed).permutation(picture.max() + 1)
    left_out = np.isin(picture, order[: max(len(order) // 5, 2)])
    tried = _fit(trials.take(np.flatnonzero(~left_out)), bank)
    sharpness = max(
        _SHARPNESS, key=lambda each: _identified(replace(tried, sharpness=each), trials.take(np.flatnonzero(left_out)))
    )
    return replace(
        _fit(trials, bank), mean=mean.astype(np.float32), spread=spread.astype(np.float32), sharpness=sharpness
    )


def _fit(trials: _Trials, bank: Bank) -> InversionReader:
    """A reader of scaled responses, of no particular sharpness."""
    linear = fit_penalised(trials.scaled, trials.targets, _LINEAR_PENALTIES)
    _, first, own = np.unique(trials.picture, return_index=True, return_inverse=True)
    responses = np.stack([trials.scaled[own == number].mean(axis=0) for number in range(len(first))])
    model = fit_encoding(trials.features.take(first), responses)
    unexplained = np.atleast_2d(np.cov((trials.scaled - model.left_out[own]).T))
    unexplained = (1 - _SHRINKAGE) * unexplained + _SHRINKAGE * np.diag(np.diag(unexplained))
    whitener = np.linalg.cholesky(np.linalg.inv(unexplained))
    n_channels, centre = len(whitener), trials.targets.mean(axis=0)
    share = np.concatenate([np.full(len(first), _OWN_SHARE), np.ones(len(bank.latents))])
    latents = np.concatenate([trials.targets[first], bank.latents])
    # the bank's pictures differ from those shown on the whole; a reading says how one differs from what is usual
    latents += centre - share @ latents / share.sum()
    arrays = {
        "mean": np.zeros(n_channels),
        "spread": np.ones(n_channels),
        "coefficients": linear.coefficients,
        "intercept": linear.intercept,
        "whitener": whitener,
        "predicted": np.concatenate([model.left_out, model.predict(bank.features)]) @ whitener,
        "log_share": np.log(share),
        "latents": latents,
        "mean_target": centre,
    }
    settled = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    return InversionReader(**settled, sharpness=1.0, explained=model.explained)


def _identified(reader: InversionReader, trials: _Trials) -> float:
    """Mean pairwise identification of the trials, components divided by their spread."""
    centre, spread = trials.targets.mean(axis=0), trials.targets.std(axis=0) + 1e-12
    read = reader.read_scaled(trials.scaled.astype(np.float32))
    known, wanted = ((side - centre) / spread for side in (read, trials.targets))
    return float(pairwise_identification(known, wanted, np.zeros(len(centre))).mean())
