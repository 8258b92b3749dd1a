"""A tiny world with known truth: pictures that are a linear function of a latent, in two classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from training.data.images import ImageSplit, Pictures
from training.evaluate.feature_space import FeatureSpace

DIM, SIZE = 6, 16


@dataclass(frozen=True)
class World:
    """Pictures are 128 + W z; the encoder is the pseudo-inverse, so G and E undo each other but for rounding."""

    weights: np.ndarray
    back: np.ndarray
    split: ImageSplit
    space: FeatureSpace

    def generate(self, latents: np.ndarray) -> np.ndarray:
        assert len(latents) <= 256, "more than a batch at once"
        assert latents.dtype == np.float32
        pixels = np.clip(128 + latents @ self.weights, 0, 255).round().astype(np.uint8)
        return pixels.reshape(-1, SIZE, SIZE, 1)

    def encode(self, images: np.ndarray) -> np.ndarray:
        assert len(images) <= 256, "more than a batch at once"
        return ((images.reshape(len(images), -1).astype(np.float32) - 128) @ self.back).astype(np.float32)


@pytest.fixture(scope="session")
def world() -> World:
    rng = np.random.default_rng(0)
    weights = (9 * rng.standard_normal((DIM, SIZE * SIZE))).astype(np.float32)
    back = np.linalg.pinv(weights).astype(np.float32)
    made = World(weights, back, ImageSplit(*[Pictures(np.zeros((1, 1, 1, 1), np.uint8))] * 3), None)  # type: ignore[arg-type]

    def side(n: int) -> Pictures:
        latents = rng.standard_normal((n, DIM)).astype(np.float32)
        images = np.concatenate([made.generate(part) for part in np.array_split(latents, n // 200 + 1)])
        return Pictures(images, (latents[:, 0] > 0).astype(np.int64))

    split = ImageSplit(side(500), side(120), side(300), ("low", "high"), "a linear world")
    space = FeatureSpace(
        "the true latents",
        "Fréchet distance (features of the true latents)",
        made.encode,
        lambda features: (features[:, 0] > 0).astype(np.int64),
        ("low", "high"),
    )
    return World(weights, back, split, space)
