"""The offline run of a recording: the same preprocessor, cutter and reader, in one call and without threads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.checks import channel_order, check_rate
from bci_app.contract.errors import UnitError
from bci_app.contract.preprocessing import PreprocessingSpec, cut_trials, preprocess_recording
from bci_app.contract.signal import Marker, Recording, Window
from bci_app.contract.windowing import HopWindows, TrialSpec
from bci_app.engine.live_image import Reader


@dataclass(frozen=True, slots=True, eq=False)
class OfflineRun:
    """What was read: windows in order, latents (n, latent_dim), images uint8 (n, h, w, 3), markers for trials."""

    windows: tuple[Window, ...]
    latents: NDArray[np.float32]
    images: NDArray[np.uint8]
    markers: tuple[Marker, ...]
    dropped: tuple[tuple[Marker, str], ...]


def in_decoder_order(recording: Recording, spec: PreprocessingSpec, needs: str) -> Recording:
    """The recording with just the channels of `spec`, in order; `needs` is how a message calls who wants them.

    Raises
    ------
    ChannelError, RateError, UnitError
        If a channel is missing, or rate or unit are others.
    """
    channels, sfreq = spec.channels, spec.sfreq
    if recording.unit != spec.unit:
        raise UnitError(
            f"{needs} reads samples in '{spec.unit}'; recording '{recording.name}' is in '{recording.unit}'. Choose another "
            "recording, or another bundle."
        )
    check_rate(sfreq, recording.sfreq, needs, f"recording '{recording.name}'")
    order = channel_order(channels, recording.channels, needs, f"recording '{recording.name}'")
    return replace(recording, data=recording.data[order], channels=channels)


def read_offline(recording: Recording, reader: Reader) -> OfflineRun:
    """Read a whole recording as the live program would.

    Raises
    ------
    ChannelError, RateError, UnitError
        If the recording is not of the kind the decoder was made for.
    SignalError
        If a sample is not a finite number.
    """
    manifest = reader.decoder.manifest
    recording = in_decoder_order(recording, manifest.preprocessing, f"Bundle '{manifest.name}'")
    if isinstance(manifest.cut, TrialSpec):
        trials, dropped = cut_trials(recording, manifest.preprocessing, manifest.cut)
        windows = tuple(trial.window for trial in trials)
        markers = tuple(trial.marker for trial in trials)
    else:
        store = preprocess_recording(recording, manifest.preprocessing)
        windows = tuple(HopWindows(manifest.cut, store.sfreq).due(store))
        markers, dropped = (), []
    results = [reader.read(window) for window in windows]
    size = reader.generator.image_size
    return OfflineRun(
        windows,
        np.array([each.latent for each in results], np.float32).reshape(-1, manifest.latent_space.dim),
        np.array([each.image for each in results], np.uint8).reshape(-1, size, size, 3),
        markers,
        tuple(dropped),
    )
