"""The state of a GAN's training on disk."""

from __future__ import annotations

from pathlib import Path

import torch

from training.checkpoint import fitting, network_tensors, optimiser_tensors, put_network, put_optimiser
from training.gan.networks import Networks
from training.gan.step import GanState
from training.run_folder import read_tensors, write_tensors


def save(state: GanState, path: Path) -> None:
    """Write all that training goes on from, whole or not at all."""
    tensors = {"step": torch.tensor(state.step), "best": torch.tensor(state.best, dtype=torch.float64)}
    for name, network in state.networks.parts().items():
        tensors |= network_tensors(f"live.{name}", network)
    for name, optimiser in state.optimisers.items():
        tensors |= optimiser_tensors(f"optimiser.{name}", optimiser)
    write_tensors(path, tensors | _averaged_tensors(state.averaged))


def restore(state: GanState, path: Path) -> None:
    """Put what `save` wrote into a state made from the same recipe.

    Raises
    ------
    BundleCorruptError
        If the file cannot be read or belongs to another architecture.
    """
    tensors = read_tensors(path)
    with fitting(path):
        for name, network in state.networks.parts().items():
            put_network(f"live.{name}", network, tensors)
        for name, network in state.averaged.made_by_generator().items():
            put_network(f"averaged.{name}", network, tensors)
        for name, optimiser in state.optimisers.items():
            put_optimiser(f"optimiser.{name}", optimiser, tensors)
        state.step, state.best = int(tensors["step"]), float(tensors["best"])


def save_averaged(averaged: Networks, step: int, path: Path) -> None:
    """Write generator and encoder as they would be exported after `step`."""
    write_tensors(path, {"step": torch.tensor(step), **_averaged_tensors(averaged)})


def restore_averaged(networks: Networks, path: Path) -> int:
    """Put what `save_averaged` or `save` wrote into networks; returns the step it was written at.

    Raises
    ------
    BundleCorruptError
        If the file cannot be read or belongs to another architecture.
    """
    tensors = read_tensors(path)
    with fitting(path):
        for name, network in networks.made_by_generator().items():
            put_network(f"averaged.{name}", network, tensors)
        return int(tensors["step"])


def _averaged_tensors(averaged: Networks) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for name, network in averaged.made_by_generator().items():
        tensors |= network_tensors(f"averaged.{name}", network)
    return tensors
