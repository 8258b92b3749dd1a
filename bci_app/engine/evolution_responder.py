"""What is driven: where a response comes from, and how a trial or a picture becomes one number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from bci_app.bundles import shipped
from bci_app.contract.checks import listed
from bci_app.contract.errors import SettingsError
from bci_app.contract.preprocessing import PreprocessingSpec
from bci_app.contract.signal import Trial
from bci_app.contract.units import Frequency
from bci_app.contract.windowing import TrialSpec
from bci_app.engine.evolution_settings import (
    AnyResponse,
    ComponentResponse,
    RateResponse,
    RatingResponse,
    SimilarityResponse,
    UnitResponse,
)
from bci_app.engine.views import SignalWords
from bci_app.evolution.scoring import MultiplicativeNoise, amplitude, firing_rate, similarity
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.inference.image_model import ImageModel
from bci_app.inference.session import Device
from bci_app.pictures.folder import read_picture

CLASSIFIER = "classifier64"
"""The image model that comes with the program."""

_FLAT_UV = 0.1
"""Less than any amplifier's own noise, peak to peak: what the filters leave of a channel that stands still."""

Image = NDArray[np.uint8]
Identity = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of one presentation, or None and `why`; `rejected` if an artefact is the reason."""

    value: float | None
    why: str = ""
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class Responder:
    """What all kinds have.

    Attributes
    ----------
    words, unit : str
        What is driven (``"Pz, 300 to 600 ms"``), and in which unit.
    advice : str
        What to do about a response that never changes.
    identity : dict
        What makes it this response and no other, without paths; a run is resumed with the same one alone.
    device : str
        What a model behind it runs on, in plain words; empty without one.
    """

    words: str
    unit: str
    advice: str
    identity: Identity
    device: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class TrialResponder(Responder):
    """Reads trials of a stream: preprocessed by `preprocessing`, cut by `cut`; `read` is called in the scoring thread."""

    preprocessing: PreprocessingSpec
    cut: TrialSpec
    signal: SignalWords
    wanted_by: str
    read: Callable[[Trial], Answer]


@dataclass(frozen=True, slots=True)
class PictureResponder(Responder):
    """Answers to the picture itself, uint8 (h, w, 3), with noise from a generator of random numbers."""

    respond: Callable[[Image, np.random.Generator], float]


@dataclass(frozen=True, slots=True)
class PersonResponder(Responder):
    """A person rates from 1 to `steps`, within `patience_s` seconds."""

    steps: int
    patience_s: float


AnyResponder = TrialResponder | PictureResponder | PersonResponder


def open_responder(
    response: AnyResponse, generator: Generator, device: Device = "auto", require_gpu: bool = False
) -> AnyResponder:
    """The responder that settings describe, its models opened and checked.

    Raises
    ------
    SettingsError
        If the response cannot be meant: filters that do not fit the rate, an empty window, a decoder of sliding windows,
        an unknown layer.
    BundleError, DeviceError, PictureError
        If a model or the target picture cannot be opened, or does not belong to the generator.
    """
    match response:
        case ComponentResponse():
            return _component(response)
        case RateResponse():
            return _rate(response)
        case RatingResponse():
            return PersonResponder(
                f"rating, 1 to {response.steps}",
                "",
                "Rate pictures differently, the better ones higher.",
                _identity(response),
                response.steps,
                response.patience_s,
            )
        case SimilarityResponse():
            return _similarity(response, generator, device, require_gpu)
        case UnitResponse():
            return _unit(response, device, require_gpu)


def _component(response: ComponentResponse) -> TrialResponder:
    spec = PreprocessingSpec.design(
        response.channels, response.sfreq, (response.highpass_hz, response.lowpass_hz), reference="none"
    )
    low, high = response.baseline_s or (response.start_s, response.stop_s)
    start_s, stop_s = min(response.start_s, low), max(response.stop_s, high)
    cut = _cut(response.start_s, response.stop_s, start_s, stop_s, response.baseline_s)
    rows = tuple(range(len(response.channels)))
    samples = _samples(response.start_s, response.stop_s, start_s, spec.output_sfreq)
    channels = listed(response.channels)

    def read(trial: Trial) -> Answer:
        data = trial.window.data
        fault = _artefact(data, response.channels, response.reject_uv)
        return Answer(None, fault, True) if fault else Answer(response.sign * amplitude(data, rows, samples))

    return TrialResponder(
        ("" if response.sign > 0 else "minus ") + f"{channels}, {_ms(response.start_s, response.stop_s)}",
        "µV",
        f"Check the electrode(s) {channels}, and that the amplifier is not at the end of its range.",
        _identity(response),
        spec,
        cut,
        SignalWords("EEG", "channels", len(response.channels), "uV", spec.output_sfreq),
        f"The response at {channels}",
        read,
    )


def _artefact(data: NDArray[np.float32], channels: tuple[str, ...], reject_uv: float | None) -> str:
    """Why a trial (n_channels, n_times) gives no response; empty if it does."""
    spread = np.ptp(data, axis=1)
    flat = [name for name, width in zip(channels, spread, strict=True) if width < _FLAT_UV]
    if flat:
        return f"{listed(flat)} did not move"
    worst = int(np.argmax(spread))
    if reject_uv is not None and spread[worst] > reject_uv:
        return f"{spread[worst]:.0f} µV peak to peak at {channels[worst]}, more than {reject_uv:g}"
    return ""


def _rate(response: RateResponse) -> TrialResponder:
    spec = PreprocessingSpec(channels=response.neurons, sfreq=response.sfreq, unit="count", reference="none")
    cut = _cut(response.start_s, response.stop_s, response.start_s, response.stop_s, None)
    seconds = Frequency(response.sfreq).seconds(
        _samples(response.start_s, response.stop_s, response.start_s, response.sfreq)[1]
    )

    def read(trial: Trial) -> Answer:
        rates = [firing_rate(counts, seconds) for counts in trial.window.data]
        return Answer(response.sign * float(np.mean(rates)))

    n = len(response.neurons)
    who = f"neuron {response.neurons[0]}" if n == 1 else f"mean of {n} neurons"
    return TrialResponder(
        ("" if response.sign > 0 else "minus ") + f"{who}, {_ms(response.start_s, response.stop_s)}",
        "spikes/s",
        "Choose a neuron that fires, or a longer window.",
        _identity(response),
        spec,
        cut,
        SignalWords("spike counts", "neurons", n, "count", spec.output_sfreq),
        f"The response of {who}",
        read,
    )


def _similarity(
    response: SimilarityResponse, generator: Generator, device: Device, require_gpu: bool
) -> TrialResponder:
    decoder = Decoder.open(response.decoder, generator, device, require_gpu)
    generator.require_encoder()
    manifest = decoder.manifest
    if not isinstance(manifest.cut, TrialSpec):
        raise SettingsError(
            f"Pictures are shown one after another, so the decoder must read trials; '{manifest.name}' reads sliding "
            "windows. Choose a decoder made from trials."
        )
    target = read_picture(response.target, generator.image_size)
    latent = generator.encode(target.image[np.newaxis])[0]

    def read(trial: Trial) -> Answer:
        return Answer(similarity(decoder.decode(trial.window.data), latent, decoder.latent_mean))

    return TrialResponder(
        f"similarity of what '{manifest.name}' reads to {target.label}",
        "",
        "Check that the decoder is that of this participant and cap.",
        {"kind": response.kind, "decoder": decoder.bundle.digest, "target": target.id},
        manifest.preprocessing,
        manifest.cut,
        SignalWords.of(manifest, manifest.preprocessing),
        f"Bundle '{manifest.name}'",
        read,
        device=decoder.device,
    )


def _unit(response: UnitResponse, device: Device, require_gpu: bool) -> PictureResponder:
    source = response.model or shipped(CLASSIFIER)
    model = ImageModel.open(source, device, require_gpu)
    layer = response.layer or next(reversed(model.layers))
    unit = model.unit(layer, response.channel)
    noise = MultiplicativeNoise(level=response.noise)

    def respond(image: Image, rng: np.random.Generator) -> float:
        return float(noise.add(unit(image[np.newaxis]), rng)[0])

    digest = model.bundle.digest if model.bundle is not None else _sha256(Path(source))
    return PictureResponder(
        unit.name,
        "",
        "Choose another unit (--layer, --channel), one that answers to pictures such as these.",
        {**_identity(response), "layer": layer, "model": digest},
        respond,
        device=model.device,
    )


def _cut(
    start_s: float, stop_s: float, first_s: float, last_s: float, baseline_s: tuple[float, float] | None
) -> TrialSpec:
    if not start_s < stop_s:
        raise SettingsError(
            f"A response is measured from a start to a later stop; got {start_s:g} to {stop_s:g} s. Exchange them, or make "
            "the window longer."
        )
    return TrialSpec(start_s=first_s, stop_s=last_s, baseline_s=baseline_s)


def _samples(start_s: float, stop_s: float, first_s: float, sfreq: float) -> tuple[int, int]:
    """Numbers of the samples between two latencies, in a trial that begins at `first_s`; the end is left out."""
    rate = Frequency(sfreq)
    first, start, stop = (rate.samples(each) for each in (first_s, start_s, stop_s))
    if stop <= start:
        raise SettingsError(f"{_ms(start_s, stop_s)} hold no sample at {sfreq:g} Hz. Make the window longer.")
    return start - first, stop - first


def _identity(response: AnyResponse) -> Identity:
    identity: Identity = response.model_dump(mode="json", exclude={"model"})
    return identity


def _ms(start_s: float, stop_s: float) -> str:
    return f"{1000 * start_s:.0f} to {1000 * stop_s:.0f} ms"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
