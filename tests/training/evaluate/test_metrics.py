"""Scores stand beside controls that must fail."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.pictures.source import builtin
from training.evaluate.metrics import COARSE, flat, mean_pixels, reconstruction_scores


def _pictures(seed: int, n: int, size: int = 16) -> np.ndarray:
    return np.stack([picture.image for picture in builtin().sample(np.random.default_rng(seed), n, size)])


@pytest.mark.parametrize("n_channels", [1, 3])
def test_a_perfect_generator_scores_one_and_its_controls_chance(n_channels: int) -> None:
    test, train = _pictures(0, 60)[..., :n_channels], _pictures(1, 60)[..., :n_channels]

    def encode(images: np.ndarray) -> np.ndarray:
        return (images.reshape(len(images), -1).astype(np.float32) - 128) / 64

    def generate(latents: np.ndarray) -> np.ndarray:
        return np.clip(latents * 64 + 128, 0, 255).round().astype(np.uint8).reshape(-1, 16, 16, n_channels)

    scores = reconstruction_scores(encode, generate, test, train, np.random.default_rng(0), "nothing")
    assert [score.name for score in scores][2] == "60-way identification by pixels"
    for score in scores:
        assert score.value == pytest.approx(1.0, abs=1e-6)
        assert score.n == 60
        assert score.chance is not None
        assert score.low is not None
        assert score.high is not None
        assert score.low <= score.value <= score.high
        for control in (score.noise_input, score.shuffled_pairing):
            assert control == pytest.approx(score.chance, abs=0.12)


def test_averaging_pictures_keeps_block_means() -> None:
    images = _pictures(0, 3)
    coarse = flat(images, side=4).reshape(3, 4, 4, 3)
    np.testing.assert_allclose(coarse[1, 2, 3], images[1, 8:12, 12:16].mean(axis=(0, 1)))
    assert flat(images).shape == (3, 16 * 16 * 3)


def test_large_pictures_are_averaged_and_grey_ones_keep_one_channel() -> None:
    images = _pictures(0, 3, 32)[..., :1]
    np.testing.assert_allclose(flat(images, 8).reshape(3, 8, 8)[0, 5, 2], images[0, 20:24, 8:12].mean())
    np.testing.assert_array_equal(flat(images, 64), flat(images))


def test_the_mean_over_parts_is_the_mean_over_all() -> None:
    images = np.random.default_rng(0).integers(0, 256, (700, 32, 32, 1), dtype=np.uint8)
    np.testing.assert_allclose(mean_pixels(images, COARSE), flat(images, COARSE).mean(axis=0))
