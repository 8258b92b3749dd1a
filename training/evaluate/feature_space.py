"""Spaces of features in which pictures are compared: Inception-v3 where its weights lie ready, else our own classifier.

Only a distance in the features of that one Inception-v3 is an FID. In every other space it is called by the name of
the space, because numbers from two spaces cannot be compared.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bci_app.contract.errors import BundleCorruptError, PictureError
from models.classifier import Classifier
from training.data.images import to_tensor
from training.evaluate.batches import BATCH, Floats, Images, batched
from training.evaluate.classifier_files import load_classifier

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSpace:
    """Features of pictures, and what a distance between them is called.

    Attributes
    ----------
    name : str
        Of the network and layer.
    distance_name : str
        What the Fréchet distance in this space may be called.
    extract : callable
        One batch of pictures uint8 (n, h, w, c) to features float32 (n, d).
    classify : callable, optional
        Features to the index (n,) of the most likely class, if the network knows classes.
    classes : tuple of str
        What these indices count.
    learned : bool
        Whether the features are those of a classifier of our own.
    notes : tuple of str
        What must be known to read figures in this space, in sentences.
    """

    name: str
    distance_name: str
    extract: Callable[[Images], Floats]
    classify: Callable[[Floats], NDArray[np.int64]] | None = None
    classes: tuple[str, ...] = ()
    learned: bool = False
    notes: tuple[str, ...] = ()

    def features(self, images: Images) -> Floats:
        """Features float32 (n, d) of any number of pictures."""
        return batched(self.extract, BATCH)(images)


def classifier_space(folder: Path | str, device: str = "cpu", notes: Sequence[str] = ()) -> FeatureSpace:
    """The features of a classifier that `train_classifier` made; `notes` come with them.

    Pictures of another size are resized to the classifier's, and grey ones may be given to one for colours.
    """
    trained = load_classifier(folder)
    network = trained.network.to(device)

    def extract(images: Images) -> Floats:
        with torch.no_grad():
            return network.features(_fitted(images, network).to(device)).cpu().numpy()

    def classify(features: Floats) -> NDArray[np.int64]:
        with torch.no_grad():
            scores = network.head(torch.from_numpy(np.array(features)).to(device))
        return np.asarray(scores.argmax(dim=1).cpu().numpy())

    return FeatureSpace(
        name=trained.name,
        distance_name=f"Fréchet distance (features of {trained.name})",
        extract=extract,
        classify=classify,
        classes=trained.card.classes,
        learned=True,
        notes=tuple(notes),
    )


def _fitted(images: Images, network: Classifier) -> Tensor:
    image = to_tensor(images)
    if image.shape[1] != network.n_channels:
        if network.n_channels == 1:
            raise PictureError(
                "A classifier of grey pictures cannot compare coloured ones. Train one on pictures with channels=3."
            )
        image = image.expand(-1, network.n_channels, -1, -1)
    if image.shape[-1] != network.size:
        image = functional.interpolate(image, (network.size, network.size), mode="bilinear", antialias=True)
    return image


def inception_space(device: str = "cpu") -> FeatureSpace | None:
    """Inception-v3 as FID is defined on it, or None if torch-fidelity or its weights are not here.

    Nothing is downloaded. The weights are a pickle: the file is opened only if it is the published one to the bit.

    Raises
    ------
    BundleCorruptError
        If the file of weights is another one.
    """
    weights = _hub() / INCEPTION_FILE
    if find_spec("torch_fidelity") is None or not weights.is_file():
        return None
    refuse_other_weights(weights, INCEPTION_SHA256)
    return space_of_inception(_open_inception(weights), device)


def refuse_other_weights(path: Path, sha256: str) -> None:
    """Raise BundleCorruptError unless the file has this digest."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise BundleCorruptError(
            f"The weights of Inception-v3 must be the published ones, with digest {sha256[:16]}...; {path} has "
            f"{found[:16]}.... Remove the file, or put the published one there."
        )


def space_of_inception(network: nn.Module, device: str = "cpu") -> FeatureSpace:
    """The space of a network that takes uint8 tensors (n, 3, h, w) and gives the features of pool3 (n, 2048)."""
    network = network.to(device)

    def extract(images: Images) -> Floats:
        image = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
        with torch.no_grad():
            features: Floats = network(image.to(device)).cpu().numpy()
        return features

    return FeatureSpace("Inception-v3 pool3 (FID)", "FID (Inception-v3 pool3)", extract)


def _open_inception(weights: Path) -> nn.Module:
    from torchmetrics.image.fid import NoTrainInceptionV3

    # antialias=False is what published figures use; torchmetrics' own default is another score
    return NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights), antialias=False)


def _hub() -> Path:
    """Where torch keeps downloaded weights, by its own rules."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub" / "checkpoints"
