"""Trials of any brain signal with what was shown in them: the one form in which every loader hands its data on."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.errors import SignalError
from bci_app.contract.manifest import DecoderKind
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.windowing import TrialSpec, WindowSpec

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class BrainTrials:
    """Trials ready to fit: EEG, voxels or spike counts.

    Parameters
    ----------
    windows : float32 array (n_trials, n_channels, n_times)
        Preprocessed; microvolts, scanner units or spikes, as `preprocessing.unit` says. Voxels and spike counts of a
        whole presentation have ``n_times`` 1.
    preprocessing : PreprocessingSpec
        What was done to the signal, and what the program will do to it live; its channels are electrodes, voxels or
        neurons.
    cut : TrialSpec or WindowSpec
        How the windows were cut.
    pictures : tuple of str
        Id of the picture shown in each trial, equal for equal pictures (a hash of its bytes where it can be had);
        empty strings where it was not recorded.
    labels : tuple of str
        Category of each trial; empty strings without one.
    runs, sessions, subjects : tuple of str
        Where each trial comes from. The trials of a run follow one another in time; the run is an empty string where
        that was not recorded.
    images : mapping of str to uint8 array (height, width, 3)
        The pictures by id, as far as they are at hand.
    kind : {"eeg-decoder", "fmri-decoder", "spike-decoder"}
        Which kind of bundle a reader of them becomes.
    name : str
        What the user calls the data, for messages and reports.
    notes : tuple of str
        What the user should know: trials left out and why.

    Raises
    ------
    SignalError
        If the parts do not have one entry per trial, or a window holds NaN or infinity.
    """

    windows: NDArray[np.float32]
    preprocessing: PreprocessingSpec
    cut: TrialSpec | WindowSpec
    pictures: tuple[str, ...]
    labels: tuple[str, ...]
    runs: tuple[str, ...]
    sessions: tuple[str, ...]
    subjects: tuple[str, ...]
    images: Mapping[str, Images] = field(default_factory=lambda: MappingProxyType({}))
    kind: DecoderKind = "eeg-decoder"
    name: str = "trials"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n_channels = len(self.preprocessing.channels)
        if self.windows.ndim != 3 or self.windows.shape[1] != n_channels:
            raise SignalError(
                f"The trials of '{self.name}' must be (n_trials, {n_channels} channels, n_times); got {self.windows.shape}."
            )
        for key in PER_TRIAL:
            if len(getattr(self, key)) != len(self.windows):
                raise SignalError(
                    f"'{self.name}' must give {key} for each of its {len(self.windows)} trials; got "
                    f"{len(getattr(self, key))}."
                )
        bad = np.asarray(~np.isfinite(self.windows).all(axis=(0, 2)))
        if bad.any():
            named = [channel for channel, each in zip(self.preprocessing.channels, bad, strict=True) if each]
            raise SignalError(
                f"The trials of '{self.name}' must hold finite numbers; channel(s) {', '.join(named[:8])}"
                f"{' and others' if len(named) > 8 else ''} hold NaN or infinity. Leave them out."
            )

    def __len__(self) -> int:
        return len(self.windows)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """The chosen trials, by number or by mask."""
        numbers = np.arange(len(self))[chosen]
        parts: dict[str, Any] = {key: tuple(getattr(self, key)[number] for number in numbers) for key in PER_TRIAL}
        return replace(self, windows=self.windows[numbers], **parts)


PER_TRIAL = ("pictures", "labels", "runs", "sessions", "subjects")


def together(parts: Sequence[BrainTrials], name: str) -> BrainTrials:
    """Trials of several recordings as one; SignalError unless they were preprocessed and cut in the same way."""
    first = parts[0]
    for part in parts[1:]:
        for key in ("preprocessing", "cut", "kind"):
            if getattr(part, key) != getattr(first, key):
                raise SignalError(
                    f"Trials that are put together must share their {key}; '{part.name}' differs from '{first.name}'. "
                    "Read all recordings with the same settings, and only those of one cap and rate."
                )
    joined: dict[str, Any] = {key: tuple(value for part in parts for value in getattr(part, key)) for key in PER_TRIAL}
    return replace(
        first,
        windows=np.concatenate([part.windows for part in parts]),
        images=ChainMap(*(cast("MutableMapping[str, Images]", part.images) for part in parts)),  # decodes none of them
        name=name,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        **joined,
    )
