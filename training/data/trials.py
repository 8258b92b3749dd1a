"""The trials that a recipe asks for, and the latent of the picture shown in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from glob import glob
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import resize
from bci_app.pictures.shown import read_shown
from bci_app.streams.recordings import read_recording
from training.data.brain import BrainTrials, together
from training.data.fmri_trials import read_fmri
from training.data.recordings import read_recordings
from training.data.simulated import simulate_trials
from training.data.spikes import read_counts, read_photographs
from training.data.things_eeg2 import read_things_eeg2
from training.reader_recipe import ReaderRecipe, RecordingsData, SimulatedData, SpikesData, ThingsEeg2Data

Floats = NDArray[np.float32]
_AT_ONCE = 256


def read_trials(recipe: ReaderRecipe, image_size: int) -> BrainTrials:
    """All trials of the recipe's data, to learn from and to score.

    Parameters
    ----------
    recipe : ReaderRecipe
    image_size : int
        Side in pixels of the generator's pictures.

    Raises
    ------
    BciError
        If files are missing or cannot be meant; see the loaders in `training.data`.
    """
    data = recipe.data
    if isinstance(data, SimulatedData):
        return simulate_trials(data, recipe.seed, image_size)
    if isinstance(data, RecordingsData):
        return _recordings(data, image_size)
    if isinstance(data, ThingsEeg2Data):
        parts = [
            read_things_eeg2(
                Path(folder), Path(data.pictures), channels=data.channels, window_s=data.window_s, average=data.average
            )
            for folder in data.folders
        ]
        return parts[0] if len(parts) == 1 else together(parts, f"THINGS-EEG2, {len(parts)} participants")
    if isinstance(data, SpikesData):
        return _spikes(data, image_size)
    return read_fmri(data, image_size)


def with_latents(trials: BrainTrials, generator: Generator) -> tuple[BrainTrials, Floats]:
    """The trials whose picture is at hand, and the generator's latent (n_trials, latent_dim) of each.

    Raises
    ------
    SettingsError
        If no picture is at hand.
    BundleError
        If the generator has no encoder.
    """
    generator.require_encoder()
    known = np.array([picture in trials.images for picture in trials.pictures])
    if not known.any():
        raise SettingsError(
            f"A reader learns from trials and the pictures shown in them; no picture of the {len(trials)} trials of "
            f"'{trials.name}' is at hand. Name the place of the pictures in data.pictures."
        )
    if not known.all():
        left_out = f"{int((~known).sum())} trials were left out: their picture is not at hand."
        trials = replace(trials.take(known), notes=(*trials.notes, left_out))
    order = list(dict.fromkeys(trials.pictures))
    place = {picture: number for number, picture in enumerate(order)}
    latents = _encode(order, trials, generator)
    return trials, latents[[place[picture] for picture in trials.pictures]]


def _encode(order: Sequence[str], trials: BrainTrials, generator: Generator) -> Floats:
    parts = []
    for start in range(0, len(order), _AT_ONCE):
        images = [resize(trials.images[key], generator.image_size) for key in order[start : start + _AT_ONCE]]
        parts.append(generator.encode(np.stack(images)))
    return np.concatenate(parts)


def _recordings(data: RecordingsData, image_size: int) -> BrainTrials:
    files = [Path(found) for pattern in data.files for found in (sorted(glob(pattern)) or [pattern])]  # noqa: PTH207
    labels = [marker.label for path in files for marker in read_recording(path).markers]
    shown = read_shown(Path(data.pictures), labels, image_size)
    return read_recordings(
        files,
        data.cutting,
        subjects=data.subjects,
        pictures={label: picture.image for label, picture in shown.items()},
        reject_uv=data.reject_uv,
    )


def _spikes(data: SpikesData, image_size: int) -> BrainTrials:
    if Path(data.pictures).suffix.lower() == ".zip":
        return read_photographs(Path(data.pictures), Path(data.counts), bin_s=data.bin_s)
    names = read_counts(Path(data.counts)).pictures
    shown = read_shown(Path(data.pictures), names, image_size)
    return read_counts(Path(data.counts), {label: picture.image for label, picture in shown.items()})
