"""Losses: pure functions of tensors."""

from __future__ import annotations

import torch
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


def logistic_discriminator(real: Tensor, made: Tensor) -> Tensor:
    """Cross-entropy of telling real from made, from logits.

    Source: Goodfellow et al. 2014, equation 1, as the two separate means of the DCGAN recipe.
    """
    return functional.softplus(-real).mean() + functional.softplus(made).mean()


def logistic_generator(made: Tensor) -> Tensor:
    """The non-saturating loss: labels flipped, not signs (Goodfellow et al. 2014, section 3)."""
    return functional.softplus(-made).mean()


def hinge_discriminator(real: Tensor, made: Tensor) -> Tensor:
    """Mean hinge of scores of any shape.

    Source: Lim and Ye 2017; for three scores of a pair, Donahue and Simonyan 2019, equation 4.
    """
    return functional.relu(1.0 - real).mean() + functional.relu(1.0 + made).mean()


def hinge_generator(made: Tensor) -> Tensor:
    """What the generator minimises: minus the mean score of what it made (Donahue and Simonyan 2019, equation 3)."""
    return -made.mean()


def gradient_penalty(score: Tensor, image: Tensor) -> Tensor:
    """Half the mean squared gradient of scores with respect to the pictures, which must have come in with gradients.

    Source: Mescheder, Geiger and Nowozin 2018, equation 9 (R1), without its gamma.
    """
    (gradient,) = torch.autograd.grad(score.sum(), image, create_graph=True)
    return 0.5 * gradient.square().sum(dim=(1, 2, 3)).mean()


def orthogonal_penalty(weight: Tensor) -> Tensor:
    """Squared cosines between the rows of a weight, the norm left free.

    Source: Brock et al. 2019, equation 3: the squared Frobenius norm of W W^T without its diagonal.
    """
    rows = weight.flatten(1)
    products = rows @ rows.T
    return (products - torch.diag(products.diagonal())).square().sum()  # eq. 3
