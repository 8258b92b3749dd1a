"""EEGNet against its table of layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.encoders.eegnet import DENSE_NORM, PATTERN_NORM, EegNet, constrain


def test_weights_are_as_many_as_the_table_of_the_paper_says() -> None:
    n_channels, n_times, dim, f1, d, f2 = 64, 128, 4, 8, 2, 16
    network = EegNet(n_channels, n_times, dim, f1, d, f2)
    block1 = 64 * f1 + 2 * f1 + n_channels * d * f1 + 2 * d * f1
    block2 = 16 * d * f1 + f2 * (d * f1) + 2 * f2
    dense = dim * (f2 * (n_times // 32)) + dim
    assert sum(weight.numel() for weight in network.parameters()) == block1 + block2 + dense


def test_norms_are_heeded_after_an_update_and_smaller_weights_are_left() -> None:
    network = EegNet(5, 32, 3)
    with torch.no_grad():
        network.patterns.weight.mul_(100)
        network.dense.weight.mul_(100)
        network.dense.weight[0] = 0.01
    constrain(nn.Sequential(network))
    patterns = network.patterns.weight.flatten(1).norm(dim=1)
    torch.testing.assert_close(patterns, torch.full((16,), PATTERN_NORM), atol=1e-5, rtol=0)
    torch.testing.assert_close(network.dense.weight[1:].norm(dim=1), torch.full((2,), DENSE_NORM), atol=1e-5, rtol=0)
    torch.testing.assert_close(network.dense.weight[0], torch.full((16,), 0.01))


def test_a_pattern_sees_all_channels_of_its_own_filter_alone() -> None:
    network = EegNet(5, 32, 3, n_filters=4, depth=2)
    assert network.patterns.weight.shape == (8, 1, 5, 1)
    maps = torch.zeros(1, 4, 5, 32)
    maps[:, 2] = 1.0
    answered = network.patterns(maps).abs().sum(dim=(0, 2, 3)) > 0
    assert answered.nonzero().flatten().tolist() == [4, 5]


def test_a_window_too_short_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"averages 4 samples and then 8 .* at least 32 samples; got 31"):
        EegNet(5, 31, 3)
