"""Losses: pure functions of tensors."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def pixel_loss(image: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of images (batch, 3, h, w).

    Not the absolute one: most of each picture is background, whose median is grey, and training stays there.
    """
    return functional.mse_loss(image, target)


def coarse_loss(small: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of small images (batch, 3, s, s) from `target` averaged to the same size."""
    return functional.mse_loss(small, functional.adaptive_avg_pool2d(target, small.shape[-1]))


def edge_loss(image: Tensor, target: Tensor, scales: int = 2) -> Tensor:
    """Mean absolute difference of neighbouring-pixel differences, over `scales` halvings of the picture.

    Source: the gradient difference loss of Mathieu, Couprie and LeCun 2016, equation 6 with alpha = 1.
    """
    total = image.new_zeros(())
    for _ in range(scales):
        for dim in (2, 3):
            total = total + functional.l1_loss(image.diff(dim=dim), target.diff(dim=dim))  # eq. 6
        image, target = functional.avg_pool2d(image, 2), functional.avg_pool2d(target, 2)
    return total / scales


def prior_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the posterior from N(0, I) in nats per picture, averaged over the batch.

    Parameters
    ----------
    mean, log_variance : Tensor (batch, latent_dim)
        Parameters of the posterior.

    Source: Kingma and Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=1).mean()  # appendix B
