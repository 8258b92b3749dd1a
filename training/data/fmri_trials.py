"""The fMRI trials that a recipe asks for, with the pictures shown in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bci_app.pictures.shown import read_shown
from training.data.bdata import BDataKeys, read_bdata
from training.data.brain import BrainTrials, Images, together
from training.data.nifti import read_labelled_volumes, read_mask
from training.data.openneuro import find_runs, read_events, read_openneuro
from training.reader_recipe import BDataData, FmriData, NiftiData, OpenNeuroData

STANDS_FOR = (
    "One picture stands for each category, shown or not: what is read is the category, and every picture that is scored was "
    "trained on."
)


def read_fmri(data: FmriData, image_size: int) -> BrainTrials:
    """All trials of the recipe's data; see the loaders for what is refused."""
    if isinstance(data, BDataData):
        return _bdata(data, image_size)
    if isinstance(data, OpenNeuroData):
        return _openneuro(data, image_size)
    return _nifti(data, image_size)


def _bdata(data: BDataData, image_size: int) -> BrainTrials:
    parts = []
    for file in data.files:
        parts.append(_samples(Path(file), data.only, data, image_size))
        if data.test_only is not None:
            test = _samples(Path(file), data.test_only, data, image_size)
            parts.append(replace(test, sessions=("test",) * len(test)))
    return parts[0] if len(parts) == 1 else together(parts, "fMRI")


def _samples(file: Path, only: Mapping[str, float], data: BDataData, image_size: int) -> BrainTrials:
    keys = BDataKeys(data.areas, data.stimulus, None, data.run, data.session, data.part)
    bare = read_bdata(file, keys, only=only, scaling=data.scaling, block_s=data.block_s)
    images = _shown(data.pictures, bare.pictures, image_size)
    return read_bdata(file, keys, only=only, scaling=data.scaling, block_s=data.block_s, images=images)


def _openneuro(data: OpenNeuroData, image_size: int) -> BrainTrials:
    volumes = Path(data.volumes) if data.volumes else None
    runs = find_runs(Path(data.folder), subject=data.subject, session=data.session, volumes=volumes, space=data.space)
    names = [event.picture for run in runs for event in read_events(run.events, keep_repeats=data.keep_repeats)[0]]
    images = _shown(data.pictures, names, image_size)
    mask = read_mask([Path(each) for each in data.masks])
    return read_openneuro(runs, mask, data.volumes_of, keep_repeats=data.keep_repeats, images=images)


def _nifti(data: NiftiData, image_size: int) -> BrainTrials:
    mask = read_mask([Path(each) for each in data.masks])
    files = Path(data.bold), mask, Path(data.table)
    _, trials = read_labelled_volumes(*files, data.volumes_of, per=data.per, rest=data.rest)
    images = _shown(data.pictures, trials.labels, image_size)
    return replace(trials, pictures=trials.labels, images=images, notes=(*trials.notes, STANDS_FOR))


def _shown(place: str, names: Sequence[str], image_size: int) -> dict[str, Images]:
    found = read_shown(Path(place), [name for name in names if name], image_size)
    return {label: picture.image for label, picture in found.items()}
