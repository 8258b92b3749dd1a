"""Linear discriminants of categories from the spatio-temporal pattern of a trial, in closed form.

A reader of categories gives decision values (n, n_classes), the largest for the class it reads.

Source: Blankertz, Lemm, Treder, Haufe & Mueller, NeuroImage 56 (2011) 814-825: discriminants of spatio-temporal patterns
with a shrunk covariance; Ledoit & Wolf, Journal of Multivariate Analysis 88 (2004) 365-411, for how far to shrink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bci_app.calibration.ridge import LinearReader
from bci_app.contract.errors import SettingsError
from training.evaluate.reader_reading import Indices, Read
from training.export import apply, to_onnx

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Names = NDArray[np.str_]
Reader = TypeVar("Reader", bound=Read)
CategoryFit = Callable[[Floats, Floats, Names], Reader]
"""fit(windows, one-hot targets, group of each trial) -> reader of decision values."""
N_INNER_FOLDS = 5


def fit_shrinkage_lda(
    windows: Floats, targets: Floats, bin_times: int = 1, shrinkage: float | None = None
) -> LinearReader:
    """The linear discriminant of each class, folded into one matrix over the window.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, n_times)
    targets : float32 array (n_trials, n_classes)
        One-hot.
    bin_times : int
        Samples averaged into one feature; a shorter rest at the end is not read.
    shrinkage : float, optional
        How far, above 0 to 1, the covariance within classes is shrunk towards a multiple of the identity, each feature
        divided by its training spread before; without it as Ledoit and Wolf say.

    Returns
    -------
    LinearReader
        Of the logarithm of each class's probability, up to what all have in common.

    Raises
    ------
    SettingsError
        If the targets are not one-hot over two or more classes that all have a trial, or a setting is out of range.
    """
    _check(windows, targets, bin_times, shrinkage)
    binned = bins(windows, bin_times)
    features = binned.reshape(len(windows), -1).astype(np.float64)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-9)
    standard = (features - mean) * scale
    counts = targets.sum(axis=0, dtype=np.float64)
    centres = targets.T @ standard / counts[:, np.newaxis]
    directions = _directions(standard - targets @ centres, centres, shrinkage)
    intercept = np.log(counts / counts.sum()) - 0.5 * np.einsum("kf,kf->k", centres, directions)
    weights = (directions * scale).reshape(len(counts), *binned.shape[1:])
    per_sample = np.zeros((*windows.shape[1:], len(counts)))
    per_sample[:, : binned.shape[2] * bin_times] = np.repeat(weights / bin_times, bin_times, axis=2).transpose(1, 2, 0)
    intercept -= (directions * scale) @ mean
    share = (counts / counts.sum()).astype(np.float32)
    return LinearReader(per_sample.astype(np.float32), intercept.astype(np.float32), share)


def bins(windows: Floats, bin_times: int) -> Floats:
    """Means over `bin_times` samples each, (n, n_channels, n_bins); a shorter rest at the end is left out."""
    n_bins = windows.shape[2] // bin_times
    whole = windows[:, :, : n_bins * bin_times]
    return np.asarray(whole.reshape(*windows.shape[:2], n_bins, bin_times).mean(axis=3), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class NetworkReader:
    """A fitted network (batch, n_channels, n_times) -> (batch, dim) as a reader.

    Attributes
    ----------
    network : nn.Module
        In evaluation mode.
    shape : (n_channels, n_times)
        Of a window.
    mean_target : float32 array (dim,)
    """

    network: nn.Module
    shape: tuple[int, int]
    mean_target: Floats

    def read(self, windows: Floats) -> Floats:
        """Readings (n, dim) of windows (n, n_channels, n_times)."""
        return np.asarray(apply(self.network, np.ascontiguousarray(windows, np.float32)), np.float32)

    def graph(self) -> bytes:
        """See `bci_app.calibration.export.Reader`."""
        return to_onnx(self.network, torch.zeros(2, *self.shape), "window", "latent")


class Averaged(nn.Module):
    """Mean of the decision values of several networks, each divided by its scale."""

    scales: Tensor

    def __init__(self, networks: Sequence[nn.Module], scales: Doubles) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.register_buffer("scales", torch.from_numpy(scales).float())

    def forward(self, window: Tensor) -> Tensor:
        """Decision values (batch, n_classes)."""
        parts = [network(window) / self.scales[number] for number, network in enumerate(self.networks)]
        return torch.stack(parts).mean(dim=0)


def average(readers: Sequence[NetworkReader | LinearReader], windows: Floats) -> NetworkReader:
    """One reader of the mean of several readers' decision values, each divided by its spread over training trials."""
    scales = np.array([reader.read(windows).std() for reader in readers], np.float64)
    shape = (windows.shape[1], windows.shape[2])
    networks = [as_network(reader) for reader in readers]
    return NetworkReader(Averaged(networks, np.maximum(scales, 1e-9)).eval(), shape, readers[0].mean_target)


def as_network(reader: NetworkReader | LinearReader) -> nn.Module:
    """The network of a reader; of a linear one a single layer."""
    if isinstance(reader, NetworkReader):
        return reader.network
    n_channels, n_times, dim = reader.weights.shape
    layer = nn.Linear(n_channels * n_times, dim)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(reader.weights.reshape(-1, dim).T))
        layer.bias.copy_(torch.from_numpy(reader.intercept))
    return nn.Sequential(nn.Flatten(), layer).eval()


def choose(
    candidates: Sequence[CategoryFit[Reader]], windows: Floats, targets: Floats, groups: Names, seed: int = 0
) -> tuple[Reader, Floats]:
    """The candidate that reads trials of left-out groups best, fitted on all.

    Parameters
    ----------
    candidates : sequence of callable
        See `CategoryFit`. The first of equals is taken.
    windows, targets : arrays
        Training trials, see `fit_shrinkage_lda`.
    groups : str array (n_trials,)
        Runs or participants, dealt over at most five folds; trials are dealt instead if all are of one group.
    seed : int
        For the deal.

    Returns
    -------
    reader : Read
    left_out : float32 array (n_trials, n_classes)
        Decision values of each trial by the chosen candidate fitted without its fold.
    """
    folds = _inner_folds(targets, groups, seed)
    left_out = []
    for fit in candidates:
        decisions = np.zeros_like(targets)
        for train, test in folds:
            decisions[test] = fit(windows[train], targets[train], groups[train]).read(windows[test])
        left_out.append(decisions)
    best = int(np.argmax([area(decisions, targets) for decisions in left_out]))
    return candidates[best](windows, targets, groups), left_out[best]


def divided(reader: LinearReader, spread: float) -> LinearReader:
    """The reader with its decision values divided by `spread`, so that those of several readers can be compared."""
    divisor = np.float32(max(spread, 1e-9))
    return replace(reader, weights=reader.weights / divisor, intercept=reader.intercept / divisor)


def area(decisions: Floats, targets: Floats) -> float:
    """Area under the ROC curve of each class against the others (n, n_classes), mean over the classes."""
    from sklearn.metrics import roc_auc_score

    others = (decisions.sum(axis=1, keepdims=True) - decisions) / (decisions.shape[1] - 1)
    return float(np.mean([roc_auc_score(*each) for each in zip(targets.T, (decisions - others).T, strict=True)]))


def without_group_means(windows: Floats, targets: Floats, groups: Names) -> Floats:
    """Windows less what their group has in common, the mean of its class means, plus the mean of that over groups.

    What tells participants from one another is so left out of what a reader learns, while the trials of a new one can be
    read as they are.
    """
    names = np.unique(groups)
    common = np.stack([_class_means(windows[groups == name], targets[groups == name]).mean(axis=0) for name in names])
    own = common[np.searchsorted(names, groups)]
    return np.asarray(windows - own + common.mean(axis=0), np.float32)


def _class_means(windows: Floats, targets: Floats) -> Floats:
    """Mean trial of each class that is there (n_present, n_channels, n_times)."""
    present = targets[:, targets.any(axis=0)]
    return np.asarray(np.einsum("nk,nct->kct", present / present.sum(axis=0), windows, optimize=True), np.float32)


def _inner_folds(targets: Floats, groups: Names, seed: int) -> list[tuple[Indices, Indices]]:
    from sklearn.model_selection import GroupKFold, StratifiedKFold

    n_groups, labels = len(np.unique(groups)), targets.argmax(axis=1)
    if n_groups > 1:
        return list(GroupKFold(min(N_INNER_FOLDS, n_groups)).split(labels, groups=groups))
    n_folds = min(N_INNER_FOLDS, int(targets.sum(axis=0).min()))
    return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(labels, labels))


def _directions(rest: Doubles, centres: Doubles, shrinkage: float | None) -> Doubles:
    """Inverse of the shrunk covariance of what is left within classes (n, n_features), times the centres' rows.

    With fewer trials than features through the matrix of trials (Woodbury), which is the smaller one.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    n, n_features = rest.shape
    shrunk = ledoit_wolf_shrinkage(rest, assume_centered=True) if shrinkage is None else shrinkage
    loading = max(shrunk * float((rest**2).mean()), 1e-12)
    kept = (1 - shrunk) / n
    if n > n_features:
        covariance = kept * rest.T @ rest + loading * np.eye(n_features)
        return np.asarray(np.linalg.solve(covariance, centres.T).T)
    inner = kept * rest @ rest.T + loading * np.eye(n)
    return np.asarray((centres - kept * np.linalg.solve(inner, rest @ centres.T).T @ rest) / loading)


def _check(windows: Floats, targets: Floats, bin_times: int, shrinkage: float | None) -> None:
    one_hot = targets.ndim == 2 and np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()
    if len(windows) != len(targets) or not one_hot or targets.shape[1] < 2 or not targets.any(axis=0).all():
        raise SettingsError(
            f"Each of {len(windows)} trials needs its class, one-hot over two or more classes that all have a trial; got "
            f"targets {targets.shape}. Leave out classes without a trial."
        )
    if not 1 <= bin_times <= windows.shape[2] or not (shrinkage is None or 0 < shrinkage <= 1):
        raise SettingsError(
            f"Bins hold 1 to {windows.shape[2]} samples and a covariance is shrunk by more than 0, at most 1; got "
            f"{bin_times} and {shrinkage}. Choose others."
        )
