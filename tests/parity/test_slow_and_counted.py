"""Voxels and spike counts over real LSL: what the offline run of the same file gives, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.manifest import DecoderKind
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.units import Unit
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.live_image import Reader
from bci_app.engine.offline import read_offline
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams.recordings import write_recording
from tests.parity.live import replayed
from tests.tiny import tiny_decoder, tiny_generator

Cut = TrialSpec | WindowSpec


def voxels() -> Recording:
    """Volumes every 2.5 s of 30 voxels; pictures every 6.25 s, so that every other one appears half-way between two."""
    n, sfreq = 44, 0.4
    data = np.random.default_rng(0).normal(1000, 20, (30, n)).astype(np.float32)
    data[0] = np.arange(n)
    markers = tuple(Marker(6.25 * trial, f"house {trial}") for trial in range(1, 15))
    return named(data, sfreq, markers, "au")


def counts() -> Recording:
    """Spikes of 64 neurons in bins of 10 ms; pictures at times that have nothing to do with the bins."""
    n, sfreq = 900, 100.0
    data = np.random.default_rng(1).poisson(0.2, (64, n)).astype(np.float32)
    data[0] = np.arange(n)
    data[5] = 0.0
    markers = tuple(Marker(0.5 + 0.3337 * trial, f"object {trial}") for trial in range(22))
    return named(data, sfreq, markers, "count")


def named(data: np.ndarray, sfreq: float, markers: tuple[Marker, ...], unit: Unit) -> Recording:
    channels = tuple(f"{unit}-{number}" for number in range(len(data)))
    return Recording(data, 5.0 + np.arange(data.shape[1]) / sfreq, channels, sfreq, at(markers, 5.0), "made", unit)


def at(markers: tuple[Marker, ...], start_s: float) -> tuple[Marker, ...]:
    return tuple(Marker(marker.time + start_s, marker.label) for marker in markers)


CASES: dict[str, tuple[DecoderKind, Recording, Cut, float]] = {
    "volumes after a picture": ("fmri-decoder", voxels(), TrialSpec(start_s=4.0, stop_s=6.5), 50.0),
    "sliding volumes": ("fmri-decoder", voxels(), WindowSpec(window_s=5.0, hop_s=2.5), 50.0),
    "counts in a trial that begins later": (
        "spike-decoder",
        counts(),
        TrialSpec(start_s=-0.05, stop_s=0.15, baseline_s=(-0.05, 0.0), latency_s=0.12),
        5.0,
    ),
    "sliding counts": ("spike-decoder", counts(), WindowSpec(window_s=0.2, hop_s=0.3), 4.0),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_over_lsl_is_what_is_read_from_the_file(tmp_path: Path, case: str) -> None:
    kind, recording, cut, speed = CASES[case]
    generator = Generator.open(tiny_generator(tmp_path / "generator"))
    bundle = tiny_decoder(
        tmp_path / "decoder", generator.bundle, recording.channels, recording.sfreq, cut, decimation=1, kind=kind
    )
    decoder = Decoder.open(bundle, generator)
    write_recording(recording, tmp_path / "recording.npz")
    expected = read_offline(recording, Reader(decoder, generator, lambda: 0.0))
    by_start: dict[int, list[int]] = {}
    for number, window in enumerate(expected.windows):
        by_start.setdefault(window.first_sample, []).append(number)
    results = replayed(tmp_path / "recording.npz", decoder, generator, seed=1, speed=speed)
    if isinstance(cut, TrialSpec):
        assert len(results) == len(expected.windows) == len(recording.markers)
    assert len(results) > 0.9 * len(expected.windows) > 10
    for result in results:
        number = by_start[result.first_sample][0]
        assert np.abs(result.latent - expected.latents[number]).max() == 0.0
        np.testing.assert_array_equal(result.image, expected.images[number])
