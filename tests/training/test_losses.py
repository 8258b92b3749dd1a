"""Losses against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from training.losses import (
    coarse_loss,
    edge_loss,
    gradient_penalty,
    hinge_discriminator,
    hinge_generator,
    logistic_discriminator,
    logistic_generator,
    orthogonal_penalty,
    pixel_loss,
    prior_divergence,
)


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


def test_logistic_losses_are_the_cross_entropies_of_the_labels() -> None:
    torch.manual_seed(0)
    real, made = torch.randn(7), torch.randn(7)
    ones, zeros = torch.ones(7), torch.zeros(7)
    entropy = torch.nn.functional.binary_cross_entropy
    wanted = entropy(real.sigmoid(), ones) + entropy(made.sigmoid(), zeros)
    torch.testing.assert_close(logistic_discriminator(real, made), wanted)
    torch.testing.assert_close(logistic_generator(made), entropy(made.sigmoid(), ones))


def test_logistic_losses_stay_finite_where_a_sigmoid_does_not() -> None:
    far = torch.tensor([-1000.0])
    assert float(logistic_generator(far)) == 1000.0
    assert float(logistic_discriminator(far, -far)) == 2000.0


def test_hinge_losses_are_those_of_the_paper() -> None:
    real, made = torch.tensor([[2.0, 0.5], [-1.0, 1.0]]), torch.tensor([[-2.0, 0.0], [3.0, -1.0]])
    assert float(hinge_discriminator(real, made)) == (0 + 0.5 + 2 + 0) / 4 + (0 + 1 + 4 + 0) / 4
    assert float(hinge_generator(made)) == -(-2 + 0 + 3 - 1) / 4


def test_a_hinge_teaches_nothing_beyond_its_margin() -> None:
    real, made = torch.tensor([1.5], requires_grad=True), torch.tensor([-1.5], requires_grad=True)
    hinge_discriminator(real, made).backward()
    assert (float(real.grad), float(made.grad)) == (0.0, 0.0)  # type: ignore[arg-type]


def test_the_gradient_penalty_of_a_linear_score_is_half_its_squared_weight() -> None:
    torch.manual_seed(0)
    weight, image = torch.randn(3, 4, 4), torch.randn(5, 3, 4, 4, requires_grad=True)
    score = (image * weight).sum(dim=(1, 2, 3))
    torch.testing.assert_close(gradient_penalty(score, image), 0.5 * weight.square().sum())


def test_the_gradient_penalty_of_a_quadratic_score_is_half_the_mean_squared_pixel_sum() -> None:
    torch.manual_seed(0)
    image = torch.randn(5, 3, 4, 4, requires_grad=True)
    factor = torch.tensor(3.0, requires_grad=True)
    penalty = gradient_penalty(factor * 0.5 * image.square().sum(dim=(1, 2, 3)), image)
    squares = image.detach().square().sum(dim=(1, 2, 3)).mean()
    torch.testing.assert_close(penalty, 0.5 * 9.0 * squares)
    (slope,) = torch.autograd.grad(penalty, factor)
    torch.testing.assert_close(slope, 3.0 * squares)


def test_the_orthogonal_penalty_counts_each_pair_of_rows_twice_and_leaves_lengths_free() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 3, 2, 2)
    rows = weight.flatten(1)
    wanted = sum(float(rows[i] @ rows[j]) ** 2 for i in range(4) for j in range(4) if i != j)
    assert float(orthogonal_penalty(weight)) == pytest.approx(wanted, rel=1e-5)
    assert float(orthogonal_penalty(torch.diag(torch.tensor([1.0, 5.0, 0.1])))) == 0.0
