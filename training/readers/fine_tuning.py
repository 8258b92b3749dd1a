"""A new participant from minutes of data: what others have taught is kept, and what is theirs alone is learnt anew."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from models.encoders.attention import AttentionNice
from models.encoders.eegnet import EegNet
from models.encoders.nice import Nice
from models.encoders.reader import ReaderNetwork, SubjectLayer
from training.reader_recipe import DeepSettings, FineTuningSettings, ReaderRecipe
from training.readers.deep import DeepModel, Floats, as_examples, held_out_pictures, outside
from training.readers.deep_loop import Examples, begin, fit
from training.readers.heads import choose_head
from training.readers.standard import fit_standard
from training.run_folder import RunFolder


def fine_tune(
    model: DeepModel,
    windows: Floats,
    targets: Floats,
    pictures: Sequence[str],
    recipe: ReaderRecipe,
    subject: str,
    features: Mapping[str, Floats] | None = None,
    run: RunFolder | None = None,
) -> DeepModel:
    """Go on from a trained model with trials of a participant it has not seen.

    First the subject layer, which begins as the mean of all others, the encoder's last projection and the heads learn;
    then, unless ``recipe.fine_tuning.thaw`` is 0, everything does, at that share of the rate. What is no better than
    the beginning is not kept.

    Parameters
    ----------
    model : DeepModel
        Trained on other participants; stays as it is.
    windows, targets, pictures, features
        As in `training.readers.deep.fit_deep`, of the new participant.
    recipe : ReaderRecipe
        Of the same reader.
    subject : str
        The new participant.
    run : RunFolder, optional
        See `training.readers.deep_loop.fit`.

    Raises
    ------
    SettingsError
        If there are too few trials.
    TrainingError
        If a loss is no longer finite.
    """
    assert isinstance(recipe.reader, DeepSettings)
    settings = recipe.fine_tuning or FineTuningSettings()
    train, validation = held_out_pictures(pictures, recipe.optimiser.validation, recipe.seed)
    standard = fit_standard(windows[train], recipe.reader.whiten)
    standards = {subject: standard}
    own = (np.asarray(targets - model.mean_target) / model.scale).astype(np.float32)
    examples = as_examples(windows, own, pictures, [subject] * len(windows), standards, features)
    known, new = (examples.take(torch.from_numpy(side)) for side in (train, validation))
    network = for_one_more(model.network)
    network.requires_grad_(False)
    for part in theirs_alone(network):
        part.requires_grad_(True)
    _learn(network, known, new, recipe, settings, settings.learning_rate, run)
    if settings.thaw:
        network.requires_grad_(True)
        thawed = run.inside("thawed") if run else None
        _learn(network, known, new, recipe, settings, settings.thaw * settings.learning_rate, thawed)
    head = choose_head(network, known, new, recipe.objective)
    latent = outside(head, model.mean_target, model.scale)
    return DeepModel(network, latent, standards, standard, model.mean_target, model.scale)


def _learn(
    network: ReaderNetwork,
    known: Examples,
    new: Examples,
    recipe: ReaderRecipe,
    settings: FineTuningSettings,
    learning_rate: float,
    run: RunFolder | None,
) -> None:
    changes = {"epochs": settings.epochs, "batch_size": settings.batch_size, "learning_rate": learning_rate}
    optimiser = recipe.optimiser.model_copy(update=changes)
    fit(begin(network, optimiser), known, new, recipe.model_copy(update={"optimiser": optimiser}), run)


def for_one_more(network: ReaderNetwork) -> ReaderNetwork:
    """A copy whose subject layer is of one participant, and begins as the mean of those of before."""
    made = copy.deepcopy(network)
    mean = network.subjects.matrix(None)
    made.subjects = SubjectLayer(1, len(mean))
    with torch.no_grad():
        made.subjects.mixing.copy_(mean[None])
    return made


def theirs_alone(network: ReaderNetwork) -> list[nn.Module]:
    """What is learnt anew: the subject layer, the encoder's last projection, and the heads."""
    encoder = network.encoder
    if isinstance(encoder, AttentionNice):
        encoder = encoder.nice
    assert isinstance(encoder, EegNet | Nice)
    projection = encoder.dense if isinstance(encoder, EegNet) else encoder.projector
    return [network.subjects, projection, network.latent, network.embedding]
