"""Noise is drawn with the mean and the covariance that its model says, whatever the rank it is kept with."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.bundle import read_arrays
from bci_app.contract.errors import BundleCorruptError
from bci_app.contract.noise import NoiseModel, unpack_noise


def model(n_channels: int, rank: int, n_times: int = 1) -> NoiseModel:
    rng = np.random.default_rng(0)
    space = rng.normal(size=(n_channels, rank)).astype(np.float32)
    return NoiseModel(
        rng.normal(size=(n_channels, n_times)).astype(np.float32), space, np.eye(n_times, dtype=np.float32)
    )


def test_a_factor_of_few_columns_gives_the_covariance_of_its_product() -> None:
    """The covariance of 20,000 voxels could not be kept; that of some trials of them is the product of their factor."""
    made = model(n_channels=6, rank=2)
    drawn = made.draw(np.random.default_rng(1), 40_000)[:, :, 0]
    np.testing.assert_allclose(drawn.mean(axis=0), made.mean[:, 0], atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), made.space @ made.space.T, atol=0.15)
    assert np.linalg.matrix_rank(np.cov(drawn.T), tol=1e-3) == 2


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_a_model_is_read_as_it_was_written(rank: int) -> None:
    made = model(n_channels=5, rank=rank, n_times=3)
    read = unpack_noise(read_arrays(made.pack(), "noise.npz"), 5, 3, "tiny")
    np.testing.assert_array_equal(read.space, made.space)
    same = [each.draw(np.random.default_rng(2), 4) for each in (read, made)]
    np.testing.assert_array_equal(same[0], same[1])


@pytest.mark.parametrize("shape", [(5, 6), (4, 4), (5, 0), (5,)])
def test_a_factor_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    arrays = {"mean": np.zeros((5, 3)), "space": np.zeros(shape), "time": np.eye(3)}
    with pytest.raises(BundleCorruptError, match="must hold 'space' as finite numbers"):
        unpack_noise(arrays, 5, 3, "tiny")
