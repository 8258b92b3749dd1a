"""The last layer of a deep reader: features -> latents, solved on training trials and stretched by validation trials."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.encoders.reader import ReaderNetwork
from training.reader_recipe import ObjectiveSettings
from training.readers.deep_loop import AT_ONCE, Examples

Doubles = NDArray[np.float64]
PENALTIES = np.logspace(-2, 5, 15)
"""Ridge penalties tried, for features of unit variance."""
SMALLEST = 0.01
"""Spread of a feature, as a share of that of all numbers, below which it is scaled up no further: what is left of it in
single precision would be mostly rounding."""
LARGEST_STRETCH, STRETCH_POWER = 10.0, 2 / 3
"""As in `bci_app.calibration.ridge`; figures in LOG.md."""


def choose_head(
    network: ReaderNetwork, train: Examples, validation: Examples, objective: ObjectiveSettings
) -> nn.Linear:
    """The head with the smaller squared error on validation trials, then stretched.

    Parameters
    ----------
    network : ReaderNetwork
        Trained, in evaluation mode.
    train, validation : Examples
        Ridge is solved on the first, its penalties are chosen by the second.
    objective : ObjectiveSettings
        Only where latents were part of it, the trained head is one of the two.
    """
    known, new = (_features(network, side) for side in (train, validation))
    target, wanted = (side.target.numpy().astype(np.float64) for side in (train, validation))
    heads = [ridge_head(known, target, new, wanted)]
    if objective.squared_error:
        heads.append((_numbers(network.latent.weight), _numbers(network.latent.bias)))
    errors = [float(((new @ weight.T + bias - wanted) ** 2).mean()) for weight, bias in heads]
    weight, bias = heads[int(np.argmin(errors))]
    factor = stretch(new @ weight.T + bias, target)
    return _linear(factor[:, np.newaxis] * weight, factor * bias)


def ridge_head(known: Doubles, target: Doubles, new: Doubles, wanted: Doubles) -> tuple[Doubles, Doubles]:
    """Weights (latent_dim, n_features) and bias (latent_dim,), a penalty for each component chosen by new trials.

    Parameters
    ----------
    known, new : array (n, n_features)
        Features of training and validation trials.
    target, wanted : array (n, latent_dim)
        Their latents.
    """
    from sklearn.linear_model import Ridge

    mean, spread = known.mean(axis=0), np.maximum(known.std(axis=0), SMALLEST * known.std() + 1e-12)
    fits = [Ridge(penalty).fit((known - mean) / spread, target) for penalty in PENALTIES]
    coefficients = np.stack([fit.coef_.reshape(target.shape[1], -1) / spread for fit in fits])
    intercepts = np.stack([np.reshape(fit.intercept_, -1) for fit in fits]) - coefficients @ mean
    read = new @ coefficients.transpose(0, 2, 1) + intercepts[:, np.newaxis]
    best = ((read - wanted) ** 2).mean(axis=1).argmin(axis=0)
    rows = np.arange(target.shape[1])
    return coefficients[best, rows], intercepts[best, rows]


def stretch(predicted: Doubles, target: Doubles) -> Doubles:
    """Factor (latent_dim,) that takes the spread of predictions round zero, two thirds of the way, to that of targets."""
    spread = np.sqrt((predicted**2).mean(axis=0))
    factor: Doubles = np.minimum(target.std(axis=0) / np.maximum(spread, 1e-12), LARGEST_STRETCH) ** STRETCH_POWER
    return factor


@torch.no_grad()
def _features(network: ReaderNetwork, examples: Examples) -> Doubles:
    parts = [slice(start, start + AT_ONCE) for start in range(0, len(examples), AT_ONCE)]
    return _numbers(torch.cat([network.features(examples.window[part], examples.subject[part]) for part in parts]))


def _linear(weight: Doubles, bias: Doubles) -> nn.Linear:
    head = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        for place, values in ((head.weight, weight), (head.bias, bias)):
            place.copy_(torch.from_numpy(values))
    return head


def _numbers(tensor: Tensor) -> Doubles:
    return tensor.detach().numpy().astype(np.float64)
