"""Thinning keeps every peak and bounds the number of points."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from bci_app.ui.views.envelope import envelope, step_for


@pytest.mark.parametrize("step", [2, 10, 15, 16, 33])
def test_every_bin_gives_its_lowest_then_its_highest_sample(step: int) -> None:
    data = np.random.default_rng(1).standard_normal((3, 103)).astype(np.float32)
    points = envelope(data, step, skip=3)
    n_bins = 100 // step
    assert points.shape == (3, 2 * n_bins)
    for row in range(3):
        for column in range(n_bins):
            samples = data[row, 3 + step * column : 3 + step * (column + 1)]
            assert points[row, 2 * column] == samples.min()
            assert points[row, 2 * column + 1] == samples.max()


def test_single_high_sample_survives_any_step() -> None:
    data = np.zeros((1, 1000), dtype=np.float32)
    data[0, 537] = 9.0
    for step in (2, 7, 40, 250):
        assert envelope(data, step, skip=0).max() == 9.0


def test_step_of_one_leaves_the_samples_alone() -> None:
    data = np.arange(12, dtype=np.float32).reshape(2, 6)
    assert np.array_equal(envelope(data, step=1, skip=2), data[:, 2:])


def test_picture_has_at_most_two_points_a_pixel_and_a_bounded_sum() -> None:
    for n_channels, n_times, width_px in product((1, 8, 64, 256), (10, 500, 10_000, 40_000), (1, 340, 1500)):
        step = step_for(n_times, n_channels, width_px)
        n_points = n_times if step == 1 else 2 * (n_times // step)
        assert n_points <= 2 * width_px
        assert n_points * n_channels <= 24_000
