"""A deep reader: fitted on trials of one or several participants, and one network with all of it inside for each."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bci_app.contract.errors import SettingsError
from models.encoders.reader import PortableReader, ReaderNetwork
from training.export import apply, to_onnx
from training.reader_recipe import DeepSettings, ReaderRecipe
from training.readers.deep_loop import Examples, begin, fit
from training.readers.heads import choose_head
from training.readers.networks import build_network
from training.readers.standard import Standard, fit_standard
from training.run_folder import RunFolder

Floats = NDArray[np.float32]
FEWEST = 20
"""Trials below which a part of them cannot be kept for validation."""


@dataclass(frozen=True, slots=True, eq=False)
class DeepReader:
    """A network for one participant, from microvolts to latents; see `bci_app.calibration.export.Reader`."""

    network: PortableReader
    mean_target: Floats

    def read(self, windows: Floats) -> Floats:
        """Latents (n, latent_dim) of windows (n, n_channels, n_times)."""
        if len(windows) == 0:
            return np.empty((0, len(self.mean_target)), np.float32)
        return apply(self.network, np.asarray(windows, np.float32))

    def graph(self) -> bytes:
        """The ONNX graph that does the same."""
        return to_onnx(self.network, torch.zeros(2, *self.network.mean.shape), "window", "latent")


@dataclass(frozen=True, slots=True, eq=False)
class DeepModel:
    """What training gives for all its participants.

    Attributes
    ----------
    network : ReaderNetwork
        With the best weights; in evaluation mode.
    head : nn.Linear
        Its features -> latents as they are outside.
    standards : mapping of str to Standard
        By participant, in the order of the subject layer.
    pooled : Standard
        That of all trials together.
    mean_target : float32 array (latent_dim,)
    scale : float
        Spread of the training latents over all components, by which the network's own are divided.
    """

    network: ReaderNetwork
    head: nn.Linear
    standards: Mapping[str, Standard]
    pooled: Standard
    mean_target: Floats
    scale: float

    @property
    def subjects(self) -> tuple[str, ...]:
        """The participants."""
        return tuple(self.standards)

    def reader(self, subject: str | None = None) -> DeepReader:
        """The reader for a participant; for one that was not trained on, that of the mean of all.

        Parameters
        ----------
        subject : str, optional
            None stands for the only one there is, or for a stranger.
        """
        known = self.subjects
        if subject is None and len(known) == 1:
            (subject,) = known
        number = known.index(subject) if subject in known else None
        standard = self.pooled if number is None else self.standards[known[number]]
        matrix = self.network.subjects.matrix(number) @ torch.from_numpy(standard.matrix)
        parts = copy.deepcopy((self.network.encoder, self.head))
        return DeepReader(PortableReader(torch.from_numpy(standard.mean), matrix, *parts).eval(), self.mean_target)


def fit_deep(
    windows: Floats,
    targets: Floats,
    pictures: Sequence[str],
    recipe: ReaderRecipe,
    sfreq: float,
    subjects: Sequence[str] | None = None,
    features: Mapping[str, Floats] | None = None,
    run: RunFolder | None = None,
) -> DeepModel:
    """Train the recipe's network; some of the pictures are kept to choose by.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, n_times)
        Preprocessed trials.
    targets : float32 array (n_trials, latent_dim)
        Latent of the picture shown in each.
    pictures : sequence of str
        Its id; trials of a picture are never both learnt from and chosen by.
    recipe : ReaderRecipe
        Its reader must be a deep one.
    sfreq : float
        Rate of the windows in Hz.
    subjects : sequence of str, optional
        Participant of each trial; one by default.
    features : mapping of str to float32 array, optional
        Image features by picture id, for the contrastive part; without them it compares with the latents.
    run : RunFolder, optional
        See `training.readers.deep_loop.fit`.

    Raises
    ------
    SettingsError
        If there are too few trials or pictures, the windows are too short, or a picture has no features.
    TrainingError
        If a loss is no longer finite.
    """
    if isinstance(recipe.reader, DeepSettings):
        settings = recipe.reader
    else:
        raise SettingsError(f"A deep reader is eegnet, nice or attention; the recipe's is {recipe.reader.kind}.")
    names = ["participant"] * len(windows) if subjects is None else list(subjects)
    train, validation = held_out_pictures(pictures, recipe.optimiser.validation, recipe.seed)
    owner = np.array(names)
    standards = {
        name: _standard(windows[train[owner[train] == name]], settings.whiten, name) for name in dict.fromkeys(names)
    }
    pooled = fit_standard(windows[train], settings.whiten) if len(standards) > 1 else next(iter(standards.values()))
    mean, scale = targets[train].mean(axis=0), max(float(targets[train].std()), 1e-6)
    examples = as_examples(windows, (targets - mean) / scale, pictures, names, standards, features)
    known, new = (examples.take(torch.from_numpy(side)) for side in (train, validation))
    size = (windows.shape[1], windows.shape[2])
    dims = targets.shape[1], examples.compared.shape[1]
    network = build_network(settings, size, sfreq, *dims, len(standards), recipe.seed)
    network.subjects.requires_grad_(len(standards) > 1)  # of one participant it would be one more linear layer
    fit(begin(network, recipe.optimiser), known, new, recipe, run)
    head = choose_head(network, known, new, recipe.objective)
    return DeepModel(network, outside(head, mean, scale), standards, pooled, np.asarray(mean, np.float32), scale)


def held_out_pictures(pictures: Sequence[str], share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the trials to learn from and of those to choose by, no picture on both sides.

    Raises
    ------
    SettingsError
        If there are too few of them.
    """
    from sklearn.model_selection import GroupShuffleSplit

    groups = [picture or f"trial {number}" for number, picture in enumerate(pictures)]
    if len(groups) < FEWEST or len(set(groups)) * share < 1:
        raise SettingsError(
            f"A deep reader needs at least {FEWEST} trials and {int(np.ceil(1 / share))} pictures to learn from and choose "
            f"by; got {len(groups)} trials of {len(set(groups))}. Record more, or take reader.kind=linear."
        )
    ((train, kept),) = GroupShuffleSplit(1, test_size=share, random_state=seed % 2**32).split(groups, groups=groups)
    return train, kept


def as_examples(
    windows: Floats,
    targets: Floats,
    pictures: Sequence[str],
    subjects: Sequence[str],
    standards: Mapping[str, Standard],
    features: Mapping[str, Floats] | None,
) -> Examples:
    """Trials as the loop takes them; `targets` are centred and scaled."""
    order = list(standards)
    standard = np.empty(windows.shape, np.float32)
    owner = np.array(subjects)
    for name in order:
        rows = owner == name
        standard[rows] = standards[name].apply(windows[rows])
    target = torch.from_numpy(np.array(targets, np.float32))
    return Examples(
        torch.from_numpy(standard),
        torch.tensor([order.index(name) for name in subjects]),
        target,
        target if features is None else _looked_up(features, pictures),
        torch.tensor([zlib.crc32(picture.encode()) if picture else -number for number, picture in enumerate(pictures)]),
    )


def _standard(windows: Floats, whiten: bool, subject: str) -> Standard:
    if len(windows) < 2:
        raise SettingsError(
            f"Each participant needs trials to learn from; {subject or 'the one without a name'} has {len(windows)} beside "
            "those that are chosen by. Leave them out, or record more."
        )
    return fit_standard(windows, whiten)


def _looked_up(features: Mapping[str, Floats], pictures: Sequence[str]) -> Tensor:
    missing = sorted({picture for picture in pictures if picture not in features})
    if missing:
        raise SettingsError(
            f"Image features are needed for every picture; {len(missing)} have none, such as {missing[0]!r}. Add them to "
            "the file of objective.image_features, by picture id."
        )
    return torch.from_numpy(np.stack([features[picture] for picture in pictures]).astype(np.float32))


def outside(head: nn.Linear, mean: Floats, scale: float) -> nn.Linear:
    """A head to centred and scaled latents, made one to latents as they are."""
    outside = copy.deepcopy(head)
    with torch.no_grad():
        outside.weight.mul_(scale)
        outside.bias.mul_(scale).add_(torch.from_numpy(np.asarray(mean, np.float32)))
    return outside
