"""Differentiable augmentation of what a discriminator sees.

Source: Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training", section 3.2 and its published
strengths: brightness within 0.5, saturation 0 to 2 times, contrast 0.5 to 1.5 times, shift up to an eighth of the side,
a square of half the side cut out. Pictures of one channel have no saturation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

N_DRAWS = 7
"""Uniform numbers one picture needs: brightness, saturation, contrast, shift (2) and cut (2)."""
SHIFT, CUT = 0.125, 0.5


def augment(image: Tensor, draws: Tensor, kinds: Sequence[str]) -> Tensor:
    """Each picture changed by its own numbers.

    Parameters
    ----------
    image : Tensor (b, channels, h, w)
        Pictures in -1 to 1.
    draws : Tensor (b, N_DRAWS)
        Uniform in 0 to 1.
    kinds : sequence of {"colour", "translation", "cutout"}
        What is changed; nothing if it is empty.
    """
    if "colour" in kinds:
        image = _colour(image, draws[:, :3, None, None, None])
    if "translation" in kinds:
        image = _translate(image, draws[:, 3:5])
    if "cutout" in kinds:
        image = _cut_out(image, draws[:, 5:7])
    return image


def _colour(image: Tensor, draws: Tensor) -> Tensor:
    image = image + (draws[:, 0] - 0.5)
    grey = image.mean(dim=1, keepdim=True)
    image = grey + (image - grey) * (2.0 * draws[:, 1])
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (image - mean) * (0.5 + draws[:, 2])


def _translate(image: Tensor, draws: Tensor) -> Tensor:
    """Shift by whole pixels; what comes in from outside is zero, mid-grey."""
    side = image.shape[-1]
    reach = int(side * SHIFT + 0.5)
    shift = (draws * (2 * reach + 1)).long().clamp(max=2 * reach)
    padded = functional.pad(image, (reach, reach, reach, reach))
    place = torch.arange(side, device=image.device)
    rows, columns = (shift[:, axis, None] + place for axis in (0, 1))
    which = torch.arange(len(image), device=image.device)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _cut_out(image: Tensor, draws: Tensor) -> Tensor:
    """A square of half the side becomes zero; its centre may lie anywhere in the picture."""
    side = image.shape[-1]
    half = int(side * CUT + 0.5) / 2
    place = torch.arange(side, device=image.device) + 0.5
    inside = [((place - draws[:, axis, None] * side).abs() < half) for axis in (0, 1)]
    cut = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return image.masked_fill(cut, 0.0)
