"""A trained model on disk, to go on from with a new participant."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field, ValidationError
from torch import Tensor, nn

from bci_app.contract.errors import SettingsError
from training.checkpoint import fitting, network_tensors, put_network
from training.reader_recipe import DeepSettings
from training.readers.deep import DeepModel
from training.readers.networks import build_network
from training.readers.standard import Standard
from training.run_folder import RunFolder, read_tensors, write_tensors, writing
from training.settings import Frozen, problems

TENSORS, WORDS = "model.safetensors", "model.json"


class ModelWords(Frozen):
    """What a model is of, besides its numbers."""

    reader: DeepSettings = Field(discriminator="kind")
    channels: tuple[str, ...]
    sfreq: float
    subjects: tuple[str, ...]
    pictures: tuple[str, ...]
    """Ids of the pictures it was trained on or chosen by."""


@dataclass(frozen=True, slots=True, eq=False)
class SavedModel:
    """A model read back."""

    model: DeepModel
    words: ModelWords


def save_model(model: DeepModel, words: ModelWords, run: RunFolder) -> None:
    """Write ``model.safetensors`` and ``model.json``; DiskError if they cannot be written."""
    tensors = network_tensors("network", model.network) | network_tensors("head", model.head)
    standards = [*model.standards.values(), model.pooled]
    tensors |= {
        "standard.mean": torch.stack([torch.from_numpy(each.mean) for each in standards]),
        "standard.matrix": torch.stack([torch.from_numpy(each.matrix) for each in standards]),
        "mean_target": torch.from_numpy(model.mean_target),
        "scale": torch.tensor(model.scale, dtype=torch.float64),
    }
    write_tensors(run.path / TENSORS, tensors)
    with writing(run.path):
        (run.path / WORDS).write_text(words.model_dump_json(indent=1) + "\n", "utf-8")


def read_model(folder: Path) -> SavedModel:
    """The model of a run folder.

    Raises
    ------
    SettingsError
        If there is none.
    BundleCorruptError
        If its files cannot be read or do not belong together.
    """
    try:
        raw = json.loads((folder / WORDS).read_text("utf-8"))
        words = ModelWords.model_validate(raw)
    except (OSError, ValueError) as error:
        reason = problems(error, raw) if isinstance(error, ValidationError) else str(error)
        raise SettingsError(
            f"A network to go on from is the run folder of one, with {WORDS} and {TENSORS}; '{folder}' is none: {reason}."
        ) from None
    path = folder / TENSORS
    tensors = read_tensors(path)
    with fitting(path):
        return SavedModel(_model(words, tensors), words)


def _model(words: ModelWords, tensors: dict[str, Tensor]) -> DeepModel:
    means, matrices = tensors["standard.mean"], tensors["standard.matrix"]
    dims = len(tensors["network.latent.bias"]), len(tensors["network.embedding.bias"])
    size = int(means.shape[1]), int(means.shape[2])
    network = build_network(words.reader, size, words.sfreq, *dims, len(words.subjects), seed=0)
    head = nn.Linear(words.reader.width, dims[0])
    put_network("network", network, tensors)
    with torch.no_grad():
        put_network("head", head, tensors)
    standards = [Standard(mean.numpy(), matrix.numpy()) for mean, matrix in zip(means, matrices, strict=True)]
    return DeepModel(
        network.eval(),
        head,
        dict(zip(words.subjects, standards[:-1], strict=True)),
        standards[-1],
        tensors["mean_target"].numpy(),
        float(tensors["scale"]),
    )


def check_goes_on(saved: ModelWords, reader: object, channels: tuple[str, ...], sfreq: float) -> None:
    """Raise SettingsError unless a saved model is of the recipe's reader, and of the channels and rate of the trials."""
    wanted = {"reader": reader, "channels": channels, "sfreq": sfreq}
    other = [name for name, value in wanted.items() if getattr(saved, name) != value]
    if other:
        raise SettingsError(
            f"A network goes on with the reader, channels and rate it was trained with; of the one in fine_tuning.model "
            f"{' and '.join(other)} differ. Use its recipe's reader and cutting, or train on the others anew."
        )


def check_new_pictures(saved: ModelWords, scored: Iterable[str]) -> None:
    """Raise SettingsError if a picture that is scored was trained on before."""
    shared = set(saved.pictures) & set(scored)
    if shared:
        raise SettingsError(
            f"No picture may be trained and tested on; {len(shared)} that are scored were shown to the participants of "
            f"fine_tuning.model, such as {min(shared)}. Score others, or set split.new_pictures to false."
        )
