"""Train a linear EEG decoder on a simulated calibration session, test it on another, and export the bundle.

python -m training.train_eeg_decoder configs/train/eeg_linear.yaml [n_trials=600 ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import track

from bci_app.calibration.export import provenance_here
from bci_app.calibration.recipe import calibrate
from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BciError
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from training.data.simulated import draw_pictures, simulate
from training.run_folder import RunFolder, new_run
from training.settings import EegDecoderRecipe, read_any_recipe


def train(recipe: EegDecoderRecipe, run: RunFolder) -> Bundle:
    """Two sessions of one participant, the first to learn from; the bundle is opened again before it is returned."""
    generator = Generator.open(Path(recipe.generator), "cpu")
    generator.require_encoder()
    pictures = draw_pictures(recipe, generator.image_size)
    steps = track(zip(pictures, (0, 1), strict=True), "simulating sessions", total=2, console=Console(stderr=True))
    learn, test = [simulate(recipe, shown, generator, session) for shown, session in steps]
    folder = Path(recipe.bundle.folder) if recipe.bundle.folder else run.path / "bundle"
    data = (
        f"simulated participant, seed {recipe.participant.seed}: {recipe.n_trials} trials, {recipe.n_test} to test on"
    )
    bundle = calibrate(
        folder,
        learn,
        recipe.reader,
        name=recipe.bundle.name,
        generator=generator.manifest,
        provenance=provenance_here(
            run.origin("command"), recipe.model_dump(mode="json"), (data,), run.origin("commit")
        ),
        another_session=test,
    )
    Decoder.open(bundle, generator, "cpu")
    return bundle


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do."""
    parser = argparse.ArgumentParser(prog="python -m training.train_eeg_decoder", description="Train an EEG decoder.")
    parser.add_argument("recipe", nargs="?", default="configs/train/eeg_linear.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    words = parser.parse_args(arguments)
    try:
        recipe = read_any_recipe(EegDecoderRecipe, words.recipe, words.overrides)
        run = new_run(words.runs, recipe, datetime.now(), " ".join([parser.prog, words.recipe, *words.overrides]))
        bundle = train(recipe, run)
    except BciError as error:
        print(error, file=sys.stderr)
        return 1
    print(bundle.read("card.md").decode())
    print(f"Bundle: {bundle.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
