"""Spike counts of neurons: one session with its photographs, any session as npz, and neurons recorded one at a time.

A presentation is one window: (n_neurons, 1) where one count stands for all of it, (n_neurons, n_bins) where it is
counted in bins. `bin_s` is the time in which a count was taken; live, a stream of counts has the rate of 1 / `bin_s`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.checks import check_unique
from bci_app.contract.errors import RecordingError, SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec
from training.data.brain import PER_TRIAL, BrainTrials, Images
from training.data.offers import UNREADABLE_ARCHIVE
from training.data.stimuli import known_ids, read_zip

MEAN_RESPONSES = (
    "Each response is the mean over repeats of a picture; a single presentation, as it is read live, is noisier."
)
PSEUDO_POPULATION = (
    "A pseudo-population: neurons were recorded one at a time and are put together by what was shown, so noise that they "
    "would have shared is missing. Each real trial stands in one pseudo-trial alone."
)


def read_photographs(images: Path, responses: Path, *, bin_s: float = 0.1) -> BrainTrials:
    """Responses to photographs, one trial for each photograph.

    Parameters
    ----------
    images : Path
        Zip archive of the photographs, whose names in order belong to the columns of the responses.
    responses : Path
        ``responses_SESSION.npy``: (n_neurons, n_images) mean spike counts.
    bin_s : float
        Seconds in which spikes were counted; the files do not tell.

    Raises
    ------
    RecordingError
        If the responses cannot be read, are not two-dimensional, or hold negative numbers.
    SettingsError
        If photographs and responses differ in number.
    PictureError
        If the archive or a photograph cannot be read.

    Notes
    -----
    Source of the layout: Cowley, Stan, Pillow & Smith (2023), Compact deep neural network models of visual cortex.
    """
    content = {"counts": _load(responses)}
    counts = _counts(content, responses.name, ndims=(2,)).T
    ids, pictures = read_zip(images)
    if len(ids) != len(counts):
        raise SettingsError(
            f"Each photograph needs its response; '{images.name}' has {len(ids)} photographs, '{responses.name}' responses "
            f"to {len(counts)}. Give the two files of one session."
        )
    session = responses.stem.removeprefix("responses_")
    neurons = tuple(f"neuron-{number:03d}" for number in range(counts.shape[1]))
    return _trials(
        counts[:, :, None],
        neurons,
        bin_s,
        {"pictures": ids, "sessions": (session,) * len(ids)},
        images=pictures,
        name=f"photographs {session}",
        notes=(MEAN_RESPONSES,),
    )


def read_counts(path: Path, images: Mapping[str, Images] | None = None) -> BrainTrials:
    """Any session of spike counts in an npz archive.

    Parameters
    ----------
    path : Path
        Archive with ``counts`` (n_trials, n_neurons) or (n_trials, n_neurons, n_bins); ``neurons`` (n_neurons,), their
        names; ``bin_s``, seconds in which a count was taken; and, each (n_trials,) and none of them needed,
        ``pictures``, ``labels``, ``runs``, ``sessions``, ``subjects``. Name a run only if its trials are in order.
    images : mapping of str to uint8 array (height, width, 3), optional
        The pictures by name. Equal pictures under two names get the id of the first.

    Raises
    ------
    RecordingError
        If it cannot be read, lacks an array, or an array does not fit the counts.
    SettingsError
        If `images` lack a picture that was shown.
    """
    content = _load(path)
    missing = [key for key in ("counts", "neurons", "bin_s") if key not in content]
    if missing:
        raise RecordingError(
            f"'{path.name}' must hold counts, neurons and bin_s; {', '.join(missing)} is missing. Save it with numpy.savez."
        )
    counts = _counts(content, path.name, ndims=(2, 3))
    counts = counts.reshape(*counts.shape[:2], -1)
    neurons = tuple(map(str, content["neurons"].tolist()))
    parts = {key: tuple(map(str, content[key].tolist())) for key in PER_TRIAL if key in content}
    wrong = [f"{key} ({len(each)})" for key, each in parts.items() if len(each) != len(counts)]
    if wrong or len(neurons) != counts.shape[1]:
        raise RecordingError(
            f"'{path.name}' has counts of {len(counts)} trials and {counts.shape[1]} neurons; it must name each of them, got "
            f"{', '.join([*wrong, f'neurons ({len(neurons)})'])}. Save it again."
        )
    if images is not None:
        parts["pictures"] = known_ids(parts.get("pictures", ()), images, path.name)
    return _trials(counts, neurons, float(content["bin_s"]), parts, images=images or {}, name=path.stem)


def read_rasters(
    path: Path, *, window_s: tuple[float, float] = (0.05, 0.35), bin_s: float | None = None, seed: int = 0
) -> BrainTrials:
    """Neurons recorded one at a time, put together as if they had been recorded at once.

    Parameters
    ----------
    path : Path
        Archive with ``names`` and, for neuron N, ``nN_spk`` (n_trials, n_bytes), a bit for each of ``n_ms``
        milliseconds; ``nN_stim`` and ``nN_pos``, what was shown where; ``onset_ms``, the millisecond of the onset,
        counted from one.
    window_s : (start, stop)
        Seconds after the onset in which spikes are counted.
    bin_s : float, optional
        Length of the bins in the window; without it the window is one.
    seed : int
        Draws which trials of the neurons stand together.

    Returns
    -------
    BrainTrials
        As many trials of each object and place as the neuron with the fewest has; the run is the number of the repeat,
        the category the object.

    Raises
    ------
    RecordingError
        If the archive is damaged, or a neuron was not shown everything.
    SettingsError
        If window and bins do not fit each other and the recording.
    """
    content = _load(path)
    names, cells, n_ms, onset_ms = _cells(content, path.name)
    first, width, n_bins = _bins(window_s, bin_s, n_ms, onset_ms)
    shown = [list(zip(places.tolist(), stims.tolist(), strict=True)) for _, stims, places in cells]
    conditions = sorted({each for of_cell in shown for each in of_cell})
    rng = np.random.default_rng(seed)
    repeats = [_repeats(of_cell, conditions, rng, name) for of_cell, name in zip(shown, names, strict=True)]
    n_repeats = min(len(each) for of_cell in repeats for each in of_cell)
    windows = np.empty((n_repeats, len(conditions), len(cells), n_bins), np.float32)
    for number, ((spikes, _, _), of_cell) in enumerate(zip(cells, repeats, strict=True)):
        bits = np.unpackbits(spikes, axis=1)[:, first : first + width * n_bins]
        counts = bits.reshape(len(bits), n_bins, width).sum(axis=2)
        windows[:, :, number] = counts[np.stack([each[:n_repeats] for each in of_cell], axis=1)]
    return _trials(
        windows.reshape(-1, len(cells), n_bins),
        names,
        width / 1000,
        {
            "pictures": tuple(f"{stim}/{place}" for place, stim in conditions) * n_repeats,
            "labels": tuple(stim for _, stim in conditions) * n_repeats,
            "runs": tuple(str(number) for number in range(n_repeats) for _ in conditions),
        },
        start_s=window_s[0],
        name=path.stem,
        notes=(PSEUDO_POPULATION,),
    )


def _trials(
    counts: NDArray[np.floating],
    neurons: tuple[str, ...],
    bin_s: float,
    parts: Mapping[str, tuple[str, ...]],
    *,
    start_s: float = 0.0,
    images: Mapping[str, Images] | None = None,
    name: str,
    notes: tuple[str, ...] = (),
) -> BrainTrials:
    if not 0.001 <= bin_s <= 60:
        raise SettingsError(f"The time of one count, bin_s, is 0.001 to 60 s; got {bin_s}. Give it in seconds.")
    check_unique(neurons, f"'{name}'")
    given: dict[str, Any] = {key: parts.get(key, ("",) * len(counts)) for key in PER_TRIAL}
    return BrainTrials(
        np.ascontiguousarray(counts, dtype=np.float32),
        PreprocessingSpec(channels=neurons, sfreq=1 / bin_s, unit="count", reference="none"),
        TrialSpec(start_s=start_s, stop_s=start_s + counts.shape[2] * bin_s),
        **given,
        images=images or {},
        kind="spike-decoder",
        name=name,
        notes=notes,
    )


def _load(path: Path) -> Any:
    """An array, or a dictionary of arrays, without objects."""
    try:
        with path.open("rb") as raw:
            found = np.load(raw, allow_pickle=False)
            return dict(found) if isinstance(found, np.lib.npyio.NpzFile) else found
    except UNREADABLE_ARCHIVE as error:
        raise RecordingError(f"'{path.name}' must be a numpy file of plain arrays: {error}. Fetch it again.") from error


def _counts(content: Mapping[str, Any], name: str, ndims: tuple[int, ...]) -> NDArray[np.floating]:
    counts: NDArray[np.floating] = content["counts"]
    is_array = isinstance(counts, np.ndarray) and counts.ndim in ndims and counts.dtype.kind in "fiu"
    if not is_array or not counts.size or counts.min() < 0:
        came = f"{counts.dtype} {counts.shape}" if isinstance(counts, np.ndarray) else "an archive"
        raise RecordingError(
            f"The spike counts of '{name}' must be numbers from 0 on with {' or '.join(map(str, ndims))} dimensions; got "
            f"{came}{' with negative numbers' if is_array and counts.size else ''}. Give counts that were not scaled."
        )
    return counts


def _bins(window_s: tuple[float, float], bin_s: float | None, n_ms: int, onset_ms: int) -> tuple[int, int, int]:
    """First millisecond, milliseconds in a bin, and number of bins."""
    start, stop = (round(1000 * each) for each in window_s)
    width = stop - start if bin_s is None else round(1000 * bin_s)
    first = onset_ms - 1 + start
    if not (0 < width <= stop - start and (stop - start) % width == 0 and 0 <= first <= n_ms - (stop - start)):
        raise SettingsError(
            f"Spikes are counted in whole bins from {(1 - onset_ms) / 1000:g} to {(n_ms - onset_ms + 1) / 1000:g} s; got a "
            f"window of {window_s} s in bins of {width / 1000:g} s. Choose others."
        )
    return first, width, (stop - start) // width


def _cells(content: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], list[tuple[NDArray[Any], ...]], int, int]:
    """Names of the neurons; of each the packed spikes, objects and places; milliseconds of a trial and at its onset."""
    try:
        names = tuple(map(str, content["names"].tolist()))
        cells = [tuple(content[f"n{cell:03d}_{what}"] for what in ("spk", "stim", "pos")) for cell in range(len(names))]
        n_ms, onset_ms = int(content["n_ms"]), int(content["onset_ms"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RecordingError(
            f"'{name}' must hold names, n_ms, onset_ms, and spikes, objects and places of each neuron; {error}. Fetch it again."
        ) from error
    odd = [
        names[number]
        for number, each in enumerate(cells)
        if len({len(part) for part in each}) != 1 or each[0].ndim != 2
    ]
    if odd:
        raise RecordingError(
            f"'{name}' must give spikes, object and place of each trial; '{odd[0]}' does not. Fetch it again."
        )
    return names, cells, n_ms, onset_ms


def _repeats(
    shown: list[tuple[str, str]], conditions: list[tuple[str, str]], rng: np.random.Generator, name: str
) -> list[NDArray[np.intp]]:
    """Numbers of one neuron's trials of each condition, in an order by chance."""
    found = [rng.permutation([number for number, each in enumerate(shown) if each == wanted]) for wanted in conditions]
    missing = [f"{stim} {place}" for (place, stim), each in zip(conditions, found, strict=True) if not len(each)]
    if missing:
        raise RecordingError(
            f"Neuron '{name}' must have been shown everything; {', '.join(missing)} is missing. Leave it out."
        )
    return found
