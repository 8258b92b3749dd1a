"""What a trained GAN becomes: its best averaged networks as a bundle, then their scores and a report."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BciError, PictureError
from training.data.images import ImageSplit
from training.errors import TrainingError
from training.evaluate.gan_report import read_costs, write_gan_report
from training.evaluate.gan_scores import GanScores, write_figures
from training.evaluate.sample_scores import Comparison
from training.export import (
    Draft,
    Portable,
    as_trained,
    draft_bundle,
    held_out,
    open_draft,
    place_bundle,
    standardise,
)
from training.gan.averaging import with_standing_statistics
from training.gan.checkpoint import restore_averaged
from training.gan.loop import BEST
from training.gan.networks import build
from training.gan.scoring import as_scores, feature_space, rows, score
from training.gan.watch import DISTANCE, RECONSTRUCTION
from training.gan_recipe import DcganNetwork, GanRecipe
from training.run_folder import RunFolder, writing

logger = logging.getLogger(__name__)
SCORES, REPORT = "scores.json", "report.html"
COSTS = Path("benchmarks") / "gan_cost.json"
"""Beside the runs: what training costs, if it was measured."""
N_CODES = 30_000
"""Training pictures whose codes give the mean, and the covariance to whiten with."""
SMALLEST_SHARE = 1e-2
"""See `standardise`. Most directions of a BigBiGAN's latent hold little of a picture: the means of its encoder vary as
much as a few of them would. A decoder from noisy signals identifies pictures worse in latents whitened in full."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What was written.

    Attributes
    ----------
    bundle : Bundle
    report : Path or None
        The page; None if nothing was measured.
    figures : tuple of Comparison
        All that was measured.
    """

    bundle: Bundle
    report: Path | None = None
    figures: tuple[Comparison, ...] = ()


def finish(recipe: GanRecipe, run: RunFolder, split: ImageSplit, device: torch.device) -> Finished:
    """Export the networks, then score what was exported and write ``scores.json`` and ``report.html``.

    The bundle stands before anything is measured, and stays as it is if that fails.

    Parameters
    ----------
    recipe : GanRecipe
        All settings.
    run : RunFolder
        With `BEST` or a checkpoint in it.
    split : ImageSplit
        The pictures that the GAN was trained on, and those it was not.
    device : torch.device
        Where features are computed. The networks run as the program runs them.

    Raises
    ------
    BundleError
        If there are no networks, or their graphs do not give what they give.
    TrainingError
        If the bundle stands and measuring it failed.
    """
    portable = best_networks(recipe, run, split)
    logger.info("Exporting the networks")
    draft = draft_bundle(portable, recipe, split.test.images, run.origin("commit"), run.origin("command"))
    opened, folder = open_draft(_unclipped(draft)), bundle_folder(recipe, run)
    bundle = place_bundle(draft, folder, (), held_out(recipe.pictures))
    if not recipe.evaluation.enabled:
        return Finished(bundle)
    try:
        space = feature_space(recipe, run, split, device)
        logger.info("Scoring; pictures are compared by: %s", space.name)
        found = score(opened, portable, recipe, split, space)
    except PictureError as error:
        logger.warning("The bundle was not scored. %s", error)
        why = replace(draft, about=(*draft.about, f"Why there are no scores: {error}"))
        return Finished(place_bundle(why, folder, (), held_out(recipe.pictures)))
    except BciError as error:
        raise TrainingError(
            f"The bundle stands in '{folder}'; scoring it failed: {error} Go on with: python -m training.train_gan "
            f"--finish {run.path}"
        ) from error
    return _told(draft, found, recipe, run)


def _unclipped(draft: Draft) -> Draft:
    """The same graphs, in a bundle that clips no latents: they are scored with and without."""
    space = draft.manifest.latent_space.model_copy(update={"truncation": None})
    return replace(draft, manifest=draft.manifest.model_copy(update={"latent_space": space}))


def bundle_folder(recipe: GanRecipe, run: RunFolder) -> Path:
    """Where the run's bundle stands."""
    return Path(recipe.bundle.folder) if recipe.bundle.folder else run.path / "bundle"


def _told(draft: Draft, found: GanScores, recipe: GanRecipe, run: RunFolder) -> Finished:
    """The bundle with its scores, then the figures and the page."""
    figures, withheld = rows(found), held_out(recipe.pictures)
    bundle = place_bundle(draft, bundle_folder(recipe, run), as_scores(figures, withheld), withheld)
    costs = read_costs(run.path.parent / COSTS)
    with writing(run.path / SCORES):
        write_figures(run.path / SCORES, found)
    return Finished(bundle, write_gan_report(run.path / REPORT, found, run.path, costs), figures)


def best_networks(recipe: GanRecipe, run: RunFolder, split: ImageSplit) -> Portable:
    """The averaged networks that were best while watched, else those of the checkpoint, ready to leave.

    Raises
    ------
    BundleCorruptError
        If neither file can be read.
    """
    networks = build(recipe)
    file = run.path / BEST if (run.path / BEST).is_file() else run.checkpoint
    step = restore_averaged(networks, file)
    if file.name != BEST:
        networks = with_standing_statistics(networks, split.train.images, recipe, torch.device("cpu"))
    train = split.train.images[:N_CODES]
    dim = recipe.network.latent_dim
    if recipe.bundle.whiten and networks.encoder is not None:
        portable = standardise(networks.generator, networks.encoder, dim, train, SMALLEST_SHARE)
    else:
        portable = as_trained(networks.generator, networks.encoder, dim, train)
    about = (_what(recipe, file, step), *portable.about)
    return replace(portable, about=about, truncation=recipe.bundle.truncation)


def _what(recipe: GanRecipe, file: Path, step: int) -> str:
    kind = "DCGAN" if isinstance(recipe.network, DcganNetwork) else "BigBiGAN"
    chosen = "the best while watched" if file.name == BEST else "the newest; no best one was kept"
    encoder = "" if isinstance(recipe.network, DcganNetwork) else f", plus the {RECONSTRUCTION}"
    how = f" Best is the least {DISTANCE}{encoder}; on validation pictures." if file.name == BEST else ""
    weights = "averaged weights" if recipe.average.decay else "weights"
    grey = " It draws in grey, and reads the luma of a picture." if recipe.pictures.channels == 1 else ""
    return f"A {kind}, {weights} of step {step} of {recipe.updates.steps} ({chosen}: {file.name}).{how}{grey}"
