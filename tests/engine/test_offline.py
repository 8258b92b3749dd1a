"""The offline run cuts, reads and draws what its parts give one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import ChannelError, RateError, SignalError, UnitError
from bci_app.contract.preprocessing import preprocess_recording
from bci_app.contract.signal import Marker, Recording
from bci_app.contract.windowing import WindowSpec
from bci_app.engine.live_image import Reader
from bci_app.engine.offline import in_decoder_order, read_offline
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from tests.engine.conftest import CHANNELS, SFREQ, moving
from tests.tiny import tiny_decoder

N = 600


def recording(channels: tuple[str, ...] = CHANNELS, sfreq: float = SFREQ) -> Recording:
    markers = tuple(Marker(time, f"m{time:g}") for time in (0.5, 2.0, 3.3, 5.9))
    data = np.stack([moving(N)[CHANNELS.index(name)] for name in channels])
    return Recording(data, np.arange(N) / sfreq, channels, sfreq, markers, "noise")


def reader(decoder: Decoder, generator: Generator) -> Reader:
    return Reader(decoder, generator, lambda: 0.0)


def test_trials_are_read_round_their_markers_and_the_incomplete_one_is_named(
    decoder: Decoder, generator: Generator
) -> None:
    run = read_offline(recording(), reader(decoder, generator))
    store = preprocess_recording(recording(), decoder.manifest.preprocessing)
    assert [marker.label for marker in run.markers] == ["m0.5", "m2", "m3.3"]
    assert [(marker.label, reason) for marker, reason in run.dropped] == [
        ("m5.9", "the recording ended before it was complete")
    ]
    for marker, window, latent, image in zip(run.markers, run.windows, run.latents, run.images, strict=True):
        start = round(marker.time * store.sfreq)
        np.testing.assert_array_equal(window.data, store.data[:, start : start + decoder.n_times])
        np.testing.assert_array_equal(latent, decoder.decode(window.data))
        np.testing.assert_array_equal(image, generator.generate(latent[None])[0])


def test_sliding_windows_cover_the_recording(tmp_path: Path, generator: Generator) -> None:
    bundle = tiny_decoder(tmp_path / "sliding", generator.bundle, CHANNELS, SFREQ, WindowSpec(window_s=1.0, hop_s=0.5))
    run = read_offline(recording(), reader(Decoder.open(bundle, generator), generator))
    assert [window.first_sample for window in run.windows] == list(range(0, 251, 25))
    assert run.latents.shape == (11, 6)
    assert run.images.shape == (11, 16, 16, 3)
    assert run.markers == run.dropped == ()


def test_channels_are_found_by_name(decoder: Decoder, generator: Generator) -> None:
    expected = read_offline(recording(), reader(decoder, generator))
    other_order = read_offline(recording(("Pz", "O1", "O2", "Oz")), reader(decoder, generator))
    np.testing.assert_array_equal(expected.latents, other_order.latents)


def test_a_recording_of_another_kind_is_refused(decoder: Decoder, generator: Generator) -> None:
    with pytest.raises(
        ChannelError, match=r"Bundle 'tiny decoder' needs channel\(s\) O2; recording 'noise' has O1, Oz, Pz"
    ):
        read_offline(recording(("O1", "Oz", "Pz")), reader(decoder, generator))
    with pytest.raises(RateError, match="made for 100 Hz; recording 'noise' runs at 128 Hz"):
        in_decoder_order(recording(sfreq=128.0), decoder.manifest.preprocessing, "Bundle 'x'")
    with pytest.raises(UnitError, match="Bundle 'tiny decoder' reads samples in 'uV'; recording 'noise' is in 'count'"):
        read_offline(replace(recording(), unit="count"), reader(decoder, generator))
    bad = moving(N)
    bad[0, 7] = np.inf
    with pytest.raises(SignalError, match="O1 hold NaN"):
        read_offline(Recording(bad, np.arange(N) / SFREQ, CHANNELS, SFREQ), reader(decoder, generator))


def test_a_recording_without_markers_gives_nothing_of_the_right_shape(decoder: Decoder, generator: Generator) -> None:
    quiet = Recording(moving(N), np.arange(N) / SFREQ, CHANNELS, SFREQ)
    run = read_offline(quiet, reader(decoder, generator))
    assert run.windows == ()
    assert run.latents.shape == (0, 6)
    assert run.images.shape == (0, 16, 16, 3)
