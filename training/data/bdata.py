"""fMRI as BData files (HDF5), in which the Kamitani laboratory publishes preprocessed voxels.

``dataset`` is (n_samples, n_columns): voxels, and beside them columns such as Run and stimulus_name. Each row of
``metadata/value`` (n_keys, n_columns) belongs to a name in ``metadata/key`` and is 1 in the columns that are it; an area
such as ROI_VC marks voxels. ``vmap/KEY`` turns the numbers in the column KEY into words.

Source: bdpy, the laboratory's own package, whose files this reads without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.signal import Samples
from bci_app.contract.windowing import TrialSpec
from training.data.brain import BrainTrials, Images
from training.data.fmri import NOT_LIVE, z_score
from training.data.openneuro import category_of
from training.data.stimuli import known_ids

_AT_ONCE = 64
"""Samples that are read at once, before the columns are chosen."""
AVERAGED = (
    "Each trial is a sample of the file, which its authors have shifted, averaged and detrended; a reader of them runs live "
    "only if the same is done there."
)


@dataclass(frozen=True, slots=True)
class BDataKeys:
    """Names of what is read from a BData file.

    Parameters
    ----------
    areas : tuple of str
        Voxels that belong to any of them.
    stimulus : str
        What was shown; samples without a value, such as rest, are left out.
    category : str, optional
        Category; without it that which the name of the stimulus holds, if it has a name.
    run, session : str, optional
        Where samples come from.
    part : str, optional
        What tells apart training and test. Numbers of stimuli without names begin anew in each part.
    """

    areas: tuple[str, ...] = ("ROI_VC",)
    stimulus: str = "stimulus_name"
    category: str | None = None
    run: str | None = "Run"
    session: str | None = "Session"
    part: str | None = None


def read_bdata(
    path: Path,
    keys: BDataKeys = BDataKeys(),
    *,
    only: Mapping[str, float] | None = None,
    scaling: Literal["none", "run"] = "none",
    block_s: float = 8.0,
    subject: str | None = None,
    category: Callable[[str], str] = category_of,
    images: Mapping[str, Images] | None = None,
) -> BrainTrials:
    """The samples of a file as trials; of its columns no more than a few samples are in memory beside the chosen voxels.

    Parameters
    ----------
    path : Path
        The .h5 file.
    keys : BDataKeys
        What its columns are called.
    only : mapping of str to float, optional
        Take samples alone in which these columns have these values, such as ``{"DataType": 1}``.
    scaling : {"none", "run"}
        "run" z-scores each voxel over the samples of its run that are taken, which cannot run live. With "none" a reader
        scales by the training trials.
    block_s : float
        Seconds that a sample stands for; the files do not tell.
    subject : str, optional
        Whose they are; the file's name without it.
    category : callable
        Category in the name of a stimulus.
    images : mapping of str to uint8 array (height, width, 3), optional
        Pictures by the name of their stimulus. Equal pictures under two names get the id of the first.

    Raises
    ------
    RecordingError
        If the file cannot be read or is no BData.
    SettingsError
        If a key is not in the file, no sample is left, or a picture is not among `images`.
    SignalError
        If a voxel holds NaN, or, to be z-scored, does not vary.
    """
    with _File(path) as file:
        columns = np.unique(np.concatenate([file.columns(area) for area in keys.areas]))
        rows = _chosen(file, keys, only or {})
        voxels, n_samples = file.read(rows, columns), file.n_samples
        runs, sessions = (file.words(key, rows) if key else ("",) * len(rows) for key in (keys.run, keys.session))
        pictures = file.words(keys.stimulus, rows, keys.part)
        labels = ("",) * len(rows)
        if keys.category:
            labels = file.words(keys.category, rows)
        elif file.is_named(keys.stimulus):
            labels = tuple(map(category, pictures))
    names = tuple(f"voxel-{column}" for column in columns)
    if scaling == "run":
        voxels = _scaled_by_run(voxels, list(zip(sessions, runs, strict=True)), names)
    return BrainTrials(
        voxels[:, :, None],
        PreprocessingSpec(channels=names, sfreq=1 / block_s, unit="au", reference="none"),
        TrialSpec(start_s=0.0, stop_s=block_s),
        pictures=pictures if images is None else known_ids(pictures, images, path.name),
        labels=labels,
        runs=runs,
        sessions=sessions,
        subjects=(subject if subject is not None else path.stem,) * len(rows),
        images=images or {},
        kind="fmri-decoder",
        name=path.stem,
        notes=_notes(path.name, n_samples - len(rows), scaling),
    )


def _chosen(file: _File, keys: BDataKeys, only: Mapping[str, float]) -> NDArray[np.intp]:
    """Numbers of the samples that have a stimulus and what was asked for."""
    kept = np.isfinite(file.column(keys.stimulus))
    for key, value in only.items():
        kept &= file.column(key) == value
    if not kept.any():
        raise SettingsError(
            f"No sample of '{file.name}' has a {keys.stimulus} and {dict(only)}. Choose samples that are there."
        )
    return np.flatnonzero(kept)


def _notes(name: str, n_left_out: int, scaling: str) -> tuple[str, ...]:
    left_out = (f"'{name}': left out {n_left_out} samples of rest or not asked for.",) if n_left_out else ()
    return (*left_out, AVERAGED, *((NOT_LIVE,) if scaling == "run" else ()))


class _File:
    """An open BData file."""

    def __init__(self, path: Path) -> None:
        import h5py

        self.name = path.name
        try:
            self._file: Any = h5py.File(path, "r")
        except OSError as error:
            raise RecordingError(f"'{path}' must be a BData file in HDF5: {error}. Fetch it again.") from error
        try:
            metadata = self._either("metadata", "metaData")
            self._data = self._either("dataset", "dataSet")
            self._keys = [_text(key) for key in metadata["key"][()]]
            self._values: NDArray[np.floating] = np.asarray(metadata["value"])
            fits = self._data.ndim == 2 and self._values.shape == (len(self._keys), self._data.shape[1])
        except (KeyError, AttributeError, OSError, TypeError) as error:
            self._file.close()
            raise RecordingError(f"'{path.name}' must hold dataset and metadata: {error}. Fetch it again.") from error
        if not fits:
            shapes = f"{self._data.shape} and {self._values.shape}"
            self._file.close()
            raise RecordingError(
                f"'{path.name}' must hold a dataset of samples and columns and metadata of keys and columns; got {shapes}. "
                "Fetch it again."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def n_samples(self) -> int:
        """Number of samples, those of rest among them."""
        return int(self._data.shape[0])

    def columns(self, key: str) -> NDArray[np.intp]:
        """Numbers of the columns that are `key`; SettingsError if none is."""
        if key not in self._keys:
            raise SettingsError(f"'{self.name}' has no '{key}'; it has {', '.join(self._keys)}. Choose one of them.")
        found = np.flatnonzero(self._values[self._keys.index(key)] == 1)
        if not len(found):
            raise SettingsError(f"No column of '{self.name}' is '{key}'. Choose another key.")
        return found

    def column(self, key: str) -> NDArray[np.float64]:
        """The one column that is `key`, (n_samples,)."""
        found = self.columns(key)
        if len(found) != 1:
            raise SettingsError(
                f"'{key}' must be one column of '{self.name}'; it is {len(found)}. Choose a key that names no voxels."
            )
        return np.asarray(self._data[:, found[0]], np.float64)

    def read(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Samples:
        """Float32 (n_rows, n_columns), a few samples of the file at a time."""
        chosen = np.empty((len(rows), len(columns)), np.float32)
        first, last = int(columns[0]), int(columns[-1]) + 1
        for start in range(0, self.n_samples, _AT_ONCE):
            these = (start <= rows) & (rows < start + _AT_ONCE)
            if these.any():
                samples = self._data[start : start + _AT_ONCE, first:last]
                chosen[these] = samples[rows[these] - start][:, columns - first]
        return chosen

    def is_named(self, key: str) -> bool:
        """Whether the numbers in the column have words."""
        return "vmap" in self._file and key in self._file["vmap"]

    def words(self, key: str, rows: NDArray[np.intp], part: str | None = None) -> tuple[str, ...]:
        """What stands in the column, in words if it has them; else as a number, behind that in the column `part`."""
        values = self.column(key)[rows]
        if self.is_named(key):
            names = {float(number): _text(word[()]) for number, word in self._file["vmap"][key].items()}
            missing = sorted({each for each in values.tolist() if each not in names})
            if missing:
                raise RecordingError(
                    f"'{self.name}' must have a word for each {key}; {missing[0]:.15g} has none. Fetch it again."
                )
            return tuple(names[each] for each in values.tolist())
        before = [f"{each:.15g}/" for each in self.column(part)[rows].tolist()] if part else [""] * len(rows)
        return tuple(f"{place}{each:.15g}" for place, each in zip(before, values.tolist(), strict=True))

    def _either(self, *names: str) -> Any:
        """The first of the groups that is there; older files write them otherwise."""
        return self._file[next((name for name in names if name in self._file), names[0])]


def _text(word: Any) -> str:
    return word.decode("utf-8") if isinstance(word, bytes) else str(word)


def _scaled_by_run(voxels: Samples, runs: Sequence[tuple[str, str]], names: Sequence[str]) -> Samples:
    scaled = np.empty_like(voxels)
    for run in dict.fromkeys(runs):
        rows = np.array([each == run for each in runs])
        scaled[rows] = z_score(voxels[rows].T, names, f"session {run[0]}, run {run[1]}").T
    return scaled
