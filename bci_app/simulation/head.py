"""Electrodes and lead field of a spherical head: what each electrode sees of each source.

Positions are given in *head units*: origin in the middle of the sphere, 1 its radius, x to the right,
y to the front, z up. The sphere has four shells (brain, fluid, skull, skin) with MNE-Python's usual
conductivities.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

from bci_app.contract.errors import SettingsError

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
BRAIN_RADIUS = 0.88
"""Sources lie inside this radius; the brain shell ends at 0.9."""
UV_PER_NAM = 1e-3
"""V/(A m) to uV/(nA m)."""
CACHE_VERSION = 1
OZ = np.array([0.0, -1.0, -0.035])


@dataclass(frozen=True, slots=True)
class Head:
    """What the electrodes see of a set of sources.

    Attributes
    ----------
    channels : tuple of str
        Electrode names.
    electrodes : ndarray of float64, shape (n_channels, 3)
        Their places, head units.
    gain : ndarray of float64, shape (n_channels, n_sources)
        Potential against infinity, uV per nAm.
    """

    channels: tuple[str, ...]
    electrodes: Floats
    gain: Floats


def make_head(montage: str, n_channels: int, positions: Floats, orientations: Floats) -> Head:
    """Electrodes and lead field, from the cache when it was computed before.

    Parameters
    ----------
    montage : str
        Name of a layout known to MNE-Python.
    n_channels : int
        Electrodes to keep; fewer than the layout has are chosen by `choose_channels`.
    positions : ndarray, shape (n_sources, 3)
        Head units, inside `BRAIN_RADIUS`.
    orientations : ndarray, shape (n_sources, 3)
        Unit vectors.

    Raises
    ------
    SettingsError
        If MNE-Python is missing, or the montage is unknown or has fewer electrodes.
    """
    if np.linalg.norm(positions, axis=1).max() > BRAIN_RADIUS:
        raise SettingsError(f"Sources lie within {BRAIN_RADIUS} head radii of the middle; one lies outside.")
    file = _cache_file(montage, n_channels, positions, orientations)
    cached = _read_cache(file)
    if cached is not None:
        return cached
    head = _compute(montage, n_channels, positions, orientations)
    _write_cache(file, head)
    return head


def choose_channels(electrodes: Floats, n_channels: int) -> NDArray[np.int64]:
    """Which electrodes a smaller cap keeps, in the order of the layout.

    Three of four are those nearest to Oz; every fourth is the one farthest from all chosen so far, so that
    the rest of the head (blinks, the average reference) is not forgotten.
    """
    to_oz = np.linalg.norm(electrodes - OZ, axis=1)
    chosen = [int(np.argmin(to_oz))]
    while len(chosen) < n_channels:
        apart = np.linalg.norm(electrodes[:, None] - electrodes[chosen], axis=2).min(axis=1)
        far = len(chosen) % 4 == 3
        score = apart if far else np.where(np.isin(np.arange(len(to_oz)), chosen), -np.inf, -to_oz)
        chosen.append(int(np.argmax(score)))
    return np.sort(np.array(chosen, dtype=np.int64))


def _mne() -> Any:
    try:
        import mne
    except ImportError as error:
        raise SettingsError(
            "The simulated head needs MNE-Python, which is not installed. Run: pip install mne"
        ) from error
    return mne


def _compute(montage: str, n_channels: int, positions: Floats, orientations: Floats) -> Head:
    mne = _mne()
    known = mne.channels.get_builtin_montages()
    if montage not in known:
        raise SettingsError(f"Montage {montage!r} is not one MNE-Python knows: {', '.join(known)}. Choose one.")
    layout = mne.channels.make_standard_montage(montage)
    if len(layout.ch_names) < n_channels:
        raise SettingsError(
            f"Montage {montage!r} has {len(layout.ch_names)} electrodes; n_channels asks for {n_channels}. "
            "Ask for fewer or choose another montage."
        )
    info = mne.create_info(layout.ch_names, 256.0, "eeg").set_montage(layout)
    sphere = mne.make_sphere_model("auto", "auto", info, verbose="error")
    centre, radius = np.asarray(sphere["r0"]), float(sphere.radius)
    electrodes = (np.array([channel["loc"][:3] for channel in info["chs"]]) - centre) / radius
    picks = choose_channels(electrodes, n_channels)
    info = mne.pick_info(info, picks)
    source = {"rr": centre + radius * positions, "nn": orientations}
    space = mne.setup_volume_source_space(pos=source, verbose="error")
    forward = mne.make_forward_solution(
        info, trans=None, src=space, bem=sphere, meg=False, eeg=True, mindist=0.0, verbose="error"
    )
    free = np.asarray(forward["sol"]["data"], dtype=np.float64).reshape(n_channels, len(positions), 3)
    gain = UV_PER_NAM * np.einsum("csk,sk->cs", free, orientations)
    return Head(tuple(info["ch_names"]), electrodes[picks], gain)


def _cache_file(montage: str, n_channels: int, positions: Floats, orientations: Floats) -> Path:
    key = hashlib.sha256(json.dumps([CACHE_VERSION, montage, n_channels]).encode())
    for array in (positions, orientations):
        key.update(np.ascontiguousarray(array, dtype=np.float64).tobytes())
    return Path(user_cache_dir("bci-app", appauthor=False)) / "lead-fields" / f"{key.hexdigest()[:32]}.npz"


def _read_cache(file: Path) -> Head | None:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return Head(tuple(str(name) for name in stored["channels"]), stored["electrodes"], stored["gain"])
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever is wrong with it, it is computed again
        logger.warning("Cached lead field %s cannot be read (%s); computing it again", file.name, error)
        return None


def _write_cache(file: Path, head: Head) -> None:
    """Write whole or not at all: a neighbour process may read at the same time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=file.parent, suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, channels=np.array(head.channels), electrodes=head.electrodes, gain=head.gain)
        os.replace(partial, file)
    except OSError as error:
        logger.warning("The lead field cannot be cached in %s (%s); it will be computed again", file.parent, error)
