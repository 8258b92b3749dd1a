"""A trained classifier as two files: its weights, and what is known about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bci_app.contract.errors import BundleCorruptError
from bci_app.contract.manifest import Score
from models.classifier import Classifier
from training.run_folder import read_tensors, write_tensors
from training.settings import ClassifierRecipe, Frozen

WEIGHTS, CARD = "classifier.safetensors", "classifier.json"


class ClassifierCard(Frozen):
    """What is kept beside the weights."""

    recipe: ClassifierRecipe
    n_channels: int
    classes: tuple[str, ...]
    accuracy: Score
    """On pictures that were not trained on."""
    data: str
    commit: str
    command: str
    weights_sha256: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedClassifier:
    """A network in evaluation mode with its card."""

    network: Classifier
    card: ClassifierCard

    @property
    def name(self) -> str:
        """The recipe's name with the first digits of the weights' digest: no two trained ones share it."""
        return f"{self.card.recipe.name} {self.card.weights_sha256[:8]}"


def save_classifier(folder: Path, network: Classifier, card: ClassifierCard) -> ClassifierCard:
    """Write weights and card into the folder; the card comes back with the digest of the weights."""
    write_tensors(folder / WEIGHTS, network.state_dict())
    card = card.model_copy(update={"weights_sha256": _digest(folder / WEIGHTS)})
    (folder / CARD).write_text(card.model_dump_json(indent=1) + "\n", "utf-8")
    return card


def load_classifier(folder: Path | str) -> TrainedClassifier:
    """The classifier in a folder that `save_classifier` wrote.

    Raises
    ------
    BundleCorruptError
        If a file is missing, cut, changed, or belongs to another network.
    """
    folder = Path(folder)
    try:
        card = ClassifierCard.model_validate_json((folder / CARD).read_text("utf-8"))
    except (OSError, ValidationError) as error:
        raise BundleCorruptError(
            f"A trained classifier is a folder with {CARD} and {WEIGHTS}; '{folder}' has no card that can be read: "
            f"{error}. Train one with python -m training.train_classifier."
        ) from None
    tensors = read_tensors(folder / WEIGHTS)
    if _digest(folder / WEIGHTS) != card.weights_sha256:
        raise BundleCorruptError(
            f"The weights in '{folder}' must have the digest in their card, {card.weights_sha256[:8]}...; "
            f"they have {_digest(folder / WEIGHTS)[:8]}.... Train the classifier again."
        )
    network = Classifier(card.n_channels, len(card.classes), card.recipe.widths)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise BundleCorruptError(
            f"The weights in '{folder}' must fit the network in their card; they do not: {error}. Train it again."
        ) from None
    return TrainedClassifier(network.eval(), card)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
