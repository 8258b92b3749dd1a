"""Encoding models: from maps of a picture to the response of each neuron or voxel, by kernel ridge.

The kernel is a sum of one radial kernel per block of maps; penalties are chosen per neuron by the exact left-out error.

Source: Naselaris, Prenger, Kay, Oliver & Gallant, Neuron 63 (2009) 902-915; the left-out error as in
`bci_app.calibration.penalised`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.calibration.penalised import solve_dual
from bci_app.contract.errors import SettingsError
from training.readers.picture_features import Maps, PictureFeatures

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

PENALTIES = np.logspace(-2, 2, 13)
_WIDTH = 4.0
"""Of the radial kernel, for features of which each block has mean square 1: exp(-|a - b|^2 / 4)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """Mean and scale (n_maps, n_places) of one block over the training pictures."""

    mean: Maps
    factor: Maps

    def apply(self, block: Maps) -> Floats:
        scaled: Floats = ((block - self.mean) * self.factor).reshape(len(block), -1)
        return scaled


@dataclass(frozen=True, slots=True, eq=False)
class EncodingModel:
    """response = intercept + kernel(picture, training pictures) @ weights.

    Attributes
    ----------
    left_out : float64 array (n_trials, n_channels)
        Response to each training picture as predicted from the others; trials of one picture leave together.
    explained : float64 array (n_channels,)
        Share of the variance that `left_out` explains, of the mean response to a picture.
    """

    scales: tuple[_Scale, ...]
    known: tuple[Floats, ...]
    weights: Doubles
    intercept: Doubles
    left_out: Doubles
    explained: Doubles

    def predict(self, features: PictureFeatures) -> Doubles:
        """Responses (n_pictures, n_channels)."""
        blocks = [scale.apply(block) for scale, block in zip(self.scales, features.blocks, strict=True)]
        kernel = sum(_radial(block, known) for block, known in zip(blocks, self.known, strict=True))
        return np.asarray(kernel @ self.weights + self.intercept)


def fit_encoding(features: PictureFeatures, responses: Doubles) -> EncodingModel:
    """Fit the model to one response per picture.

    Parameters
    ----------
    features : PictureFeatures
        Of each training picture, once.
    responses : float64 array (n_pictures, n_channels)
        Mean response to each.

    Raises
    ------
    SettingsError
        If there are fewer than ten pictures, or the two do not belong together.
    """
    n = len(responses)
    if n < 10 or any(len(block) != n for block in features.blocks):
        raise SettingsError(
            f"An encoding model needs at least 10 pictures, each with its response; got {n} responses to "
            f"{len(features.blocks[0])} pictures. Record more pictures."
        )
    scales = tuple(_scale(block) for block in features.blocks)
    known = tuple(scale.apply(block) for scale, block in zip(scales, features.blocks, strict=True))
    kernel = np.asarray(sum(_radial(block, block) for block in known), np.float64)
    weights, intercept, left_out, explained = _kernel_ridge(kernel, responses, PENALTIES)
    return EncodingModel(scales, known, weights, intercept, left_out, explained)


def _scale(block: Maps) -> _Scale:
    mean, spread = block.mean(axis=0), block.std(axis=0) + 1e-6
    return _Scale(mean, (1 / (spread * np.sqrt(spread.size))).astype(np.float32))


def _radial(one: Floats, other: Floats) -> Floats:
    squares = (one**2).sum(axis=1)[:, np.newaxis] + (other**2).sum(axis=1) - 2 * one @ other.T
    kernel: Floats = np.exp(-np.maximum(squares, 0) / _WIDTH)
    return kernel


def _kernel_ridge(
    kernel: Doubles, responses: Doubles, penalties: Sequence[float] | Doubles
) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Weights, intercept, left-out predictions and the share of variance they explain."""
    mean, towards = responses.mean(axis=0), kernel.mean(axis=0)
    centred = kernel - towards - towards[:, np.newaxis] + towards.mean()
    weights, _, residuals = solve_dual(centred, responses - mean, np.asarray(penalties, np.float64))
    explained = 1 - (residuals**2).mean(axis=0) / np.maximum(responses.var(axis=0), 1e-12)
    # the dual of a centred kernel sums to zero, so centring the rows of a new kernel changes only the intercept
    return weights, mean - towards @ weights, responses - residuals, explained
