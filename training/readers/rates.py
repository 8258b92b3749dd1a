"""Firing rates of neurons from pictures: an encoding model of the square root of a count, and whether it is valid.

The square root makes the variance of a count nearly the same at every rate; squared again, predictions reach high rates
better than those of a fit to the counts themselves (left-out variance explained in V4: 0.248 against 0.244 with energies,
0.312 against 0.310 with a classifier's maps). A readout that is linear in the same features, which would go on rising
however far a picture is from those recorded, explains less; the kernel's predictions fall back to the mean far away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.readers.encoding import Doubles, EncodingModel, fit_encoding
from training.readers.picture_features import PictureFeatures

_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class RateModel:
    """rate = intercept + slope * max(0, predicted root)^2, never below zero.

    Attributes
    ----------
    roots : EncodingModel
        Of the square roots of the rates.
    intercept, slope : float64 array (n_neurons,)
        Fitted to left-out predictions, so that shrinkage is undone as far as it is too strong.
    left_out : float64 array (n_pictures, n_neurons)
        Rate of each picture of the fit as predicted from the others.
    """

    roots: EncodingModel
    intercept: Doubles
    slope: Doubles
    left_out: Doubles

    def predict(self, features: PictureFeatures) -> Doubles:
        """Rates (n_pictures, n_neurons), in the unit of what was fitted."""
        return self._of(self.roots.predict(features))

    def _of(self, roots: Doubles) -> Doubles:
        return np.asarray(np.maximum(self.intercept + self.slope * np.maximum(roots, 0) ** 2, 0))

    def distance(self, features: PictureFeatures) -> Doubles:
        """How far each picture (n,) is from the nearest of the fit, where the kernel exp(-d^2 / 4) is 1 at no distance."""
        squares = np.zeros((len(features.blocks[0]), len(self.left_out)))
        for scale, block, known in zip(self.roots.scales, features.blocks, self.roots.known, strict=True):
            own = scale.apply(block)
            squares += (own**2).sum(axis=1)[:, np.newaxis] + (known**2).sum(axis=1) - 2 * own @ known.T
        nearest: Doubles = np.sqrt(np.maximum(squares, 0).min(axis=1))
        return nearest


def fit_rates(features: PictureFeatures, rates: Doubles) -> RateModel:
    """Fit to one rate per picture, (n_pictures, n_neurons), none negative; SettingsError as `fit_encoding`."""
    roots = fit_encoding(features, np.sqrt(rates))
    squares = np.maximum(roots.left_out, 0) ** 2
    off = squares - squares.mean(axis=0)
    slope = (off * rates).mean(axis=0) / np.maximum(squares.var(axis=0), _SMALLEST)
    slope = np.maximum(slope, 0.0)
    intercept = rates.mean(axis=0) - slope * squares.mean(axis=0)
    return RateModel(roots, intercept, slope, np.maximum(intercept + slope * squares, 0))


def explained(predicted: Doubles, rates: Doubles) -> Doubles:
    """Share of the variance (n_neurons,) of rates (n_pictures, n_neurons) that predictions explain; below zero if none."""
    return np.asarray(1 - ((predicted - rates) ** 2).mean(axis=0) / np.maximum(rates.var(axis=0), _SMALLEST))


@dataclass(frozen=True, slots=True, eq=False)
class Validity:
    """Which neurons' models predict pictures that were not in the fit.

    Attributes
    ----------
    explained : float64 array (n_neurons,)
    threshold : float
        The 97.5th percentile of what models explain that were fitted to shuffled pairs.
    valid : bool array (n_neurons,)
    """

    explained: Doubles
    threshold: float
    valid: NDArray[np.bool_]


def find_valid(
    model: RateModel,
    fitted: tuple[PictureFeatures, Doubles],
    held_out: tuple[PictureFeatures, Doubles],
    seed: int,
    n_shuffles: int = 10,
) -> Validity:
    """Compare what the model explains of held-out pictures with what models of shuffled pairs do.

    Parameters
    ----------
    model : RateModel
        Of `fitted`.
    fitted, held_out : (PictureFeatures, float64 array (n_pictures, n_neurons))
        Pictures with their rates.
    seed, n_shuffles : int
        Of the pairs, and how often they are shuffled; every neuron counts each time.
    """
    rng = np.random.default_rng([seed, 1])
    by_chance = []
    for _ in range(n_shuffles):
        blind = fit_rates(fitted[0], rng.permutation(fitted[1]))
        by_chance.append(explained(blind.predict(held_out[0]), held_out[1]))
    found = explained(model.predict(held_out[0]), held_out[1])
    threshold = float(np.quantile(by_chance, 0.975))
    return Validity(found, threshold, found > threshold)
