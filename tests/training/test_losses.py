"""Losses against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from training.losses import coarse_loss, edge_loss, pixel_loss, prior_divergence


def test_prior_divergence_is_that_of_the_two_normals() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(6, 4), torch.randn(6, 4)
    wanted = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(dim=1).mean()
    torch.testing.assert_close(prior_divergence(mean, log_variance), wanted)


def test_prior_divergence_of_the_prior_is_zero() -> None:
    assert float(prior_divergence(torch.zeros(2, 3), torch.zeros(2, 3))) == 0.0


def test_a_constant_shift_costs_pixels_but_no_edges() -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, 16, 16)
    assert float(pixel_loss(image + 0.5, image)) == pytest.approx(0.25, abs=1e-6)
    assert float(edge_loss(image + 0.5, image)) == pytest.approx(0.0, abs=1e-6)


def test_one_vertical_edge_costs_its_height_times_its_share() -> None:
    image = torch.zeros(1, 3, 16, 16)
    image[..., 8:] = 1.0
    wanted = np.mean([1 / 15, 1 / 7])  # one of 15 neighbour pairs, and one of 7 after halving
    assert float(edge_loss(image, torch.zeros_like(image))) == pytest.approx(wanted, abs=1e-6)


def test_the_coarse_loss_compares_block_means() -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, 16, 16)
    small = image.reshape(2, 3, 4, 4, 4, 4).mean(dim=(3, 5))
    assert float(coarse_loss(small, image)) == pytest.approx(0.0, abs=1e-6)
    assert float(coarse_loss(small + 0.5, image)) == pytest.approx(0.25, abs=1e-5)
