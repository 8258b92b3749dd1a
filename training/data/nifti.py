"""fMRI volumes in NIfTI files: masks, voxels of a run without the rest of it, and files with a table of labels."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import RecordingError, SettingsError, SignalError
from bci_app.contract.signal import Marker, Recording, Samples
from training.data.brain import BrainTrials
from training.data.fmri import Event, FmriRecipe, Place, cut_events, z_score

_AT_ONCE = 16
"""Volumes that are unpacked at once."""
_PAUSE_S = 60.0
"""Between two runs in one file: no trial is cut across it, and filters start afresh."""
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Which voxels are read.

    Attributes
    ----------
    inside : bool array (x, y, z)
        True for those.
    affine : float64 array (4, 4)
        Where the grid lies.
    voxels : tuple of str
        Names of the voxels by their indices on the grid, in C order.
    name : str
        What messages call it.
    """

    inside: NDArray[np.bool_]
    affine: NDArray[np.float64]
    voxels: tuple[str, ...]
    name: str


def read_mask(paths: Sequence[Path]) -> Mask:
    """The union of one or more masks on one grid; a voxel above 0 is in.

    Raises
    ------
    RecordingError
        If a file cannot be read.
    SettingsError
        If the grids differ, a file holds several volumes, or no voxel is in.
    """
    if not paths:
        raise SettingsError("Voxels are chosen by at least one mask; got none. Name a mask file.")
    first = open_nifti(paths[0])
    union = np.zeros(first.shape[:3], bool)
    for path in paths:
        image = open_nifti(path)
        _check_grid(image, path, union.shape, first.affine, paths[0].name)
        if image.shape not in (union.shape, (*union.shape, 1)) or union.ndim != 3:
            raise SettingsError(
                f"A mask is one volume (x, y, z); '{path.name}' has {image.shape}. Choose another file."
            )
        union |= _values(image, path, slice(None)).reshape(union.shape) > 0
    name = ", ".join(path.name for path in paths)
    if not union.any():
        raise SettingsError(f"A mask must hold a voxel above 0; {name} holds none. Choose another.")
    voxels = tuple("voxel-" + "-".join(map(str, place)) for place in np.argwhere(union).tolist())
    return Mask(union, np.asarray(first.affine), voxels, name)


def open_nifti(path: Path) -> Any:
    """The image in a file, its volumes still on disk.

    Raises
    ------
    RecordingError
        If there is no such file, or it is no NIfTI.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    if not path.is_file():
        why = "its content was not fetched" if path.is_symlink() else "it does not exist"
        raise RecordingError(f"Volumes are read from '{path}'; {why}. Fetch it, or check the path.")
    try:
        return nibabel.load(path, keep_file_open=True)  # a packed file is else unpacked from its start for each volume
    except (ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
        raise RecordingError(f"'{path.name}' is no readable NIfTI file: {error}. Fetch it again.") from error


def read_voxels(path: Path, mask: Mask, tr_s: float | None = None) -> tuple[Samples, float]:
    """The voxels of a run that lie in the mask; the others are never all in memory.

    Parameters
    ----------
    path : Path
        NIfTI file of (x, y, z, volumes).
    mask : Mask
        Which to take.
    tr_s : float, optional
        Seconds from volume to volume; without it the header tells.

    Returns
    -------
    voxels : float32 array (n_voxels, n_volumes)
        In the order of `mask.voxels`.
    tr_s : float
        Seconds from volume to volume.

    Raises
    ------
    RecordingError
        If it cannot be read, is cut, or tells no repetition time.
    SettingsError
        If the mask lies on another grid.
    SignalError
        If a voxel holds NaN or infinity.
    """
    image = open_nifti(path)
    if len(image.shape) != 4:
        raise RecordingError(f"'{path.name}' must hold volumes over time, (x, y, z, volumes); it has {image.shape}.")
    _check_grid(image, path, mask.inside.shape, mask.affine, mask.name)
    n_volumes = image.shape[3]
    voxels = np.empty((int(mask.inside.sum()), n_volumes), np.float32)
    for start in range(0, n_volumes, _AT_ONCE):
        voxels[:, start : start + _AT_ONCE] = _values(image, path, slice(start, start + _AT_ONCE))[mask.inside]
    bad = np.flatnonzero(~np.isfinite(voxels).all(axis=1))
    if len(bad):
        raise SignalError(
            f"Voxels must hold finite numbers; {len(bad)} of {len(voxels)} in '{path.name}' hold NaN or infinity, such as "
            f"{mask.voxels[bad[0]]}. Take a mask that lies within the scanned brain."
        )
    return voxels, tr_s if tr_s is not None else _tr_s(image, path)


def read_labelled_volumes(
    bold: Path,
    mask: Mask,
    table: Path,
    recipe: FmriRecipe,
    *,
    per: Literal["volume", "block"] = "volume",
    rest: str = "rest",
    subject: str = "",
) -> tuple[Recording, BrainTrials]:
    """A file of one or more runs with a table that gives each volume its label.

    Parameters
    ----------
    bold : Path
        NIfTI file of all runs, one after the other.
    mask : Mask
        Which voxels.
    table : Path
        Text with ``label run`` in each line, a line for each volume.
    recipe : FmriRecipe
        How to shift, average and scale.
    per : {"volume", "block"}
        Whether a trial is one volume, or all that follow one another with one label.
    rest : str
        Label of volumes without a stimulus.
    subject : str
        Whose they are.

    Returns
    -------
    recording : Recording
        Voxels as the preprocessing meets them, a marker for each trial, a pause between runs.
    trials : BrainTrials
        In order.

    Raises
    ------
    RecordingError, SignalError
        If a file cannot be read or voxels are not finite.
    SettingsError
        If the table does not fit the volumes, or the mask the grid.
    """
    voxels, tr_s = read_voxels(bold, mask, recipe.tr_s)
    labels, runs = _read_table(table, voxels.shape[1])
    times = np.arange(len(runs), dtype=np.float64) * tr_s
    times[1:] += _PAUSE_S * np.cumsum(runs[1:] != runs[:-1])
    names = mask.voxels
    if recipe.scaling == "run":
        for run in dict.fromkeys(runs.tolist()):
            voxels[:, runs == run] = z_score(voxels[:, runs == run], names, f"run {run} of '{bold.name}'")
    events = _events(labels, runs, times, tr_s, per, rest)
    markers = tuple(Marker(event.onset_s, event.label) for event in events)
    recording = Recording(voxels, times, names, 1 / tr_s, markers, bold.name.split(".")[0], "au")
    return recording, cut_events(recording, events, recipe, Place(subject=subject))


def _check_grid(image: Any, path: Path, shape: tuple[int, ...], affine: NDArray[np.float64], name: str) -> None:
    same_size = image.shape[:3] == shape
    if not (same_size and np.allclose(image.affine, affine, atol=1e-3)):
        raise SettingsError(
            f"Volumes and masks must lie on one grid; '{path.name}' has {image.shape[:3]} voxels, {name} "
            f"{shape}{' in another place' if same_size else ''}. Resample the mask."
        )


def _values(image: Any, path: Path, volumes: slice) -> NDArray[np.floating]:
    try:
        return np.asarray(image.dataobj[..., volumes])
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise RecordingError(f"'{path.name}' is cut or damaged: {error}. Fetch it again.") from error


def _tr_s(image: Any, path: Path) -> float:
    tr_s = float(image.header.get_zooms()[3]) * _SECONDS.get(image.header.get_xyzt_units()[1], 0.0)
    if not 0.05 <= tr_s <= 60:
        raise RecordingError(
            f"'{path.name}' must tell the seconds from volume to volume; its header says {tr_s:g} s. Set tr_s in the recipe."
        )
    return round(tr_s, 6)


def _read_table(path: Path, n_volumes: int) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Label and run of each volume."""
    try:
        rows = [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"The table of labels '{path}' cannot be read: {error}. Check the path.") from error
    if len(rows) != n_volumes or any(len(row) != 2 for row in rows):
        odd = next((row for row in rows if len(row) != 2), None)
        raise SettingsError(
            f"'{path.name}' must give 'label run' for each of the {n_volumes} volumes; it has {len(rows)} lines"
            f"{'' if odd is None else f', such as {odd}'}. Give the table that belongs to this file."
        )
    table = np.array(rows)
    return table[:, 0], table[:, 1]


def _events(
    labels: NDArray[np.str_], runs: NDArray[np.str_], times: NDArray[np.float64], tr_s: float, per: str, rest: str
) -> list[Event]:
    events = []
    keys = (
        (label, run, number if per == "volume" else -1)
        for number, (label, run) in enumerate(zip(labels, runs, strict=True))
    )
    start = 0
    for (label, run, _), same in groupby(keys):
        n = len(list(same))
        if label != rest:
            events.append(Event(float(times[start]), n * tr_s, str(label), run=str(run)))
        start += n
    return events
