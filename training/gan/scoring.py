"""A GAN's networks, as the program runs them, measured: the space they are compared in, and the scores."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from bci_app.contract.manifest import Score
from bci_app.inference.generator import Generator
from models.portable import PortableEncoder
from training.data.images import Images, ImageSplit, to_tensor
from training.evaluate.batches import Coded, Encode, Floats
from training.evaluate.classifier_files import CARD, load_classifier
from training.evaluate.feature_space import FeatureSpace, classifier_space, inception_space
from training.evaluate.gan_scores import Amounts, GanScores, evaluate_gan
from training.evaluate.metrics import flat
from training.evaluate.page import number
from training.evaluate.sample_scores import Comparison
from training.export import Portable, in_colour
from training.gan.averaging import with_standing_statistics
from training.gan.networks import build
from training.gan.watch import COARSE
from training.gan_recipe import GanRecipe
from training.run_folder import RunFolder
from training.settings import ClassifierRecipe
from training.train_classifier import learn

logger = logging.getLogger(__name__)
CLASSIFIER_WIDTHS = {32: (32, 64, 128), 64: (32, 64, 96, 128), 128: (16, 32, 64, 96, 128)}
N_STANDING = 2
"""Batches of training pictures that give an untrained encoder its batch statistics."""


def feature_space(recipe: GanRecipe, run: RunFolder, split: ImageSplit, device: torch.device) -> FeatureSpace:
    """The space that the recipe names, or the best there is; see `EvaluationSettings`.

    Raises
    ------
    BundleCorruptError
        If the classifier that is named is missing or damaged.
    """
    settings = recipe.evaluation
    if settings.classifier is not None:
        space = classifier_space(settings.classifier, str(device))
        doubt = _doubt(load_classifier(settings.classifier).card.recipe, recipe)
        if doubt:
            logger.warning("%s", doubt)
        return replace(space, notes=(doubt,)) if doubt else space
    found = inception_space(str(device))
    if found is None and _has_classes(split):
        found = classifier_space(_own_classifier(recipe, run, split), str(device))
    return found or pixel_space()


def _doubt(classifier: ClassifierRecipe, recipe: GanRecipe) -> str:
    """Why the classifier may have been trained on the GAN's test pictures; empty if it was not."""
    theirs, ours = classifier.pictures.model_dump(), recipe.pictures.model_dump()
    decisive = ("source", "families", "n", "size", "channels", "resize", "validation", "test")
    if ours["source"] != "builtin" and Path(theirs["source"]).name == Path(ours["source"]).name:
        theirs["source"] = ours["source"]
        if publishes_test_part(Path(ours["source"])):
            return ""
    apart = [name for name in decisive if theirs[name] != ours[name]]
    apart += ["seed"] if classifier.seed != recipe.seed else []
    if not apart:
        return ""
    return (
        f"The classifier '{classifier.name}' may have been trained on the GAN's test pictures: its recipe differs in "
        f"{', '.join(apart)}. Figures in its features may be too good; train one on the same pictures, or name none."
    )


def publishes_test_part(source: Path) -> bool:
    """Whether a source says itself which of its pictures are for testing."""
    if source.suffix.lower() == ".npz" and source.is_file():
        with np.load(source) as arrays:
            return "x_test" in arrays
    files = [source] if source.is_file() else list(source.iterdir()) if source.is_dir() else []
    return any(file.name.startswith("t10k") or (file.is_dir() and file.name == "test") for file in files)


def pixel_space() -> FeatureSpace:
    """Pictures averaged to a few pixels: says whether colours and coarse places agree, and nothing of detail."""
    name = f"pixels averaged to {COARSE} x {COARSE}"
    return FeatureSpace(name, f"Fréchet distance ({name})", lambda images: flat(images, COARSE).astype(np.float32))


def _has_classes(split: ImageSplit) -> bool:
    sides = (split.train, split.validation, split.test)
    return len(split.classes) >= 2 and all(side.labels is not None for side in sides)


def _own_classifier(recipe: GanRecipe, run: RunFolder, split: ImageSplit) -> str:
    """Folder of the classifier trained on the run's own training pictures, once."""
    folder = run.path / "classifier"
    wanted = ClassifierRecipe(
        name=f"classifier-{recipe.name}",
        seed=recipe.seed,
        pictures=recipe.pictures,
        widths=CLASSIFIER_WIDTHS[recipe.pictures.size],
        steps=recipe.evaluation.classifier_steps,
        threads=recipe.machine.threads,
    )
    if not (folder / CARD).is_file():
        folder.mkdir(exist_ok=True)
        learn(split, wanted, RunFolder(folder), run.origin("commit"), run.origin("command"))
    return str(folder)


def score(
    opened: Generator,
    portable: Portable,
    recipe: GanRecipe,
    split: ImageSplit,
    space: FeatureSpace,
) -> GanScores:
    """Score a bundle that the program has opened.

    Parameters
    ----------
    opened : Generator
        Draws, and reads pictures if it has an encoder. It clips nothing: where the program clips, both are measured.
    portable : Portable
        The networks it was made from. Codes are measured on its encoder: standard deviations are in no bundle, and
        whitened means have a spread of one whatever the encoder says.
    recipe : GanRecipe
        Gives seed, channels and how much is measured.
    split : ImageSplit
        The pictures that the GAN was trained on, and those it was not.
    space : FeatureSpace
        Where pictures are compared.

    Raises
    ------
    PictureError
        If there are too few pictures to say anything.
    """
    n_channels = recipe.pictures.channels
    reads = opened.manifest.has_encoder
    return evaluate_gan(
        lambda latents: opened.generate(latents)[..., :n_channels],
        (lambda images: opened.encode(np.ascontiguousarray(in_colour(images)))) if reads else None,
        split,
        space,
        opened.latent_space.dim,
        np.random.default_rng((recipe.seed, 2)),
        coded=as_coded(portable.encoder) if portable.encoder is not None else None,
        untrained=_untrained(recipe, split.train.images) if reads else None,
        truncation=recipe.evaluation.truncation,
        clipped=recipe.bundle.truncation,
        amounts=Amounts(samples=recipe.evaluation.n_samples, probe=recipe.evaluation.n_probe),
    )


def as_coded(encoder: PortableEncoder) -> Coded:
    """Codes as the encoder itself gives them, whatever coordinates the bundle has."""

    def of_batch(images: Images) -> tuple[Floats, Floats]:
        with torch.no_grad():
            mean, std = encoder.encoder(to_tensor(images))
        return mean.numpy(), std.numpy()

    return of_batch


def _untrained(recipe: GanRecipe, train: Images) -> Encode:
    """An encoder as it was before training, but for batch statistics, which are those of training pictures."""
    standing = recipe.average.model_copy(update={"standing": N_STANDING})
    untrained = build(recipe)
    measured = with_standing_statistics(
        untrained, train, recipe.model_copy(update={"average": standing}), torch.device("cpu")
    )
    assert measured.encoder is not None
    network = as_coded(PortableEncoder(measured.encoder.eval()))
    return lambda images: network(images)[0]


def rows(found: GanScores) -> tuple[Comparison, ...]:
    """All figures beside their controls, the probes' too; those that came out as no number are left out."""
    every = (*found.samples, *found.reconstructions, *_probe_rows(found))
    return tuple(row for row in every if math.isfinite(row.value))


def _probe_rows(found: GanScores) -> tuple[Comparison, ...]:
    if not found.probes:
        return ()
    *probes, noise, shuffled = found.probes
    controls = {"chance": found.probe_chance, "noise": noise.accuracy, "shuffled": shuffled.accuracy}
    return tuple(
        Comparison(f"linear probe on {row.name}", row.accuracy, row.low, row.high, "higher", row.n_test, **controls)
        for row in probes
    )


def as_scores(found: Sequence[Comparison], held_out: str) -> tuple[Score, ...]:
    """Figures as a manifest keeps them. What real pictures reach has no place there and stands in the name."""
    return tuple(_score(row, held_out) for row in found)


def _score(row: Comparison, held_out: str) -> Score:
    real = "" if row.real is None or not math.isfinite(row.real) else f" (real pictures: {number(row.real)})"
    given = {"low": row.low, "high": row.high, "chance": row.chance}
    beside = given | {"noise_input": row.noise, "shuffled_pairing": row.shuffled}
    known = {name: value for name, value in beside.items() if value is not None and math.isfinite(value)}
    return Score(name=row.name + real, value=row.value, n=row.n, held_out=held_out, **known)


def table(found: Sequence[Comparison]) -> Table:
    """Figures beside their controls, for the terminal; what a name says after its colon stands in the report."""
    heads = (Column(head, justify="right", no_wrap=True) for head in ("value", "from", "to", *_CONTROLS, "n"))
    made = Table(
        Column("figure", min_width=20, overflow="fold"),
        *heads,
        box=SIMPLE_HEAD,
        pad_edge=False,
        caption="from, to: 95 % interval",
    )
    for row in found:
        cells = (row.value, row.low, row.high, *(getattr(row, name) for name in _CONTROLS))
        made.add_row(row.name.split(":")[0], *(number(value) for value in cells), str(row.n))
    return made


_CONTROLS = ("real", "chance", "noise", "shuffled")
