"""A recording replayed over real LSL with random chunks gives what the offline run of the same file gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.engine.live_image import Reader
from bci_app.engine.offline import OfflineRun, read_offline
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.streams.recordings import write_recording
from tests.parity.live import replayed
from tests.tiny import tiny_decoder, tiny_generator

SFREQ, CHANNELS = 256.0, ("sample number", "C3", "Cz", "C4", "Oz")


def make_recording(seconds: float = 8.0, gap_at: int | None = None) -> Recording:
    """The first channel holds sample numbers, so that any dropped, doubled or shifted sample changes the latents."""
    n = int(seconds * SFREQ)
    rng = np.random.default_rng(0)
    data = rng.normal(scale=20, size=(len(CHANNELS), n)).astype(np.float32)
    data[0] = np.arange(n) % 4096
    times = np.arange(n) / SFREQ
    if gap_at is not None:
        times[gap_at:] += 100 / SFREQ
    onsets = np.arange(1.0, seconds - 1, 0.37)
    markers = tuple(Marker(float(times[int(onset * SFREQ)]), f"face {i}") for i, onset in enumerate(onsets))
    return Recording(data, times, CHANNELS, SFREQ, markers, "numbered noise")


def open_models(folder: Path, cut: TrialSpec | WindowSpec) -> tuple[Decoder, Generator]:
    generator = Generator.open(tiny_generator(folder / "generator"))
    bundle = tiny_decoder(folder / "decoder", generator.bundle, CHANNELS, SFREQ, cut)
    return Decoder.open(bundle, generator), generator


def offline(recording: Recording, decoder: Decoder, generator: Generator) -> OfflineRun:
    return read_offline(recording, Reader(decoder, generator, lambda: 0.0))


@pytest.mark.parametrize("gap_at", [None, 900])
def test_sliding_windows_over_lsl_are_those_of_the_file(tmp_path: Path, gap_at: int | None) -> None:
    decoder, generator = open_models(tmp_path, WindowSpec(window_s=0.5, hop_s=0.25))
    recording = make_recording(gap_at=gap_at)
    write_recording(recording, tmp_path / "recording.npz")
    expected = offline(recording, decoder, generator)
    by_start = {window.first_sample: i for i, window in enumerate(expected.windows)}
    results = replayed(tmp_path / "recording.npz", decoder, generator, seed=1)
    assert len(results) > 0.9 * len(expected.windows)
    for result in results:
        i = by_start[result.first_sample]
        assert np.abs(result.latent - expected.latents[i]).max() == 0.0
        np.testing.assert_array_equal(result.image, expected.images[i])


def test_trials_over_lsl_are_those_of_the_file(tmp_path: Path) -> None:
    decoder, generator = open_models(tmp_path, TrialSpec(start_s=-0.1, stop_s=0.5, baseline_s=(-0.1, 0.0)))
    recording = make_recording()
    write_recording(recording, tmp_path / "recording.npz")
    expected = offline(recording, decoder, generator)
    results = replayed(tmp_path / "recording.npz", decoder, generator, seed=2)
    assert len(results) == len(expected.markers) == len(recording.markers)
    assert np.abs(np.stack([result.latent for result in results]) - expected.latents).max() == 0.0
    np.testing.assert_array_equal(np.stack([result.image for result in results]), expected.images)


def test_the_comparison_sees_a_shift_by_one_sample(tmp_path: Path) -> None:
    decoder, generator = open_models(tmp_path, TrialSpec(start_s=-0.1, stop_s=0.5))
    recording = make_recording()
    late = tuple(Marker(marker.time + 2 / SFREQ, marker.label) for marker in recording.markers)
    shifted = Recording(recording.data, recording.times, CHANNELS, SFREQ, late)
    difference = offline(recording, decoder, generator).latents - offline(shifted, decoder, generator).latents
    assert np.abs(difference).max() > 1e-3
