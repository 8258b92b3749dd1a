"""Small NIfTI files whose values tell voxel and volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np

GRID = (3, 4, 2)
INSIDE = np.zeros(GRID, bool)
INSIDE[1, 2, 0] = INSIDE[0, 3, 1] = INSIDE[2, 0, 1] = True
VOXELS = ("voxel-0-3-1", "voxel-1-2-0", "voxel-2-0-1")


def numbered_volumes(n_volumes: int) -> np.ndarray:
    """Value 1000 x voxel + volume, where voxels are counted in C order."""
    return (1000 * np.arange(np.prod(GRID)).reshape(*GRID, 1) + np.arange(n_volumes)).astype(np.float32)


def numbered_voxels(n_volumes: int) -> np.ndarray:
    """What a mask of `INSIDE` leaves of `numbered_volumes`."""
    return numbered_volumes(n_volumes)[INSIDE]


def write_nifti(path: Path, values: np.ndarray, tr_s: float = 2.0, shift_mm: float = 0.0) -> Path:
    """A NIfTI file on a grid of 2 mm."""
    import nibabel

    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[0, 3] = shift_mm
    image = nibabel.Nifti1Image(values, affine)
    if values.ndim == 4:
        image.header.set_xyzt_units("mm", "sec")
        image.header.set_zooms((2.0, 2.0, 2.0, tr_s))
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)
    return path


def write_mask(folder: Path, inside: np.ndarray = INSIDE, name: str = "mask.nii.gz", **options: float) -> Path:
    """A mask file."""
    return write_nifti(folder / name, inside.astype(np.uint8), **options)
