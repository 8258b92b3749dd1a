"""What is driven: pictures in, responses of units out, with the pictures that evolved ones are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bci_app.contract.errors import SettingsError
from bci_app.inference.image_model import ImageModel
from bci_app.pictures.picture import resize
from models.portable import LUMA
from training.data.images import read_split, to_tensor
from training.evaluate.batches import Images
from training.evaluate.classifier_files import load_classifier
from training.evolve_recipe import Channels, OnnxTarget, TorchTarget

Doubles = NDArray[np.float64]
Respond = Callable[[Images], Doubles]
"""Pictures uint8 (n, side, side, 3) -> responses (n, n_units)."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """A model of the same units that never guides: what it says of pictures, and of the reference pictures."""

    name: str
    respond: Respond
    references: Doubles


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Units of one world, such as a layer or a session.

    Attributes
    ----------
    name : str
    units : tuple of str
    respond : callable
        See `Respond`; without noise.
    images : uint8 array (n_references, side, side, 3)
        Reference pictures.
    references : float64 array (n_references, n_units)
        Responses to them.
    judges : tuple of Judge
    distance : callable or None
        Pictures -> how far each is from the nearest reference picture, as the model sees it.
    facts : mapping of str to float64 array (n_units,)
        What is known of each unit, by what it is called in the table.
    notes : tuple of str
    """

    name: str
    units: tuple[str, ...]
    respond: Respond
    images: Images
    references: Doubles
    judges: tuple[Judge, ...] = ()
    distance: Callable[[Images], Doubles] | None = None
    facts: Mapping[str, Doubles] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_onnx_target(wanted: OnnxTarget, seed: int) -> Target:
    """Units of an ONNX image model; SettingsError if there is no such layer or channel, BundleError as it opens."""
    model = ImageModel.open(Path(wanted.model), "cpu", given=wanted.input)
    shape = model.layers.get(wanted.layer, (0,))
    chosen = _channels(wanted.channels, shape[0], seed) if shape[0] else (0,)  # the unit's own error names the layers
    units = [model.unit(wanted.layer, channel, wanted.place) for channel in chosen]

    numbers = [unit.number for unit in units]

    def respond(images: Images) -> Doubles:
        found = model.activations(wanted.layer, images)
        return found.reshape(len(found), -1)[:, numbers].astype(np.float64)

    images = read_split(wanted.references, seed).train.images
    return Target(Path(wanted.model).name, tuple(unit.name for unit in units), respond, images, respond(images))


def read_torch_target(wanted: TorchTarget, seed: int) -> Target:
    """Units of a module of a trained classifier, read by a forward hook.

    Raises
    ------
    SettingsError
        If there is no such module, channel or place.
    BundleCorruptError
        If there is no trained classifier.
    """
    network = load_classifier(wanted.classifier).network
    images = read_split(wanted.references, seed).train.images
    size, n_channels = network.size, network.n_channels

    def activate(pictures: Images) -> Tensor:
        sized = np.stack([resize(each, size) for each in pictures])
        return activation(network, wanted.module, to_tensor(sized if n_channels == 3 else _grey(sized)))

    shape = tuple(activate(images[:1]).shape[1:])
    chosen = _channels(wanted.channels, shape[0], seed)
    place = tuple(length // 2 for length in shape[1:]) if wanted.place is None else wanted.place
    if max(chosen) >= shape[0] or len(place) != len(shape) - 1 or any(np.greater_equal(place, shape[1:])):
        raise SettingsError(
            f"Module '{wanted.module}' gives {' x '.join(map(str, shape))}, channels first; got channels "
            f"{', '.join(map(str, chosen))} and place {place}. Choose those it has."
        )

    def respond(pictures: Images) -> Doubles:
        parts = [activate(pictures[start : start + 64]) for start in range(0, len(pictures), 64)]
        found = torch.cat(parts).numpy()[:, list(chosen)]
        number = int(np.ravel_multi_index(place, shape[1:])) if place else 0
        return found.reshape(len(found), len(chosen), -1)[:, :, number].astype(np.float64)

    where = f", place {', '.join(map(str, place))}" if place else ""
    names = tuple(f"{wanted.module}, channel {channel}{where}" for channel in chosen)
    return Target(Path(wanted.classifier).name, names, respond, images, respond(images))


def activation(network: nn.Module, module: str, inputs: Tensor) -> Tensor:
    """What a named module of a network gives for inputs; SettingsError if it has none of that name."""
    modules = dict(network.named_modules())
    if module not in modules:
        there = ", ".join(name for name in modules if name)
        raise SettingsError(f"The network has no module '{module}'; it has {there}. Choose one of them.")
    found: list[Tensor] = []
    hook = modules[module].register_forward_hook(lambda _, __, output: found.append(output.detach().float().clone()))
    try:
        with torch.no_grad():
            network(inputs)
    finally:
        hook.remove()
    return found[-1]


def _grey(images: Images) -> Images:
    return np.asarray(np.rint(images @ np.array(LUMA)), np.uint8)[..., np.newaxis]


def _channels(wanted: Channels, n_channels: int, seed: int) -> Sequence[int]:
    if not isinstance(wanted, int):
        return wanted
    drawn = np.random.default_rng([seed, 2]).permutation(n_channels)[:wanted]
    return tuple(sorted(map(int, drawn)))
