"""What a window may read from a running session: frozen snapshots, no live state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.manifest import DecoderManifest, TextManifest
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.signal import Marker, Samples, Times
from bci_app.contract.units import Unit
from bci_app.pictures.picture import Picture


@dataclass(frozen=True, slots=True)
class SignalWords:
    """What is read: its name (``"EEG"``), what its channels are called and how many there are, its unit, and its rate
    in Hz after preprocessing."""

    name: str = "EEG"
    channels: str = "channels"
    n_channels: int = 0
    unit: Unit = "uV"
    sfreq: float = 256.0

    @property
    def title(self) -> str:
        """Its name as a title."""
        return self.name.capitalize() if self.name.islower() else self.name

    @classmethod
    def of(cls, manifest: DecoderManifest | TextManifest, spec: PreprocessingSpec) -> Self:
        """What a decoder reads that has its signal preprocessed by `spec`."""
        return cls(manifest.signal, manifest.channel_word, len(spec.channels), spec.unit, spec.output_sfreq)


@dataclass(frozen=True, slots=True, eq=False)
class SignalSnapshot:
    """The newest stretch of preprocessed signal; of very many channels a selection.

    `data` is float32 (n_channels, n_times) in the unit of the signal, `times` float64 (n_times,) in LSL seconds, `gaps` the
    times of the first sample after each gap.
    """

    channels: tuple[str, ...]
    sfreq: float
    data: Samples
    times: Times
    markers: tuple[Marker, ...]
    gaps: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class IdentificationCurve:
    """Running pairwise identification after `n` trials, with its bootstrap interval; arrays (k,)."""

    n: NDArray[np.intp]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Identification:
    """The decoder beside the same decoder fed matched noise."""

    decoder: IdentificationCurve
    noise_twin: IdentificationCurve


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """Percentiles of one step, in milliseconds, over the last `n` results."""

    step: str
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    n: int


@dataclass(frozen=True, slots=True)
class Status:
    """State of stream, model and device in plain words."""

    stream: str
    stream_ok: bool
    model: str
    device: str
    device_ok: bool
    progress: str
    watermark: str


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """One picture read from the brain signal, with the time of each step on the LSL clock.

    `image` is uint8 (h, w, 3), `latent` float32 (latent_dim,). `arrived_s`: last sample in hand; `cut_s`: window
    copied; `decoded_s`: latent there; `generated_s`: picture there. `trial` and `picture` are None for sliding
    windows, which belong to no picture. `sampled_s` is the time stamp of the window's last sample, `first_sample` the
    number of its first one among all preprocessed samples. `model` names decoder and generator with their digests.
    """

    image: NDArray[np.uint8]
    latent: NDArray[np.float32]
    trial: int | None
    picture: Picture | None
    arrived_s: float
    cut_s: float
    decoded_s: float
    generated_s: float
    sampled_s: float = math.nan
    first_sample: int = -1
    model: str = ""
