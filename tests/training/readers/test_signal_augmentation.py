"""Each change of a window does what it claims and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.reader_recipe import AugmentationSettings
from training.readers.signal_augmentation import augment, drop_channels, shift_in_time

N, N_CHANNELS, N_TIMES = 400, 3, 10


def counting() -> torch.Tensor:
    """Windows whose samples are their own numbers."""
    return torch.arange(N_TIMES).float().expand(3, N_CHANNELS, N_TIMES)


def test_a_shift_moves_samples_and_repeats_the_edge_but_never_wraps_round() -> None:
    moved = shift_in_time(counting(), torch.tensor([2, 0, -3]))
    assert moved[0, 1].tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]
    assert moved[1, 0].tolist() == list(range(10))
    assert moved[2, 2].tolist() == [3, 4, 5, 6, 7, 8, 9, 9, 9, 9]


def test_shifts_reach_as_far_as_told_both_ways_and_no_farther() -> None:
    window = torch.arange(N_TIMES).float().expand(N, N_CHANNELS, N_TIMES)
    changed = augment(window, np.random.default_rng(0), AugmentationSettings(shift_times=2), torch.ones(N_CHANNELS))
    assert sorted(set((5 - changed[:, 0, 5]).tolist())) == [-2, -1, 0, 1, 2]


def test_a_dropped_channel_is_zero_and_the_others_are_as_they_were() -> None:
    window = torch.randn(2, N_CHANNELS, N_TIMES)
    changed = drop_channels(window, torch.tensor([[True, False, False], [False, False, True]]))
    assert not changed[0, 0].any()
    assert not changed[1, 2].any()
    torch.testing.assert_close(changed[0, 1:], window[0, 1:])


def test_the_share_of_channels_told_is_dropped() -> None:
    window = torch.ones(N, N_CHANNELS, N_TIMES)
    changed = augment(window, np.random.default_rng(0), AugmentationSettings(drop_channels=0.3), torch.ones(N_CHANNELS))
    assert float((changed[:, :, 0] == 0).float().mean()) == pytest.approx(0.3, abs=0.04)


def test_noise_is_in_units_of_each_channels_own_spread() -> None:
    spread = torch.tensor([1.0, 10.0, 0.1])
    window = torch.zeros(N, N_CHANNELS, N_TIMES)
    changed = augment(window, np.random.default_rng(0), AugmentationSettings(noise=0.5), spread)
    np.testing.assert_allclose(changed.std(dim=(0, 2)), 0.5 * spread, rtol=0.05)


def test_nothing_is_changed_by_default_and_equal_numbers_change_equally() -> None:
    window, spread = torch.randn(4, N_CHANNELS, N_TIMES), torch.ones(N_CHANNELS)
    assert augment(window, np.random.default_rng(0), AugmentationSettings(), spread) is window
    all_of_it = AugmentationSettings(shift_times=2, drop_channels=0.2, noise=0.1)
    one, two, other = (augment(window, np.random.default_rng(seed), all_of_it, spread) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
