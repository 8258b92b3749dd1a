"""Encoding models: what a known function of the maps gives is predicted, and the kernel ridge is the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from training.readers.encoding import _kernel_ridge, fit_encoding
from training.readers.picture_features import PictureFeatures, picture_features


def maps(n: int, seed: int = 0) -> PictureFeatures:
    rng = np.random.default_rng(seed)
    return PictureFeatures((rng.standard_normal((n, 3, 4)).astype(np.float32),))


def test_left_out_predictions_are_those_of_fits_without_the_picture() -> None:
    rng = np.random.default_rng(0)
    points, responses = rng.standard_normal((20, 3)), rng.standard_normal((20, 2)) + 4
    kernel = np.exp(-((points[:, None] - points) ** 2).sum(axis=2))
    _, _, left_out, explained = _kernel_ridge(kernel, responses, (0.7,))
    for one in range(20):
        rest = np.arange(20) != one
        # ridge with an intercept: the bordered system
        system = np.block(
            [[kernel[np.ix_(rest, rest)] + 0.7 * np.eye(19), np.ones((19, 1))], [np.ones((1, 19)), np.zeros((1, 1))]]
        )
        solved = np.linalg.solve(system, np.vstack([responses[rest], np.zeros((1, 2))]))
        np.testing.assert_allclose(left_out[one], kernel[one, rest] @ solved[:-1] + solved[-1], atol=1e-8)
    np.testing.assert_allclose(explained, 1 - ((responses - left_out) ** 2).mean(axis=0) / responses.var(axis=0))


def test_a_model_predicts_new_pictures_as_a_function_of_their_maps_and_its_own_as_it_was_fitted() -> None:
    features, new = maps(400), maps(100, 1)

    def respond(given: PictureFeatures) -> np.ndarray:
        first = given.blocks[0]
        return np.stack([np.tanh(first[:, 0, 0]), first[:, 1, 2] + 7], axis=1).astype(np.float64)

    model = fit_encoding(features, respond(features))
    off = model.predict(new) - respond(new)
    assert (1 - (off**2).mean(axis=0) / respond(new).var(axis=0) > 0.6).all()
    assert (model.explained > 0.6).all()


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least 10 pictures"):
        fit_encoding(maps(9), np.zeros((9, 2)))


def test_energy_tells_orientations_apart_and_not_the_contrast_sign() -> None:
    across = np.zeros((64, 64, 3), np.uint8)
    across[:, ::8] = across[:, 1::8] = across[:, 2::8] = across[:, 3::8] = 255
    pictures = np.stack([across, across.transpose(1, 0, 2), 255 - across])
    (energy,) = picture_features(pictures).blocks
    assert energy.shape == (3, 80, 64)
    middle = energy.reshape(3, 80, 8, 8)[:, 8:16, 3:5, 3:5].mean(axis=(2, 3))  # an eighth of a cycle per pixel
    assert middle[0].argmax() == 0, "stripes across the picture vary along x"
    assert middle[1].argmax() == 4
    np.testing.assert_allclose(energy[0], energy[2], atol=1e-3)
