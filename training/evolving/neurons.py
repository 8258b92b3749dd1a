"""Recorded neurons as targets: a model fitted to one half of the photographs guides, models of the other half judge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from bci_app.inference.image_model import ImageModel
from bci_app.pictures.picture import resize
from training.data.spikes import read_photographs
from training.evaluate.batches import Images
from training.evaluate.classifier_files import load_classifier
from training.evaluate.real.result import find_files
from training.evolve_recipe import EncodingTarget, EnergySettings, FeatureSettings, LayerSettings
from training.evolving.targets import Doubles, Judge, Target
from training.readers.picture_features import Featurise, PictureFeatures, layer_features, picture_features
from training.readers.rates import RateModel, find_valid, fit_rates

Rows = NDArray[np.intp]
SIDE = 64
HOW = (
    "Responses are rates predicted by the guide, a model fitted to one half of the photographs; neurons are driven whose model "
    "predicts the other half. Photographs of the fit stand with the rates predicted without them. The highest recorded rate "
    "holds the noise of the presentations behind it, which no prediction has. Judges were fitted to the other half and saw "
    "nothing of the evolution: the photograph that the guide likes best was chosen as the evolved picture was, so that one "
    "is the fair comparison; a judge's own best photograph owes some of its lead to that judge's errors."
)


def read_neurons(wanted: EncodingTarget, seed: int) -> Iterator[Target]:
    """One target for each session in which a candidate's model is valid.

    Raises
    ------
    SettingsError
        If no session is there, or one that was asked for is missing.
    RecordingError, PictureError
        If a session is not whole.
    """
    archives = {each.stem.removeprefix("images_"): each for each in find_files(Path(wanted.folder), "images_*.zip")}
    missing = sorted(set(wanted.sessions or ()) - set(archives))
    if missing:
        raise SettingsError(
            f"The sessions in '{wanted.folder}' are {', '.join(archives)}; got {', '.join(missing)}. Choose among them."
        )
    guide, judge = read_features(wanted.guide), read_features(wanted.judge)
    for session in wanted.sessions or archives:
        target = _session(archives[session], wanted, guide, judge, seed)
        if target is not None:
            yield target


def read_features(wanted: FeatureSettings) -> Featurise:
    """What a model sees of pictures."""
    match wanted:
        case EnergySettings(classifier=None):
            return picture_features
        case EnergySettings(classifier=str(folder)):
            network = load_classifier(folder).network
            return lambda images: picture_features(images, network)
        case LayerSettings():
            model = ImageModel.open(Path(wanted.model), "cpu")
            return lambda images: layer_features(images, model, wanted.layers)
    raise AssertionError


def _session(archive: Path, wanted: EncodingTarget, guide: Featurise, judge: Featurise, seed: int) -> Target | None:
    """Neurons of one session; None if no candidate's model is valid."""
    name = archive.stem.removeprefix("images_")
    trials = read_photographs(archive, archive.with_name(f"responses_{name}.npy"))
    images = np.stack([resize(trials.images[each], SIDE) for each in trials.pictures])
    rates = trials.windows[:, :, 0].astype(np.float64)
    one, other = _halves(trials.pictures, seed)
    seen = guide(images)
    model = fit_rates(seen.take(one), rates[one])
    validity = find_valid(model, (seen.take(one), rates[one]), (seen.take(other), rates[other]), seed)
    candidates = np.arange(wanted.first, rates.shape[1], wanted.step)
    valid = candidates[validity.valid[candidates]]
    units = np.sort(np.random.default_rng([seed, 3]).permutation(valid)[: wanted.per_session])
    if not len(units):
        return None
    judges = (
        _judge("the same features, other photographs", guide, seen, rates, other, units),
        _judge("other features, other photographs", judge, judge(images), rates, other, units),
    )
    return Target(
        name=f"session {name}",
        units=tuple(trials.preprocessing.channels[unit] for unit in units),
        respond=lambda pictures: model.predict(guide(pictures))[:, units],
        images=images,
        references=left_out_rates(model, seen, one)[:, units],
        judges=judges,
        distance=lambda pictures: model.distance(guide(pictures)),
        facts={
            "variance explained of photographs not in the fit": validity.explained[units],
            "highest recorded": rates.max(axis=0)[units],
            "highest predicted of photographs, those of the fit as fitted": model.predict(seen).max(axis=0)[units],
            "typical distance of a photograph": np.full(len(units), np.median(model.distance(seen.take(other)))),
        },
        notes=(
            HOW,
            f"Session {name}: {len(valid)} of {len(candidates)} candidate neurons are valid: their models explain more than "
            f"{validity.threshold:.3f} of the variance of photographs not in the fit, which 97.5 % of models of shuffled "
            f"pairs do not.",
        ),
    )


def _halves(pictures: tuple[str, ...], seed: int) -> tuple[Rows, Rows]:
    """Rows of one half of the pictures and of the other; equal pictures are on one side."""
    _, own = np.unique(np.array(pictures, dtype=np.str_), return_inverse=True)
    first = np.random.default_rng([seed, 4]).permutation(own.max() + 1) % 2 == 0
    return np.flatnonzero(first[own]), np.flatnonzero(~first[own])


def left_out_rates(model: RateModel, features: PictureFeatures, fitted: Rows) -> Doubles:
    """Rates of all pictures (n, n_neurons) as predicted without them: those in the fit were left out of it."""
    rates = model.predict(features)
    rates[fitted] = model.left_out
    return rates


def _judge(
    name: str, featurise: Featurise, features: PictureFeatures, rates: Doubles, rows: Rows, units: Rows
) -> Judge:
    model = fit_rates(features.take(rows), rates[rows][:, units])

    def respond(pictures: Images) -> Doubles:
        return model.predict(featurise(pictures))

    return Judge(name, respond, left_out_rates(model, features, rows))
