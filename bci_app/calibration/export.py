"""From a fitted linear reader to a decoder bundle, without torch."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.bundle import Bundle, pack_arrays, write_bundle
from bci_app.contract.checks import listed
from bci_app.contract.manifest import (
    DecoderKind,
    DecoderManifest,
    GeneratorManifest,
    Golden,
    Provenance,
    Score,
    TensorSpec,
)
from bci_app.contract.noise import NoiseModel
from bci_app.contract.preprocessing import PreprocessingSpec, Preprocessor
from bci_app.contract.signal import Chunk
from bci_app.contract.windowing import TrialSpec, WindowSpec, marker_latency_s

Floats = NDArray[np.float32]


class Reader(Protocol):
    """What turns preprocessed windows into latents: a fitted matrix or a trained network."""

    @property
    def mean_target(self) -> Floats:
        """Mean latent of what it was trained on, (latent_dim,)."""
        ...

    def read(self, windows: Floats) -> Floats:
        """Latents (n, latent_dim) of windows (n, n_channels, n_times)."""
        ...

    def graph(self) -> bytes:
        """The ONNX graph that does the same: ``window`` (batch, n_channels, n_times) -> ``latent`` (batch, latent_dim)."""
        ...


def write_decoder_bundle(
    folder: Path | str,
    reader: Reader,
    noise: NoiseModel,
    *,
    name: str,
    preprocessing: PreprocessingSpec,
    cut: TrialSpec | WindowSpec,
    generator: GeneratorManifest,
    provenance: Provenance,
    metrics: Sequence[Score],
    trained_on: tuple[str, ...] = (),
    kind: DecoderKind = "eeg-decoder",
) -> Bundle:
    """Export a reader for the latent space of `generator`.

    Returns
    -------
    Bundle
        Written, verified and read back. Its golden vectors hold raw microvolts, the preprocessed window cut from
        them, and the latent, so that every step of the live path is checked on the machine that runs it.
    """
    (n_channels, n_times), dim = noise.mean.shape, generator.latent_space.dim
    golden = _golden(reader, noise, preprocessing)
    manifest = DecoderManifest(
        kind=kind,
        name=name,
        inputs=(
            TensorSpec(
                name="window",
                axes=("batch", "n_channels", "n_times"),
                dtype="float32",
                shape=("batch", n_channels, n_times),
            ),
        ),
        outputs=(TensorSpec(name="latent", axes=("batch", "latent"), dtype="float32", shape=("batch", dim)),),
        golden=Golden(atol=1e-3, rtol=1e-3),
        provenance=provenance,
        metrics=tuple(metrics),
        latent_space=generator.latent_space,
        preprocessing=preprocessing,
        cut=cut,
        latent_mean=tuple(float(value) for value in reader.mean_target),
        trained_on=trained_on,
    )
    return write_bundle(
        folder,
        manifest,
        {
            "decoder.onnx": reader.graph(),
            "noise.npz": noise.pack(),
            "golden.npz": golden,
            "card.md": decoder_card(manifest).encode(),
        },
    )


def _golden(reader: Reader, noise: NoiseModel, preprocessing: PreprocessingSpec) -> bytes:
    """Raw noise, what the preprocessor makes of it, and the latent of its last window."""
    n_channels, n_times = noise.mean.shape
    n_raw = (n_times + 16) * preprocessing.decimation
    raw = 10 * np.random.default_rng(0).standard_normal((n_channels, n_raw), dtype=np.float32)
    kept = Preprocessor(preprocessing).process(Chunk(raw, np.arange(n_raw) / preprocessing.sfreq, 0)).data
    window = np.stack([kept[:, -n_times:], noise.mean])
    return pack_arrays(**{"raw": raw, "decoder.window": window, "decoder.latent": reader.read(window)})


def decoder_card(manifest: DecoderManifest) -> str:
    """The card of a decoder bundle: what it reads, how well, and what it is not."""
    told_hz, later_s = manifest.preprocessing.told_hz, marker_latency_s(manifest.cut)
    later = f" The onset of a trial is taken to be {1000 * later_s:.0f} ms after its marker." if later_s else ""
    lines = [
        f"# {manifest.name}",
        "",
        f"Reads the latent code `{manifest.latent_space.id}` ({manifest.latent_space.dim} numbers) from "
        f"the {manifest.signal} of {len(manifest.channels)} {manifest.channel_word} at {manifest.sfreq:g} Hz.",
        "",
        f"Channels: {listed(manifest.channels)}. Reference: {manifest.preprocessing.reference}. "
        f"Filter delay at {told_hz:g} Hz: {1000 * manifest.preprocessing.delay_s(told_hz):.0f} ms.{later}",
        "",
        "| figure | value | 95 % interval | chance | noise input | shuffled pairing | n | held out |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for score in manifest.metrics:
        cells = [score.low, score.high, score.chance, score.noise_input, score.shuffled_pairing]
        low, high, chance, noise, shuffled = ("-" if cell is None else f"{cell:.3f}" for cell in cells)
        name, held_out = (text.replace("|", "\\|") for text in (score.name, score.held_out))
        lines.append(
            f"| {name} | {score.value:.3f} | {low} to {high} | {chance} | {noise} | {shuffled} | {score.n} "
            f"| {held_out} |"
        )
    lines += [
        "",
        f"Made from: {', '.join(manifest.provenance.data)}. Command: `{manifest.provenance.command}`. "
        f"Licence: {manifest.provenance.licence}.",
        "",
        "What it reads is an inference about a person, not a photograph. Research software, not a medical device.",
        "",
    ]
    return "\n".join(lines)


def provenance_here(command: str, recipe: dict[str, object], data: tuple[str, ...], commit: str) -> Provenance:
    """Provenance of something made now, on this machine, by this program."""
    versions = {"python": platform.python_version()}
    for package in ("bci-app", "numpy", "scipy", "scikit-learn", "onnx"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return Provenance.model_validate(
        {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "commit": commit,
            "recipe": recipe,
            "data": data,
            "licence": "BSD-3-Clause",
            "versions": versions,
        }
    )
