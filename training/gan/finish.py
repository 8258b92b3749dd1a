"""What a trained GAN becomes: its best averaged networks, scored, reported and exported."""

from __future__ import annotations

import torch

from training.data.images import ImageSplit
from training.gan_recipe import GanRecipe
from training.run_folder import RunFolder


def finish(recipe: GanRecipe, run: RunFolder, split: ImageSplit, device: torch.device) -> None:
    """Placeholder until evaluation lands."""
