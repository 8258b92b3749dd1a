"""Train a reader of brain signals, score it beside its controls, and export the bundle that the program opens.

python -m training.train_reader configs/train/reader_linear.yaml [reader.bin_times=2 ...]
Ctrl-C ends the training of a network with the best weights so far, and goes on to scores and bundle; twice breaks off.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.logging import RichHandler

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BciError, SettingsError
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from training.data.brain import BrainTrials
from training.data.division import divide
from training.data.trials import read_trials, with_latents
from training.evaluate.reader_reading import cross_validated_reading
from training.reader_recipe import DeepSettings, ReaderRecipe
from training.readers.fitting import Fitting
from training.readers.image_features import read_image_features
from training.readers.results import export, report, score
from training.run_folder import RunFolder, new_run
from training.settings import read_any_recipe

DEFAULT = "configs/train/reader_linear.yaml"


def train(recipe: ReaderRecipe, run: RunFolder) -> Bundle:
    """Data, split, fit, scores with controls, bundle, the bundle opened again, report."""
    torch.set_num_threads(recipe.optimiser.threads)
    generator = Generator.open(Path(recipe.generator), "cpu")
    generator.require_encoder()
    console = Console(stderr=True)
    console.print("reading the trials")
    trials, latents = with_latents(read_trials(recipe, generator.image_size), generator)
    subject = whose(recipe, trials)
    if subject is not None and not isinstance(recipe.reader, DeepSettings):
        own = np.array(trials.subjects) == subject
        trials, latents = trials.take(own), latents[own]
    division = divide(trials, recipe.split, recipe.seed, subject)
    features = recipe.objective.image_features
    fitting = Fitting(recipe, trials, division, run, read_image_features(Path(features)) if features else None)
    reading = cross_validated_reading(
        fitting,
        trials,
        latents,
        division.folds,
        recipe.seed,
        lambda _, __, text: console.print(text),
        division.held_out,
    )
    findings = score(reading, trials, generator, recipe.seed)
    bundle = export(recipe, run, trials, latents, division, fitting, generator, findings)
    Decoder.open(bundle, generator, "cpu")
    report(recipe, run, trials, latents, reading, findings, fitting, generator, bundle.manifest.provenance)
    return bundle


def whose(recipe: ReaderRecipe, trials: BrainTrials) -> str | None:
    """The participant whose trials are scored; None where there is one only, or a linear reader is for all.

    Raises
    ------
    SettingsError
        If the recipe must name one of them, or names a stranger.
    """
    known = tuple(dict.fromkeys(trials.subjects))
    must_choose = isinstance(recipe.reader, DeepSettings) and len(known) > 1
    if recipe.subject not in known and (recipe.subject is not None or must_choose):
        raise SettingsError(
            f"A bundle is for one participant; subject must be one of {', '.join(known)}, got "
            f"{recipe.subject}. Set subject."
        )
    return recipe.subject


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do, 130 broken off by a second Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m training.train_reader", description="Train a reader.")
    parser.add_argument("recipe", nargs="?", default=DEFAULT)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    words = parser.parse_intermixed_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_path=False)])
    try:
        recipe = read_any_recipe(ReaderRecipe, words.recipe, words.overrides)
        run = new_run(words.runs, recipe, datetime.now(), " ".join([parser.prog, words.recipe, *words.overrides]))
        print(f"Run folder: {run.path}")
        bundle = train(recipe, run)
    except BciError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Broken off.")
        return 130
    print(bundle.read("card.md").decode())
    print(f"Bundle: {bundle.folder}", f"Report: {run.path / 'report.html'}", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
