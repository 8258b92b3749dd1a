"""Categories from the covariance of a trial with the mean trials of the classes, as a graph of sums and products.

A trial is stacked on prototypes of the classes, so that their covariance holds how the trial goes along with each; it is
shrunk, taken to the tangent space at the training trials' Riemannian mean, and read there by logistic regression. A copy of
the trial some samples later lets the covariance hold time courses too. The matrix logarithm is the only step that is no
sum of products; ONNX has no eigendecomposition, so it is computed by roots and a power series, all of them products.

Sources: Barachant & Congedo 2014, arXiv 1409.0107 (prototypes); Barachant, Bonnet, Congedo & Jutten, Neurocomputing 112
(2013) 172-178 (tangent space); Chen, Wiesel, Eldar & Hero, IEEE Trans. Signal Processing 58 (2010) 5016-5029, eq. 23
(shrinkage); Higham, Functions of Matrices (2008), chapter 6 (Newton and Schulz's root) and 11 (inverse scaling and
squaring).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bci_app.contract.errors import SettingsError
from training.readers.network_reader import NetworkReader

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

ROOT_STEPS = (22, 13, 9, 7)
"""Newton steps of each root. The first grows an eigenvalue of a millionth of the largest, later ones have less to do."""
N_TERMS = 24
"""Of the power series; after four roots no eigenvalue is further than 0.58 from 1, and 0.58 ** 24 is two millionths."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one of the covariances of a trial is of.

    Attributes
    ----------
    times : float64 array (n_times, n_kept)
        What is done along time first: a filter, and which samples are kept.
    lags : tuple of int
        Copies of the trial so many samples later, beside itself.
    """

    times: Doubles
    lags: tuple[int, ...] = ()


class ViewNetwork(nn.Module):
    """One view of a trial, whitened; its weights for what comes of the logarithm of that.

    Parameters
    ----------
    view : View
    prototypes : float64 array (n_prototypes, n)
    """

    times: Tensor
    prototypes: Tensor
    whitening: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(self, view: View, prototypes: Doubles) -> None:
        super().__init__()
        self.lags = view.lags
        self.register_buffer("times", torch.from_numpy(view.times))
        self.register_buffer("prototypes", torch.from_numpy(prototypes))
        for name in ("whitening", "weights", "bias"):
            self.register_buffer(name, torch.zeros(1, dtype=torch.float64))

    def forward(self, window: Tensor) -> Tensor:
        """Whitened covariances (batch, size, size), near the identity."""
        return self.whitening @ self.covariances(window) @ self.whitening

    def decide(self, tangent: Tensor) -> Tensor:
        """Decision values (batch, n_classes) of logarithms (batch, size, size)."""
        return tangent.flatten(1) @ self.weights + self.bias

    def lagged(self, window: Tensor) -> Tensor:
        """The trial and its later copies, (batch, n_channels * (1 + n_lags), n)."""
        kept = window.double() @ self.times
        n = kept.shape[2] - max(self.lags, default=0)
        return torch.cat([kept[:, :, lag : lag + n] for lag in (0, *self.lags)], dim=1)

    def covariances(self, window: Tensor) -> Tensor:
        """Shrunk covariances (batch, size, size) of the prototypes and the trial."""
        trial = self.lagged(window)
        prototypes = self.prototypes.expand(trial.shape[0], *self.prototypes.shape)
        return shrunk_covariance(torch.cat([prototypes, trial], dim=1))


class CovarianceNetwork(nn.Module):
    """Windows (batch, n_channels, n_times) -> decision values (batch, n_classes); computed in double precision.

    The mean over views. All their logarithms are taken at once: a smaller matrix is filled up by ones on the diagonal, of
    which the logarithm is zero.
    """

    def __init__(self, views: Sequence[ViewNetwork]) -> None:
        super().__init__()
        self.views = nn.ModuleList(views)
        self.sizes = [len(view.whitening) for view in views]

    def forward(self, window: Tensor) -> Tensor:
        """Decision values float32 (batch, n_classes)."""
        largest = max(self.sizes)
        filled = [_filled(view(window), largest) for view in self.views]
        tangents = matrix_logarithm(torch.stack(filled, dim=1))
        decisions = [
            view.decide(tangents[:, number, :size, :size])  # type: ignore[operator]
            for number, (view, size) in enumerate(zip(self.views, self.sizes, strict=True))
        ]
        return torch.stack(decisions).mean(dim=0).float()


def _filled(matrices: Tensor, size: int) -> Tensor:
    """Matrices (batch, n, n) as the upper left part of the identity (size, size)."""
    missing = size - matrices.shape[1]
    ones = torch.cat([torch.zeros(size - missing), torch.ones(missing)]).to(matrices.dtype)
    return nn.functional.pad(matrices, (0, missing, 0, missing)) + torch.diag(ones)


def shrunk_covariance(signals: Tensor) -> Tensor:
    """Oracle approximating shrinkage of the covariance over time, (batch, n, n) of signals (batch, n, n_times)."""
    size, n_times = signals.shape[1], signals.shape[2]
    centred = signals - signals.mean(dim=2, keepdim=True)
    covariance = centred @ centred.transpose(1, 2) / n_times
    identity = torch.eye(size, dtype=signals.dtype)
    mean = (covariance * identity).sum(dim=(1, 2), keepdim=True) / size
    square = (covariance**2).mean(dim=(1, 2), keepdim=True)
    beyond = (n_times + 1) * (square - mean**2 / size)
    share = torch.clamp((square + mean**2) / torch.clamp(beyond, min=1e-300), max=1.0)
    return (1 - share) * covariance + share * mean * identity


def matrix_logarithm(matrices: Tensor) -> Tensor:
    """Logarithms (..., n, n) of symmetric positive definite matrices (..., n, n), by products alone.

    It is right within 1e-7 for eigenvalues from the largest down to a ten-thousandth of it, and within 3e-5 down to a
    millionth; smaller ones are taken for larger than they are.
    """
    identity = torch.eye(matrices.shape[-1], dtype=matrices.dtype)
    size = torch.sqrt((matrices**2).sum(dim=(-2, -1), keepdim=True))
    root = matrices / size
    for n_steps in ROOT_STEPS:
        root = _root(root, identity, n_steps)
    rest = identity - root
    series = rest / N_TERMS
    for power in range(N_TERMS - 1, 0, -1):
        series = rest @ (series + identity / power)
    n_roots = 2.0 ** len(ROOT_STEPS)
    return torch.log(size) * identity - n_roots * series


def _root(matrices: Tensor, identity: Tensor, n_steps: int) -> Tensor:
    """Square root of matrices whose eigenvalues lie above 0 and at most at 1 (Newton and Schulz)."""
    root, half = matrices, -0.5 * identity  # minus half the inverse root, which saves two operators in each step
    start = 1.5 * identity
    for _ in range(n_steps):
        step = start + half @ root
        root, half = root @ step, step @ half
    return root


def fit_covariance(
    windows: Floats,
    targets: Floats,
    views: Sequence[View],
    n_prototypes: int = 2,
    penalty: float = 100.0,
    seed: int = 0,
) -> NetworkReader:
    """Of each view prototypes, reference and logistic regression, all from training trials; their mean is read.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, n_times)
    targets : float32 array (n_trials, n_classes)
        One-hot.
    views : sequence of View
        The decision values of each are divided by their spread over the training trials before the mean is taken.
    n_prototypes : int
        Leading patterns of each class's mean trial.
    penalty : float
        Inverse of scikit-learn's C, for features of unit variance.
    seed : int
        Of the solver.

    Raises
    ------
    SettingsError
        If a class has no trial, or a view does not fit the windows or leaves less than ten samples.
    """
    for view in views:
        _check(windows, targets, view)
    fitted = [_fit_view(windows, targets, view, n_prototypes, penalty, seed) for view in views]
    shape = (windows.shape[1], windows.shape[2])
    mean_target = targets.mean(axis=0, dtype=np.float64).astype(np.float32)
    return NetworkReader(CovarianceNetwork(fitted).eval(), shape, mean_target)


def _fit_view(
    windows: Floats, targets: Floats, view: View, n_prototypes: int, penalty: float, seed: int
) -> ViewNetwork:
    from pyriemann.geometry.base import invsqrtm
    from pyriemann.geometry.mean import mean_riemann

    trials = _in_parts(ViewNetwork(view, np.zeros((1, 1))).lagged, windows)
    network = ViewNetwork(view, _prototypes(trials, targets, n_prototypes))
    network.whitening = torch.from_numpy(invsqrtm(mean_riemann(_in_parts(network.covariances, windows))))
    tangent = matrix_logarithm(torch.from_numpy(_in_parts(network, windows))).flatten(1).numpy()
    weights, bias = _logistic(tangent, targets, penalty, seed)
    spread = max(float((tangent @ weights + bias).std()), 1e-9)
    network.weights, network.bias = torch.from_numpy(weights / spread), torch.from_numpy(bias / spread)
    return network


def high_pass_times(n_times: int, sfreq: float, corner_hz: float, skip: int = 0) -> Doubles:
    """A causal second-order Butterworth high-pass over a window as a matrix (n_times, n_times - skip).

    The filter is at rest before the window, whose first `skip` samples are then left out.
    """
    from scipy import signal

    sections = signal.butter(2, corner_hz, "highpass", fs=sfreq, output="sos")
    return np.ascontiguousarray(signal.sosfilt(sections, np.eye(n_times), axis=1)[:, skip:])


def _prototypes(trials: Doubles, targets: Floats, n_prototypes: int) -> Doubles:
    """Leading patterns of each class's mean trial, one class after the other."""
    found = []
    for shown in targets.T:
        mean = trials[shown > 0].mean(axis=0)
        patterns = np.linalg.svd(mean, full_matrices=False)[0][:, :n_prototypes]
        found.append(patterns.T @ mean)
    return np.concatenate(found)


def _logistic(tangent: Doubles, targets: Floats, penalty: float, seed: int) -> tuple[Doubles, Doubles]:
    """Weights (n_features, n_classes) and bias of logistic regression on features of unit variance.

    The two halves of the matrix are equal, so the weights of the lower one are zero.
    """
    from sklearn.linear_model import LogisticRegression

    size = round(np.sqrt(tangent.shape[1]))
    rows, columns = np.triu_indices(size)
    upper = tangent.reshape(-1, size, size)[:, rows, columns]
    mean, spread = upper.mean(axis=0), np.maximum(upper.std(axis=0), 1e-9)
    model = LogisticRegression(C=1 / penalty, max_iter=2000, random_state=seed)
    model.fit((upper - mean) / spread, targets.argmax(axis=1))
    coefficients, bias = model.coef_ / spread, model.intercept_ - (model.coef_ / spread) @ mean
    if len(coefficients) == 1:  # of two classes only the second has its own
        coefficients, bias = np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-bias, bias]) / 2
    weights = np.zeros((size, size, len(coefficients)))
    weights[rows, columns] = coefficients.T
    return weights.reshape(size * size, -1), bias


def _in_parts(network: Callable[[Tensor], Tensor], windows: Floats) -> Doubles:
    with torch.no_grad():
        parts = [network(torch.from_numpy(np.ascontiguousarray(part))).numpy() for part in _parts(windows)]
    return np.concatenate(parts)


def _parts(windows: Floats) -> list[Floats]:
    return [windows[start : start + 256] for start in range(0, len(windows), 256)]


def _check(windows: Floats, targets: Floats, view: View) -> None:
    times, n_left = view.times, view.times.shape[1] - max(view.lags, default=0)
    if len(windows) != len(targets) or targets.ndim != 2 or not targets.any(axis=0).all() or targets.shape[1] < 2:
        raise SettingsError(
            f"Each of {len(windows)} trials needs its class, of two or more that all have a trial; got {targets.shape}. Leave "
            "out classes without a trial."
        )
    if n_left < 10 or times.shape[0] != windows.shape[2]:
        raise SettingsError(
            f"A covariance needs at least 10 samples of windows of {times.shape[0]}; got windows of {windows.shape[2]}, and "
            f"lags leave {n_left}. Cut longer windows."
        )
