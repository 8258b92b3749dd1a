"""All that is measured of a trained GAN, in one call."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bci_app.contract.errors import PictureError
from training.data.images import ImageSplit, Pictures
from training.evaluate import probe
from training.evaluate.batches import Coded, Encode, Floats, Generate, Images, batched, spans
from training.evaluate.codes import CodeStatistics, code_statistics
from training.evaluate.encoder_scores import encoder_scores
from training.evaluate.feature_space import FeatureSpace
from training.evaluate.gan_pictures import THRESHOLDS, GanPictures, draw_pictures
from training.evaluate.latents import Draw, clipped_normal, normal, truncated_normal
from training.evaluate.probe import ProbeRow, linear_probes
from training.evaluate.sample_scores import (
    Comparison,
    FeatureSets,
    Neighbours,
    class_shares,
    cut_scores,
    diversity_scores,
    memorisation,
    nearest,
    noise_features,
    sample_features,
    set_scores,
)

logger = logging.getLogger(__name__)
FEWEST = 20
"""Test and training pictures below which nothing can be said."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many pictures each part uses at most; never more than the side of the split has."""

    samples: int = 10_000
    """For the Fréchet distance, precision, recall, coverage and codes; as many test pictures beside them."""
    identified: int = 1_000
    """For reconstructions: one is to be found among so many."""
    copies: int = 1_000
    """Samples, and test pictures, for which the nearest training picture is searched."""
    diversity: int = 2_000
    most: int = 60_000
    """Of any side, for searches and probes too."""
    resamples: int = 20
    """Bootstrap resamples of the Fréchet distance; 0 leaves its interval out."""
    probe: int | None = None
    """Training pictures of the linear probe; None is all."""


@dataclass(frozen=True, slots=True)
class ClassShare:
    """Share of a class among test pictures and among samples, as the classifier of the space sees both."""

    name: str
    test: float
    samples: float


@dataclass(frozen=True, slots=True, eq=False)
class GanScores:
    """Scores beside their controls, and pictures to look at."""

    data: str
    space: str
    """Name of the feature space."""
    latent_dim: int
    n_test: int
    """Test pictures behind the distances, and samples: all there are, or as many as were asked for."""
    samples: tuple[Comparison, ...]
    classes: tuple[ClassShare, ...]
    pictures: GanPictures
    reconstructions: tuple[Comparison, ...] = ()
    probes: tuple[ProbeRow, ...] = ()
    probe_chance: float | None = None
    learned: bool = False
    """Whether the space has the features of a classifier of our own."""
    space_notes: tuple[str, ...] = ()
    """What must be known of the space to read the figures."""
    thresholds: tuple[float, ...] = THRESHOLDS
    """Of the rows of truncated samples."""
    clipped: float | None = None
    """Where the program clips latents; the samples above are of latents as drawn."""
    codes: CodeStatistics | None = None
    prior: CodeStatistics | None = None
    """The statistics of as many draws from N(0, I), which `codes` would have if they followed it."""

    def figures(self) -> dict[str, Any]:
        """All but the pictures, as plain numbers and words."""
        kept = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "pictures"}
        return {name: _plain(value) for name, value in kept.items()}


def write_figures(path: Path, scores: GanScores) -> Path:
    """Write all but the pictures as JSON."""
    path.write_text(json.dumps(scores.figures(), indent=1) + "\n", "utf-8")
    return path


def evaluate_gan(
    generate: Generate,
    encode: Encode | None,
    split: ImageSplit,
    space: FeatureSpace,
    latent_dim: int,
    rng: np.random.Generator,
    *,
    coded: Coded | None = None,
    untrained: Encode | None = None,
    amounts: Amounts | None = None,
    truncation: float | None = None,
    clipped: float | None = None,
) -> GanScores:
    """Score a generator, and its encoder if it has one, on the test side of a split.

    Parameters
    ----------
    generate : callable
        Latents float32 (n, latent_dim) -> pictures uint8 (n, h, w, c); clips nothing.
    encode : callable or None
        Pictures -> latents (the means, if the encoder is stochastic).
    split : ImageSplit
        What the GAN was trained on, and what it was not. Without labels there is no probe.
    space : FeatureSpace
        Where pictures are compared; see `training.evaluate.feature_space`.
    latent_dim : int
        Components of the latent, drawn from N(0, I).
    rng : Generator
        The same state gives the same scores.
    coded : callable, optional
        Pictures -> means and standard deviations (n, latent_dim) of their codes in the coordinates that the generator
        was trained on. Codes that were whitened have a spread of one whatever the encoder says, so whether they have
        collapsed can be seen here only. Without it the codes are those of `encode`.
    untrained : callable, optional
        An encoder with random weights, for the probe.
    amounts : Amounts, optional
        How many pictures each part uses.
    truncation : float, optional
        Samples are scored, and shown, once more from latents resampled within this.
    clipped : float, optional
        Where the program clips latents: samples are scored once more so, and reconstructions drawn so.

    Raises
    ------
    PictureError
        If test or training side hold fewer than `FEWEST` pictures.
    """
    amounts, generate = amounts or Amounts(), batched(generate)
    _refuse_too_few(split)
    split = _at_most(split, amounts.most)
    cuts = _cuts(truncation, clipped)
    for_sets, for_copies, for_codes, for_probe, for_grids = rng.spawn(5)
    sets, rows = _sample_rows(generate, split, space, latent_dim, for_sets, amounts, cuts)
    copies, beside = _copies(generate, split, space, latent_dim, for_copies, amounts)
    found: dict[str, Any] = {}
    if encode is not None:
        logger.info("Reconstructions, codes and probes")
        found = _encoder_parts(_clipping(generate, clipped), encode, split, space, for_codes, amounts, coded)
        found |= _probe_parts(encode, untrained, split, for_probe, amounts)
        read = batched(encode)
        encode = read if clipped is None else lambda images: np.clip(read(images), -clipped, clipped)
    logger.info("Pictures")
    thresholds = tuple(sorted({*THRESHOLDS, *([truncation] if truncation else [])}, reverse=True))
    return GanScores(
        data=split.name,
        space=space.name,
        latent_dim=latent_dim,
        n_test=len(sets.test),
        samples=(*rows, copies),
        classes=_class_rows(sets, space),
        pictures=draw_pictures(generate, encode, split, latent_dim, for_grids, *beside, thresholds),
        learned=space.learned,
        space_notes=space.notes,
        thresholds=thresholds,
        clipped=clipped,
        **found,
    )


def _at_most(split: ImageSplit, n: int) -> ImageSplit:
    train, validation, test = (
        Pictures(side.images[:n], None if side.labels is None else side.labels[:n])
        for side in (split.train, split.validation, split.test)
    )
    return replace(split, train=train, validation=validation, test=test)


def _cuts(truncation: float | None, clipped: float | None) -> dict[str, Draw]:
    """Ways to draw latents besides from all of N(0, I), by the words for them."""
    cuts: dict[str, Draw] = {}
    if truncation is not None:
        cuts[f"truncated to |z| ≤ {truncation:g} by resampling"] = partial(truncated_normal, threshold=truncation)
    if clipped is not None:
        cuts[f"clipped at {clipped:g} as the program does"] = partial(clipped_normal, threshold=clipped)
    return cuts


def _clipping(generate: Generate, at: float | None) -> Generate:
    return generate if at is None else lambda latents: generate(np.clip(latents, -at, at))


def _refuse_too_few(split: ImageSplit) -> None:
    for name, side in (("test", split.test), ("training", split.train)):
        if len(side) < FEWEST:
            raise PictureError(
                f"A GAN is scored beside at least {FEWEST} {name} pictures; '{split.name}' has {len(side)}. "
                "Raise pictures.n or the shares."
            )


def _sample_rows(
    generate: Generate,
    split: ImageSplit,
    space: FeatureSpace,
    latent_dim: int,
    rng: np.random.Generator,
    amounts: Amounts,
    cuts: dict[str, Draw],
) -> tuple[FeatureSets, tuple[Comparison, ...]]:
    test, train = split.test.images[: amounts.samples], split.train.images[: amounts.samples]
    logger.info("Distances of %d samples from %d test pictures", len(test), len(test))
    sets = FeatureSets(
        test=space.features(test),
        samples=sample_features(generate, space, len(test), latent_dim, rng),
        train=space.features(train[: len(test)]),
        noise=noise_features(space, len(test), test.shape[1:], rng),
    )
    n = min(amounts.diversity, len(test), len(train))
    samples = generate(normal(rng, n, latent_dim))
    rows = set_scores(sets, space, rng, amounts.resamples)
    for words, draw in cuts.items():
        cut = sample_features(generate, space, len(test), latent_dim, rng, draw)
        rows = (*rows, *cut_scores(cut, sets, rows, words))
    return sets, (*rows, *diversity_scores(samples, test[:n], train[:n], space, rng))


Beside = tuple[Images, Neighbours]


def _copies(
    generate: Generate,
    split: ImageSplit,
    space: FeatureSpace,
    latent_dim: int,
    rng: np.random.Generator,
    amounts: Amounts,
) -> tuple[Comparison, tuple[Beside, Beside]]:
    """How many samples are copies; samples and test pictures with their three nearest training pictures."""
    test = split.test.images[: amounts.copies]
    logger.info("Nearest of %d training pictures", len(split.train))
    samples = generate(normal(rng, len(test), latent_dim))
    queries = np.concatenate([space.features(samples), space.features(test)])
    found = nearest(queries, split.train.images, space, k=3)
    own, real = (
        Neighbours(found.places[part], found.distances[part])
        for part in (slice(0, len(samples)), slice(len(samples), None))
    )
    return memorisation(own, real), ((samples, own), (test, real))


def _class_rows(sets: FeatureSets, space: FeatureSpace) -> tuple[ClassShare, ...]:
    if space.classify is None:
        return ()
    shares = zip(space.classes, class_shares(sets.test, space), class_shares(sets.samples, space), strict=True)
    return tuple(ClassShare(name, float(test), float(samples)) for name, test, samples in shares)


def _encoder_parts(
    generate: Generate,
    encode: Encode,
    split: ImageSplit,
    space: FeatureSpace,
    rng: np.random.Generator,
    amounts: Amounts,
    coded: Coded | None,
) -> dict[str, Any]:
    test = split.test.images[: amounts.samples]
    means, stds = (batched(encode)(test), None) if coded is None else _in_parts(coded, test)
    return {
        "reconstructions": encoder_scores(generate, encode, split, space, rng, amounts.identified),
        "codes": code_statistics(means, stds, rng),
        "prior": code_statistics(normal(rng, *means.shape), None),
    }


def _in_parts(coded: Coded, images: Images) -> tuple[Floats, Floats]:
    parts = [coded(images[start:stop]) for start, stop in spans(len(images))]
    return np.concatenate([mean for mean, _ in parts]), np.concatenate([std for _, std in parts])


def _probe_parts(
    encode: Encode, untrained: Encode | None, split: ImageSplit, rng: np.random.Generator, amounts: Amounts
) -> dict[str, Any]:
    sides = (split.train, split.validation, split.test)
    if len(split.classes) < 2 or any(side.labels is None for side in sides):
        return {}
    encoders = {"E(x)": encode} | ({"encoder with random weights": untrained} if untrained is not None else {})
    return {"probes": linear_probes(encoders, split, rng, amounts.probe), "probe_chance": probe.chance(split)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(each) for name, each in asdict(value).items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
