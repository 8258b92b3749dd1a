"""Repeats of the same picture, averaged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SettingsError
from training.data.brain import PER_TRIAL, BrainTrials


def average_repeats(trials: BrainTrials, n: int | None = None, *, restore_noise: bool = False) -> BrainTrials:
    """One trial for each picture and participant, or for each `n` of its repeats.

    Noise that differs from repeat to repeat falls by the square root of their number, so a reader that was fitted on
    single trials meets averages that are quieter than what it knows.

    Parameters
    ----------
    trials : BrainTrials
        With the picture of each trial.
    n : int, optional
        Repeats in each average, taken in order; the rest, fewer than n, is left out. Without it all of them.
    restore_noise : bool
        Multiply each average of k by the square root of k, which brings the noise back to that of a single trial and
        makes the response as much larger. Meant for trials whose mean was taken out by the training trials' statistics.

    Returns
    -------
    BrainTrials
        In the order of each average's first repeat; a note tells how many were averaged. Once an average spans several
        runs, none belongs to a run any more, and no split by run can be made; sessions likewise.

    Raises
    ------
    SettingsError
        If pictures were not recorded, or no picture has `n` repeats.

    Notes
    -----
    Source: Shen, Dwivedi, Majima, Horikawa & Kamitani (2019), End-to-end deep image reconstruction, Front. Comput.
    Neurosci. 13:21: the mean of 24 repeats, multiplied by the square root of 24.
    """
    groups, n_left_out = _groups(trials, n)
    sizes = np.array([len(group) for group in groups], dtype=np.intp)
    factors = np.sqrt(sizes) if restore_noise else np.ones(len(sizes))
    windows = np.stack(
        [factor * trials.windows[group].mean(axis=0) for group, factor in zip(groups, factors, strict=True)]
    )
    parts: dict[str, Any] = {key: _shared(getattr(trials, key), groups) for key in PER_TRIAL}
    return replace(
        trials,
        windows=windows.astype(np.float32),
        notes=(*trials.notes, averaging_note(sizes, n_left_out, restore_noise)),
        **parts,
    )


def _groups(trials: BrainTrials, n: int | None) -> tuple[list[NDArray[np.intp]], int]:
    """Numbers of the trials of each average, and how many trials are in none."""
    if not all(trials.pictures) or not len(trials):
        raise SettingsError(
            f"Repeats are averaged by picture; '{trials.name}' does not name the picture of all its {len(trials)} trials. "
            "Give the picture list, or leave the trials single."
        )
    repeats: dict[tuple[str, str, str], list[int]] = {}
    for number, key in enumerate(zip(trials.subjects, trials.pictures, trials.labels, strict=True)):
        repeats.setdefault(key, []).append(number)
    if n is not None and not 1 <= n <= max(len(each) for each in repeats.values()):
        raise SettingsError(
            f"The pictures of '{trials.name}' have up to {max(len(each) for each in repeats.values())} repeats; {n} were "
            "to be averaged. Average fewer, or all (n=None)."
        )
    groups = [
        np.array(each[start : start + (n or len(each))], dtype=np.intp)
        for each in repeats.values()
        for start in range(0, len(each) - (n or len(each)) + 1, n or len(each))
    ]
    groups.sort(key=lambda group: int(group[0]))
    return groups, len(trials) - sum(map(len, groups))


def _shared(values: tuple[str, ...], groups: list[NDArray[np.intp]]) -> tuple[str, ...]:
    """What the trials of each average share; nothing for all averages as soon as one of them shares none."""
    found = [{values[number] for number in group} for group in groups]
    if any(len(each) > 1 for each in found):
        return ("",) * len(groups)
    return tuple(each.pop() for each in found)


def averaging_note(sizes: NDArray[np.intp], n_left_out: int = 0, restore_noise: bool = False) -> str:
    """What averages of so many repeats each mean, for the user."""
    few, many = int(sizes.min()), int(sizes.max())
    counts = f"{few}" if few == many else f"{few} to {many}"
    noise = (
        "multiplied by its square root, so the noise is that of single trials and the response as much larger"
        if restore_noise
        else f"so noise is smaller by a factor of {few**0.5:.2f}{'' if few == many else f' to {many**0.5:.2f}'}"
    )
    left = f"; {n_left_out} trials were left out, too few for another average" if n_left_out else ""
    return f"Each trial is the average of {counts} repeats, {noise}{left}."
