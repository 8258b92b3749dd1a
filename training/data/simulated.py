"""Sessions of the simulated participant, ready to fit."""

from __future__ import annotations

import numpy as np

from bci_app.calibration.recipe import CalibrationData, gather
from bci_app.contract.errors import SettingsError
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture
from bci_app.pictures.source import builtin
from bci_app.simulation.participant import simulate_session
from training.settings import EegDecoderRecipe


def draw_pictures(recipe: EegDecoderRecipe, size: int) -> tuple[tuple[Picture, ...], tuple[Picture, ...]]:
    """Pictures to train and to test on.

    Raises
    ------
    SettingsError
        If a picture came on both sides: a score would then be that of memory.
    """
    source, rng = builtin(recipe.families), np.random.default_rng(recipe.seed)
    train, test = source.sample(rng, recipe.n_trials, size), source.sample(rng, recipe.n_test, size)
    shared = {picture.id for picture in train} & {picture.id for picture in test}
    if shared:
        raise SettingsError(
            f"No picture may be trained and tested on; {len(shared)} are on both sides, such as {min(shared)}. "
            "Change the seed, or take fewer pictures."
        )
    return train, test


def simulate(
    recipe: EegDecoderRecipe, pictures: tuple[Picture, ...], generator: Generator, session: int
) -> CalibrationData:
    """Trials of one session of the participant, in which `pictures` are shown one every ``soa_s`` seconds."""
    onsets = 1.0 + recipe.soa_s * np.arange(len(pictures))
    participant = recipe.participant.model_copy(update={"session": session})
    recording = simulate_session(participant, pictures, onsets)
    latents = generator.encode(np.stack([picture.image for picture in pictures]))
    return gather(recording, dict(zip([picture.id for picture in pictures], latents, strict=True)), recipe.reader)
