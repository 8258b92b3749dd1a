"""Train a generator with its encoder and export the bundle.

python -m training.train_generator configs/train/pictures64.yaml [optimiser.steps=10 ...]
python -m training.train_generator --resume runs/pictures64-20260101-120000
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import torch

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BciError, SettingsError
from training.data.images import read_split
from training.export import export_generator, standardise
from training.loops import autoencoder
from training.run_folder import RunFolder, new_run, open_run
from training.settings import GeneratorRecipe, PictureSettings, read_recipe

N_TEST = 1000
N_SHOWN = 16


def train(recipe: GeneratorRecipe, run: RunFolder) -> Bundle:
    """Train from the newest checkpoint of the run, if there is one, to the bundle."""
    torch.set_num_threads(recipe.optimiser.threads)
    _refuse_other_pictures(recipe.pictures)
    split = read_split(recipe.pictures, recipe.seed, cache=run.path)
    images = split.train.images
    state = autoencoder.begin(recipe)
    if run.checkpoint.is_file():
        autoencoder.restore(state, run.checkpoint)

    def on_step(step: int, losses: dict[str, float]) -> None:
        run.log(step=step, **losses)
        if step % recipe.optimiser.save_every == 0 or step == recipe.optimiser.steps:
            autoencoder.save(state, run.checkpoint)
            run.save_grid(f"step-{step:06d}", autoencoder.preview(state, split.validation.images[:N_SHOWN]))

    try:
        autoencoder.fit(state, images, recipe, on_step)
    except KeyboardInterrupt:
        autoencoder.save(state, run.checkpoint)
        raise
    portable = standardise(state.generator, state.encoder, recipe.network.latent_dim, images)
    folder = Path(recipe.bundle.folder) if recipe.bundle.folder else run.path / "bundle"
    test, origin = split.test.images[:N_TEST], (run.origin("commit"), run.origin("command"))
    return export_generator(portable, recipe, folder, images, test, *origin)


def _refuse_other_pictures(pictures: PictureSettings) -> None:
    if pictures.channels != 3 or pictures.flip:
        raise SettingsError(
            "train_generator learns pictures in colour and as they are; the recipe has "
            f"pictures.channels {pictures.channels}, pictures.flip {pictures.flip}. Set them to 3 and false."
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a message says what to do, 130 stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m training.train_generator", description="Train a generator.")
    parser.add_argument("recipe", nargs="?", default="configs/train/pictures64.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--resume", type=Path, metavar="RUN")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    words = parser.parse_intermixed_args(arguments)
    command = " ".join([parser.prog, words.recipe, *words.overrides])
    try:
        opened = open_run(words.resume, GeneratorRecipe) if words.resume else None
        run, recipe = opened or (None, read_recipe(words.recipe, words.overrides))
        run = run or new_run(words.runs, recipe, datetime.now(), command)
        print(f"Run folder: {run.path}")
        print(f"Bundle: {train(recipe, run).folder}")
    except BciError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Go on with: python -m training.train_generator --resume and the run folder.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
