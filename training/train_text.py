"""Train a reader of text from EEG, tell reading from guessing, and export the bundle that the program opens.

python -m training.train_text configs/train/text_words.yaml [data.reading.information=0 ...]
Ctrl-C ends the training with the best weights so far, and goes on to scores and bundle; twice breaks off.
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
from transformers.utils import logging as transformers_logging

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BciError
from training.data.reading_files import read_readings
from training.data.reading_splits import divide_readings
from training.evaluate.text_scores import score_text
from training.interrupts import heeding_interrupts
from training.progress import step_progress
from training.run_folder import RunFolder, new_run
from training.settings import read_any_recipe
from training.text.corpus import gather, language_model
from training.text.results import export, report
from training.text.training import Sides, train_reader, with_noise
from training.text_recipe import TextRecipe

DEFAULT = "configs/train/text_words.yaml"


def train(recipe: TextRecipe, run: RunFolder) -> Bundle:
    """Data, split, text, language model, reader, the same reader of noise, scores with controls, bundle, report."""
    torch.set_num_threads(recipe.optimiser.threads)
    console = Console(stderr=True)
    console.print("reading the readings")
    readings = read_readings(recipe.data)
    division = divide_readings(readings, recipe.split, recipe.seed)
    (split,) = division.folds
    sides = Sides(*(readings.take(rows) for rows in (split.train, split.validation, split.test)))
    kept = readings.take(np.concatenate([split.validation, split.test]))
    with heeding_interrupts() as asked:
        language, tokenizer = language_model(recipe, gather(recipe, sides.train, kept), run, asked)
        reader, records = train_reader(recipe, sides, language, tokenizer, run, asked)
    noise_reader = None
    if recipe.noise_twin:
        console.print("the same again, trained on noise")
        with heeding_interrupts() as asked:
            noise_sides = with_noise(sides, recipe.seed)
            noise_reader, _ = train_reader(recipe, noise_sides, language, tokenizer, run.inside("noise"), asked)
    with step_progress() as tell:
        findings = score_text(
            reader,
            sides.train,
            sides.test,
            noise_model=noise_reader,
            held_out=division.held_out,
            seed=recipe.seed,
            progress=tell,
        )
    bundle = export(recipe, run, reader, sides, findings)
    report(recipe, run, reader, findings, records, bundle.manifest.provenance)
    return bundle


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do, 130 broken off by a second Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train_text", description="Train a reader of text from EEG."
    )
    parser.add_argument("recipe", nargs="?", default=DEFAULT)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    words = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_path=False)])
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        recipe = read_any_recipe(TextRecipe, words.recipe, words.overrides)
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
