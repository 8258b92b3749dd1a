"""Penalised least squares with a penalty of its own for every target, chosen by the exact leave-one-out error.

One eigendecomposition serves all penalties and all targets, of the smaller of the two Gram matrices: 1,200 trials of
20,000 features cost one product of 1,200 x 20,000 x 1,200, done in the precision of the features. scikit-learn's RidgeCV
does the same sums in double precision, and makes the coefficients of all features for every penalty, which is most of its
time at these sizes; here only those of the chosen penalties are made (`python -m tests.benchmarks ridge` measures both).

Source: Golub, Heath & Wahba, Technometrics 21 (1979) 215-223; the left-out error of a linear smoother,
e_i = (y_i - yhat_i) / (1 - h_ii), Hastie, Tibshirani & Friedman, Elements of Statistical Learning, eq. 7.64.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError

Real = NDArray[np.floating]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Penalised:
    """A fitted linear map, targets = features @ coefficients + intercept.

    Attributes
    ----------
    coefficients : float64 array (n_features, n_targets)
    intercept : float64 array (n_targets,)
    penalties : float64 array (n_targets,)
        Chosen for each target.
    left_out : float64 array (n_samples, n_targets)
        Prediction of each sample by the fit to all others, under the penalty chosen.
    error : float64 array (n_targets,)
        Mean square of targets minus `left_out`.
    """

    coefficients: Doubles
    intercept: Doubles
    penalties: Doubles
    left_out: Doubles
    error: Doubles

    def predict(self, features: Real) -> Doubles:
        """Targets (n, n_targets) of features (n, n_features)."""
        return np.asarray(features @ self.coefficients + self.intercept)


def fit_penalised(features: Real, targets: Real, penalties: Iterable[float]) -> Penalised:
    """Ridge regression with intercept; features and targets are centred, not scaled.

    Parameters
    ----------
    features : float array (n_samples, n_features)
        float32 halves the time of the one large product.
    targets : float array (n_samples, n_targets)
    penalties : iterable of float
        Tried for each target; all above zero.

    Raises
    ------
    SettingsError
        If the two do not belong together, there are fewer than three samples, or a penalty is not above zero.
    """
    grid = np.array(sorted(penalties), dtype=np.float64)
    if features.ndim != 2 or targets.ndim != 2 or len(features) != len(targets) or len(features) < 3:
        raise SettingsError(
            f"Least squares need features and targets of the same 3 or more samples; got {features.shape} and {targets.shape}."
        )
    if grid.size == 0 or not (np.isfinite(grid).all() and grid[0] > 0):
        raise SettingsError(f"Penalties must be finite and above 0; got {grid.tolist()}.")
    mean, centre = features.mean(axis=0, dtype=np.float64), targets.mean(axis=0, dtype=np.float64)
    centred, wanted = features - mean.astype(features.dtype), targets - centre
    solve = _by_samples if features.shape[0] <= features.shape[1] else _by_features
    coefficients, chosen, residuals = solve(centred, wanted, grid)
    return Penalised(
        coefficients,
        centre - mean @ coefficients,
        grid[chosen],
        targets - residuals,
        (residuals**2).mean(axis=0),
    )


def _by_samples(centred: Real, wanted: Doubles, grid: Doubles) -> tuple[Doubles, NDArray[np.intp], Doubles]:
    """Coefficients, index of each target's penalty, left-out residuals, through the Gram matrix of the samples."""
    dual, chosen, residuals = solve_dual((centred @ centred.T).astype(np.float64), wanted, grid)
    return (centred.T @ dual.astype(centred.dtype)).astype(np.float64), chosen, residuals


def solve_dual(gram: Doubles, wanted: Doubles, grid: Doubles) -> tuple[Doubles, NDArray[np.intp], Doubles]:
    """The same of any centred Gram matrix or kernel (n_samples, n_samples): dual weights in place of coefficients.

    `wanted` (n_samples, n_targets) is centred; `grid` holds the penalties. Returns the dual weights (n_samples, n_targets),
    the index of each target's penalty, and the left-out residuals.
    """
    values, vectors = np.linalg.eigh(gram)
    rotated, squares = vectors.T @ wanted, vectors**2
    best = _Best(wanted.shape)
    for index, penalty in enumerate(grid):
        inverse = 1 / (np.maximum(values, 0) + penalty)
        dual = vectors @ (inverse[:, np.newaxis] * rotated)
        # the constant lies in the null space of the centred Gram matrix and is not penalised
        diagonal = squares @ inverse - 1 / (len(wanted) * penalty)
        best.offer(index, dual / diagonal[:, np.newaxis], dual)
    return best.kept, best.chosen, best.residuals


def _by_features(centred: Real, wanted: Doubles, grid: Doubles) -> tuple[Doubles, NDArray[np.intp], Doubles]:
    """As `_by_samples`, through the Gram matrix of the features."""
    values, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    scores = centred @ vectors
    rotated, squares = scores.T @ wanted, scores**2
    best = _Best(wanted.shape, (centred.shape[1], wanted.shape[1]))
    for index, penalty in enumerate(grid):
        inverse = 1 / (np.maximum(values, 0) + penalty)
        weights = inverse[:, np.newaxis] * rotated
        leverage = squares @ inverse + 1 / len(wanted)
        best.offer(index, (wanted - scores @ weights) / (1 - leverage)[:, np.newaxis], weights)
    return vectors @ best.kept, best.chosen, best.residuals


class _Best:
    """The penalty with the least left-out error of each target, and what goes with it."""

    def __init__(self, shape: tuple[int, ...], kept: tuple[int, ...] | None = None) -> None:
        self.error = np.full(shape[1], np.inf)
        self.chosen = np.zeros(shape[1], np.intp)
        self.residuals = np.zeros(shape)
        self.kept = np.zeros(shape if kept is None else kept)

    def offer(self, index: int, residuals: Doubles, kept: Doubles) -> None:
        """Keep what is better for each target."""
        error = (residuals**2).mean(axis=0)
        better = error < self.error
        self.error[better], self.chosen[better] = error[better], index
        self.residuals[:, better], self.kept[:, better] = residuals[:, better], kept[:, better]
