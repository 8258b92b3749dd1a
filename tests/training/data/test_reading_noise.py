"""The noise of readings has the mean and the covariance of what was read."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.reading import Reads
from bci_app.inference.text_bundle import noise_signal
from training.data.reading_noise import reading_noise
from training.data.readings import Reading, Readings

MIXING = np.array([[3.0, 0.0], [2.0, 0.5]])
SPEC = PreprocessingSpec.design(("O1", "O2"), 100.0, (1.0, 30.0))


def readings(reads: Reads, shape: tuple[int, ...], n: int) -> Readings:
    """White noise that is mixed over two channels, or over two features, round ten."""
    rng, spec = np.random.default_rng(0), None if reads == "word-features" else SPEC
    white = [rng.normal(size=shape) for _ in range(n)]
    signals = [each @ MIXING.T if reads == "word-features" else MIXING @ each for each in white]
    items = tuple(Reading("a", (10 + signal).astype(np.float32), "s") for signal in signals)
    return Readings(items, reads, ("O1", "O2"), spec)


@pytest.mark.parametrize(
    ("reads", "shape", "n_times"),
    [("word-features", (6, 2), 1), ("word-windows", (5, 2, 20), 20), ("waves", (2, 250), 100), ("waves", (2, 40), 40)],
)
def test_noise_is_like_what_was_read(reads: Reads, shape: tuple[int, ...], n_times: int) -> None:
    made, n_steps = readings(reads, shape, 300), shape[-1] if reads == "waves" else shape[0]
    model, rng = reading_noise(made), np.random.default_rng(1)
    assert model.mean.shape == (2, n_times)
    drawn = [noise_signal(model, reads, rng, n_steps) for _ in range(300)]
    assert {signal.shape for signal in drawn} == {shape}
    axis = -1 if reads == "word-features" else -2
    channels = np.concatenate([np.moveaxis(signal, axis, 0).reshape(2, -1) for signal in drawn], axis=1)
    np.testing.assert_allclose(channels.mean(axis=1), 10, atol=0.3)
    np.testing.assert_allclose(np.cov(channels), MIXING @ MIXING.T, rtol=0.12)


def test_words_are_taken_evenly_from_all_readings() -> None:
    rng = np.random.default_rng(0)
    items = tuple(
        Reading("a", (rng.normal(size=(50, 2)) + (0 if number < 100 else 10)).astype(np.float32), "s")
        for number in range(200)
    )
    model = reading_noise(Readings(items, "word-features", ("a", "b")))
    np.testing.assert_allclose(model.mean.ravel(), 5, atol=0.1)
