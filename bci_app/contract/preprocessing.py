"""The only filter code anywhere: what is learnt offline and what runs live pass through this one class.

A filter is data (`PreprocessingSpec`, which travels in the bundle as coefficients) plus state (`Preprocessor`). All
filters are causal second-order sections whose state is carried from chunk to chunk, so any chunking of a recording
gives the same numbers to the last bit.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bci_app.contract.checks import check_finite, check_unique
from bci_app.contract.errors import SettingsError, SignalError
from bci_app.contract.signal import Chunk, Marker, Recording, Samples, Times, Trial
from bci_app.contract.units import Unit
from bci_app.contract.windowing import ArrayStore, MarkerTrials, TrialSpec

Section = tuple[float, float, float, float, float, float]

_DECIMATION_CORNER = 0.4
"""Corner of the anti-alias filter as a share of the output rate (0.5 is its Nyquist frequency)."""


class PreprocessingSpec(BaseModel):
    """What happens to the signal before a decoder sees it: reference, then filters, then decimation.

    Parameters
    ----------
    channels : tuple of str
        Names in the order of the rows.
    sfreq : float
        Rate of the stream in Hz.
    unit : {"uV", "count", "au"}
        Unit of the samples: microvolts of EEG, spikes of a neuron, or the arbitrary units of a scanner.
    reference : {"none", "average"}
        "average" subtracts the mean over all channels from each sample.
    sos : tuple of 6-tuples
        Second-order sections (b0, b1, b2, a0, a1, a2), applied in order; empty for no filter.
    decimation : int
        Every how many filtered samples one is kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[str, ...] = Field(min_length=1)
    sfreq: float = Field(gt=0, allow_inf_nan=False)
    unit: Unit = "uV"
    reference: Literal["none", "average"] = "average"
    sos: tuple[Section, ...] = ()
    decimation: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        check_unique(self.channels, "The preprocessing")
        sections = np.array(self.sos).reshape(-1, 6)
        if not np.isfinite(sections).all():
            raise SettingsError("Filter coefficients must be finite numbers; some are not.")
        for section in sections:
            if section[3] != 1.0 or (np.abs(np.roots(section[3:])) >= 1).any():
                raise SettingsError(
                    f"A filter section must have a0 = 1 and be stable; got denominator {section[3:].tolist()}."
                )
        if self.reference == "average" and len(self.channels) < 2:
            raise SettingsError("An average reference needs at least 2 channels; got 1. Use reference 'none'.")
        return self

    @classmethod
    def design(
        cls,
        channels: tuple[str, ...],
        sfreq: float,
        band_hz: tuple[float | None, float | None] = (1.0, 40.0),
        notch_hz: float | None = None,
        reference: Literal["none", "average"] = "average",
        decimation: int = 1,
        order: int = 2,
        unit: Unit = "uV",
    ) -> PreprocessingSpec:
        """A spec with Butterworth filters.

        Parameters
        ----------
        channels : tuple of str
            Names in order.
        sfreq : float
            Rate of the stream in Hz.
        band_hz : (low, high)
            Pass band in Hz; None leaves that side open.
        notch_hz : float, optional
            Line frequency to take out (quality factor 30).
        reference : {"none", "average"}
            See the class.
        decimation : int
            With more than 1, a fourth-order low-pass at 0.4 of the output rate is added.
        order : int
            Butterworth order of each side of the band.
        unit : {"uV", "count", "au"}
            See the class.

        Raises
        ------
        SettingsError
            If the band does not fit below half the rate, or above the rate kept after decimation.
        """
        from scipy import signal

        low, high = band_hz
        nyquist = sfreq / 2
        corners = [corner for corner in (low, high, notch_hz) if corner is not None]
        if any(not 0 < corner < nyquist for corner in corners) or (
            low is not None and high is not None and low >= high
        ):
            raise SettingsError(
                f"Filter corners must lie between 0 and half the rate ({nyquist:g} Hz), low below high; "
                f"got a band of {low} to {high} Hz and a notch at {notch_hz} Hz."
            )
        if decimation > 1 and high is not None and high > 0.5 * sfreq / decimation:
            raise SettingsError(
                f"A band up to {high:g} Hz does not fit the {sfreq / decimation:g} Hz kept after taking every "
                f"{decimation}th sample. Lower the band's upper corner to {0.5 * sfreq / decimation:g} Hz or decimate less."
            )
        sections: list[NDArray[np.float64]] = []
        if low is not None and high is not None:
            sections.append(signal.butter(order, (low, high), "bandpass", fs=sfreq, output="sos"))
        elif low is not None:
            sections.append(signal.butter(order, low, "highpass", fs=sfreq, output="sos"))
        elif high is not None:
            sections.append(signal.butter(order, high, "lowpass", fs=sfreq, output="sos"))
        if notch_hz is not None:
            sections.append(signal.tf2sos(*signal.iirnotch(notch_hz, 30.0, fs=sfreq)))
        if decimation > 1:
            corner = _DECIMATION_CORNER * sfreq / decimation
            sections.append(signal.butter(4, corner, "lowpass", fs=sfreq, output="sos"))
        sos = np.concatenate(sections) if sections else np.empty((0, 6))
        return cls(
            channels=channels,
            sfreq=sfreq,
            unit=unit,
            reference=reference,
            sos=tuple(tuple(section) for section in sos.tolist()),
            decimation=decimation,
        )

    @property
    def output_sfreq(self) -> float:
        """Rate in Hz after decimation."""
        return self.sfreq / self.decimation

    @property
    def told_hz(self) -> float:
        """The rhythm whose delay users are told: 10 Hz, or, of slower signals, a quarter of the rate that is kept."""
        return min(10.0, self.output_sfreq / 4)

    def delay_s(self, at_hz: float) -> float:
        """Group delay of the filters at `at_hz`, in seconds: how late that rhythm reaches the decoder.

        Raises
        ------
        SettingsError
            If a signal of this rate holds no such rhythm.
        """
        from scipy import signal

        if not 0 <= at_hz < self.sfreq / 2:
            raise SettingsError(
                f"A signal of {self.sfreq:g} Hz holds rhythms below {self.sfreq / 2:g} Hz; the delay at {at_hz:g} Hz was "
                "asked for. Ask for a lower one."
            )
        total = 0.0
        for section in self.sos:
            _, delay = signal.group_delay((section[:3], section[3:]), w=[at_hz], fs=self.sfreq)
            total += float(delay[0])
        return total / self.sfreq


class Preprocessor:
    """Runs a `PreprocessingSpec` over chunks, carrying the filters' state from one to the next.

    Each chunk gives the same numbers however the signal was cut: the reference sums the channels one after the
    other (a pairwise sum would depend on the chunk's length), filters run in float64, and the state starts as if
    the first sample had stood there for ever. A gap starts afresh.
    """

    def __init__(self, spec: PreprocessingSpec) -> None:
        from scipy import signal  # here, not above: it takes longer to import than all of the contract

        self.spec = spec
        self._sosfilt = signal.sosfilt
        self._sos = np.array(spec.sos, dtype=np.float64).reshape(-1, 6)
        self._rest = signal.sosfilt_zi(self._sos)[:, np.newaxis, :] if len(self._sos) else None
        self._state: NDArray[np.float64] | None = None
        self._phase = 0
        self._kept = 0

    def reset(self) -> None:
        """Forget the filters' state; sample counting goes on."""
        self._state = None
        self._phase = 0

    def process(self, chunk: Chunk) -> Chunk:
        """The chunk as a decoder sees it.

        Parameters
        ----------
        chunk : Chunk
            Raw samples (n_channels, n_times), channels in the order of the spec.

        Returns
        -------
        Chunk
            Preprocessed samples; ``first_sample`` counts kept samples; may hold none.

        Raises
        ------
        SignalError
            If the number of channels is another one, or a sample is NaN or infinite. The state is as before.
        """
        if chunk.data.shape[0] != len(self.spec.channels):
            raise SignalError(
                f"Preprocessing was set up for {len(self.spec.channels)} channels; the chunk has {chunk.data.shape[0]}."
            )
        check_finite(chunk.data, self.spec.channels, "The signal")
        if chunk.gap_before:
            self.reset()
        data = self._filtered(self._referenced(chunk.data.astype(np.float64)))
        kept = slice(-self._phase % self.spec.decimation, None, self.spec.decimation)
        self._phase = (self._phase + chunk.n_times) % self.spec.decimation
        result = Chunk(
            np.ascontiguousarray(data[:, kept], dtype=np.float32),
            chunk.times[kept],
            self._kept,
            chunk.arrived_s,
            chunk.gap_before,
        )
        self._kept += result.n_times
        return result

    def _referenced(self, data: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.spec.reference == "none" or data.shape[1] == 0:
            return data
        total: NDArray[np.float64] = np.add.accumulate(data, axis=0)[
            -1
        ]  # strictly one channel after the other, at any chunk length
        referenced: NDArray[np.float64] = data - total / data.shape[0]
        return referenced

    def _filtered(self, data: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._rest is None or data.shape[1] == 0:
            return data
        if self._state is None:
            self._state = self._rest * data[np.newaxis, :, :1]
        filtered, self._state = self._sosfilt(self._sos, data, axis=-1, zi=self._state)
        return np.asarray(filtered, dtype=np.float64)


def preprocess_recording(recording: Recording, spec: PreprocessingSpec) -> ArrayStore:
    """The whole recording as the decoder would have seen it live.

    Parameters
    ----------
    recording : Recording
        Channels in the order of the spec.
    spec : PreprocessingSpec
        What to do.

    Returns
    -------
    ArrayStore
        Preprocessed samples with their times and gaps, for `HopWindows` and `MarkerTrials`.
    """
    preprocessor = Preprocessor(spec)
    data: list[Samples] = []
    times: list[Times] = []
    gaps: list[int] = []
    for chunk in recording.chunks():
        kept = preprocessor.process(chunk)
        data.append(kept.data)
        times.append(kept.times)
        if kept.gap_before:
            gaps.append(kept.first_sample)
    return ArrayStore(np.concatenate(data, axis=1), np.concatenate(times), spec.output_sfreq, tuple(gaps))


def cut_trials(
    recording: Recording, spec: PreprocessingSpec, cut: TrialSpec
) -> tuple[list[Trial], list[tuple[Marker, str]]]:
    """Preprocess a recording and cut a trial round each of its markers: the offline side of the live path.

    Returns
    -------
    trials : list of Trial
        In the order of the markers.
    dropped : list of (Marker, str)
        The markers that gave none, each with the reason.
    """
    store = preprocess_recording(recording, spec)
    cutter = MarkerTrials(cut, store.sfreq, spec.decimation)
    for marker in recording.markers:
        cutter.add(marker)
    trials = cutter.due(store)
    cutter.drop_pending("the recording ended before it was complete")
    return trials, cutter.dropped
