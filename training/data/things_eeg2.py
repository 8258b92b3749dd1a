"""THINGS-EEG2 as it was published: preprocessed trials of one participant, and the pictures they belong to.

A participant's folder holds ``preprocessed_eeg_training.npy`` (16,540 pictures, 4 repeats) and
``preprocessed_eeg_test.npy`` (200 pictures, 80 repeats), each a dictionary of ``preprocessed_eeg_data`` (pictures,
repeats, channels, times), ``ch_names`` and ``times`` in seconds; 17 channels at 100 Hz by the data set's authors, 63 at
250 Hz by others. The pictures lie in ``training_images/CONCEPT/`` and ``test_images/CONCEPT/``, in the order of their
names, which ``image_metadata.npy`` lists. Test concepts are none of the training concepts.

Source: Gifford, Dwivedi, Roig & Cichy (2022), A large and rich EEG dataset for modeling human visual object
recognition, NeuroImage 264:119754.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.checks import channel_order
from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.units import Frequency
from bci_app.contract.windowing import TrialSpec
from bci_app.pictures.folder import SUFFIXES
from training.data.brain import BrainTrials, Images, together
from training.data.object_files import read_objects
from training.data.repeats import averaging_note
from training.data.stimuli import PictureFiles, picture_hash

Side = Literal["training", "test"]
_METADATA_KEYS = {"training": "train", "test": "test"}
_AT_ONCE = 512
"""Trials copied at once, so that the file's doubles are never all in memory."""
NOT_LIVE = (
    "These trials were published preprocessed: baseline and whitening were computed from whole trials and whole sessions, "
    "the test trials among them, with filters that see the future. A reader of them cannot run live."
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """The pictures of one side in order: id and concept of each, and the files as far as they are at hand."""

    ids: tuple[str, ...]
    concepts: tuple[str, ...]
    images: Mapping[str, Images]


@dataclass(frozen=True, slots=True, eq=False)
class _Published:
    """The content of one file: data (n_pictures, n_repeats, n_channels, n_times), mapped."""

    data: NDArray[np.floating]
    channels: tuple[str, ...]
    times: NDArray[np.float64]

    @property
    def sfreq(self) -> float:
        """Rate in Hz."""
        return round(1 / float(np.median(np.diff(self.times))), 3)


def read_things_eeg2(
    folder: Path,
    pictures: Path | None = None,
    *,
    sides: Sequence[Side] = ("training", "test"),
    channels: Sequence[str] | None = None,
    window_s: tuple[float, float] | None = None,
    average: bool = False,
) -> BrainTrials:
    """Trials of one participant; those of the test side have the session "test".

    Parameters
    ----------
    folder : Path
        Such as ``sub-01``, with the files named above, or with .npz files of the same names and keys.
    pictures : Path, optional
        Folder with ``training_images`` and ``test_images``, or with ``image_metadata.npy``, or both. Without it
        pictures are known by number alone. Image files make the ids hashes, and are decoded when asked for.
    sides : sequence of {"training", "test"}
        What to read.
    channels : sequence of str, optional
        Which to take, in this order; all without.
    window_s : (start, stop), optional
        Seconds after the picture's onset; all that was published without.
    average : bool
        Average the repeats of each picture while reading: 63 channels of 66,160 trials take 4 GB, and twice that while
        they are read; averages take 1 GB.

    Returns
    -------
    BrainTrials
        The repeats of a picture follow one another and share its id. In units of the noise's standard deviation.

    Raises
    ------
    RecordingError
        If a file is missing or not laid out as above.
    SettingsError
        If pictures and trials differ in number, or the window lies outside the published one.
    ChannelError
        If a channel is missing.
    """
    folder = Path(folder)
    match = re.search(r"sub-([A-Za-z0-9]+)", folder.name)
    subject = match.group(1) if match else folder.name
    parts = []
    for side in sides:
        published = _read(folder, side)
        shown = _shown(pictures, side, len(published.data))
        parts.append(_trials(published, shown, side, subject, channels, window_s, average))
    return together(parts, f"THINGS-EEG2 {folder.name}")


def _read(folder: Path, side: Side) -> _Published:
    path = folder / f"preprocessed_eeg_{side}.npy"
    if path.with_suffix(".npz").is_file():
        path = path.with_suffix(".npz")
    found = read_objects(path)
    try:
        data, times = np.asarray(found["preprocessed_eeg_data"]), np.asarray(found["times"], np.float64)
        channels = tuple(str(each) for each in found["ch_names"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(
            f"'{path.name}' must hold preprocessed_eeg_data, ch_names and times; it holds {', '.join(found)} ({error}). "
            "Fetch the preprocessed data of THINGS-EEG2."
        ) from error
    fits = data.ndim == 4 and data.dtype.kind == "f" and data.shape[2] == len(channels)
    if not fits or times.ndim != 1 or data.shape[3] < 2 or len(times) < data.shape[3]:
        raise RecordingError(
            f"'{path.name}' must hold preprocessed_eeg_data of (pictures, repeats, {len(channels)} channels as in ch_names, "
            f"{len(times)} times); got {data.dtype} {data.shape}. Fetch it again."
        )
    # the 63-channel files were cut at the onset, but their times were not
    return _Published(data, channels, times[len(times) - data.shape[3] :])


def _trials(
    published: _Published,
    shown: _Shown,
    side: Side,
    subject: str,
    channels: Sequence[str] | None,
    window_s: tuple[float, float] | None,
    average: bool,
) -> BrainTrials:
    rows = channel_order(
        channels or published.channels, published.channels, "The reading", f"THINGS-EEG2's {side} side"
    )
    chosen, cut = _window(published, window_s)
    windows = _copy(published.data, rows, chosen, average)
    n_pictures, n_repeats = published.data.shape[:2]
    n_each = 1 if average else n_repeats
    averaged = (averaging_note(np.full(n_pictures, n_repeats)),) if average else ()
    return BrainTrials(
        windows,
        PreprocessingSpec(
            channels=tuple(published.channels[row] for row in rows), sfreq=published.sfreq, unit="au", reference="none"
        ),
        cut,
        pictures=tuple(each for each in shown.ids for _ in range(n_each)),
        labels=tuple(each for each in shown.concepts for _ in range(n_each)),
        runs=("",) * len(windows),  # repeats were shuffled over sessions: the order is none in time
        sessions=(side,) * len(windows),
        subjects=(subject,) * len(windows),
        images=shown.images,
        name=f"THINGS-EEG2 {side} side",
        notes=(NOT_LIVE, *averaged),
    )


def _window(published: _Published, window_s: tuple[float, float] | None) -> tuple[slice, TrialSpec]:
    rate, n_times = Frequency(published.sfreq), len(published.times)
    first = rate.samples(float(published.times[0]))
    start, stop = (first, first + n_times) if window_s is None else (rate.samples(each) for each in window_s)
    if not first <= start < stop <= first + n_times:
        raise SettingsError(
            f"A window must lie within the published {first / rate.hz:g} to {(first + n_times) / rate.hz:g} s; got "
            f"{window_s}. Choose another."
        )
    return slice(start - first, stop - first), TrialSpec(start_s=start / rate.hz, stop_s=stop / rate.hz)


def _copy(data: NDArray[np.floating], rows: NDArray[np.intp], chosen: slice, average: bool) -> NDArray[np.float32]:
    """Float32 (n_trials, n_channels, n_times), copied few at a time."""
    n_pictures, n_repeats, _, n_times = data[..., chosen].shape
    windows = np.empty((n_pictures, 1 if average else n_repeats, len(rows), n_times), np.float32)
    step = max(_AT_ONCE // n_repeats, 1)
    for start in range(0, n_pictures, step):
        part = data[start : start + step, :, rows, chosen]
        windows[start : start + step] = part.mean(axis=1, keepdims=True) if average else part
    return windows.reshape(-1, len(rows), n_times)


def _shown(place: Path | None, side: Side, n_pictures: int) -> _Shown:
    if place is None:
        numbers = tuple(f"{side}/{number:05d}" for number in range(n_pictures))
        return _Shown(numbers, ("",) * n_pictures, {})
    folder = Path(place) / f"{side}_images"
    names = _listed(Path(place), side) or _in_folder(folder)
    if len(names) != n_pictures:
        raise SettingsError(
            f"The {side} side has trials of {n_pictures} pictures; '{place}' names {len(names)}. Give the folder of "
            f"THINGS-EEG2's pictures, with all of {folder.name}."
        )
    concepts = tuple(re.sub(r"^\d+_", "", concept) for concept, _ in names)
    if not folder.is_dir():
        return _Shown(tuple("/".join(each) for each in names), concepts, {})
    files = [folder / concept / file for concept, file in names]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise SettingsError(
            f"{len(missing)} of {n_pictures} pictures are missing, such as '{missing[0]}'. Unpack {folder.name} again."
        )
    ids = tuple(picture_hash(file.read_bytes()) for file in files)
    return _Shown(ids, concepts, PictureFiles(dict(zip(ids, files, strict=True))))


def _listed(place: Path, side: Side) -> list[tuple[str, str]]:
    """Concept and file of each picture, as the metadata list them; empty without them."""
    paths = [path for path in (place / "image_metadata.npz", place / "image_metadata.npy") if path.is_file()]
    if not paths:
        return []
    found: dict[str, Any] = read_objects(paths[0])
    keys = [f"{_METADATA_KEYS[side]}_img_{what}" for what in ("concepts", "files")]
    if not all(key in found and len(found[key]) == len(found[keys[0]]) for key in keys):
        raise RecordingError(
            f"'{paths[0].name}' must list {keys[0]} and {keys[1]}, one of each for a picture; it holds "
            f"{', '.join(found)}. Fetch it again."
        )
    names = [(str(concept), str(file)) for concept, file in zip(*(found[key] for key in keys), strict=True)]
    outside = [part for name in names for part in name if Path(part).name != part or part.startswith(".")]
    if outside:
        raise RecordingError(f"'{paths[0].name}' must list names without folders; got '{outside[0]}'. Fetch it again.")
    return names


def _in_folder(folder: Path) -> list[tuple[str, str]]:
    """Concept and file of each picture in the order of their names."""
    return [(file.parent.name, file.name) for file in sorted(folder.glob("*/*")) if file.suffix.lower() in SUFFIXES]
