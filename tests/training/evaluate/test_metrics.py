"""Scores stand beside controls that must fail."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.pictures.source import builtin
from training.evaluate.metrics import flat, reconstruction_scores


def _pictures(seed: int, n: int) -> np.ndarray:
    return np.stack([picture.image for picture in builtin().sample(np.random.default_rng(seed), n, 16)])


def test_a_perfect_generator_scores_one_and_its_controls_chance() -> None:
    test, train = _pictures(0, 60), _pictures(1, 60)

    def encode(images: np.ndarray) -> np.ndarray:
        return (images.reshape(len(images), -1).astype(np.float32) - 128) / 64

    def generate(latents: np.ndarray) -> np.ndarray:
        return np.clip(latents * 64 + 128, 0, 255).round().astype(np.uint8).reshape(-1, 16, 16, 3)

    scores = reconstruction_scores(encode, generate, test, train, np.random.default_rng(0), "nothing")
    assert [score.name for score in scores][2] == "60-way identification by pixels"
    for score in scores:
        assert score.value == pytest.approx(1.0, abs=1e-6)
        assert score.n == 60
        assert score.chance is not None
        for control in (score.noise_input, score.shuffled_pairing):
            assert control == pytest.approx(score.chance, abs=0.12)


def test_averaging_pictures_keeps_block_means() -> None:
    images = _pictures(0, 3)
    coarse = flat(images, side=4).reshape(3, 4, 4, 3)
    np.testing.assert_allclose(coarse[1, 2, 3], images[1, 8:12, 12:16].mean(axis=(0, 1)))
    assert flat(images).shape == (3, 16 * 16 * 3)
