"""A decoder bundle opens only with its own generator, and reads windows of its shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import BundleCorruptError, BundleVersionError, LatentSpaceError, SignalError
from bci_app.contract.manifest import DecoderKind
from bci_app.contract.windowing import TrialSpec, WindowSpec
from bci_app.inference.decoder import Decoder
from bci_app.inference.generator import Generator
from bci_app.inference.golden import verify_golden
from tests.tiny import tiny_decoder, tiny_generator

Make = Callable[..., Bundle]


@pytest.fixture
def decoder(make_generator: Make, make_decoder: Make) -> Decoder:
    generator = make_generator()
    return Decoder.open(make_decoder(generator), Generator.open(generator), device="cpu")


def test_latents_are_those_of_the_formula(decoder: Decoder, weights: SimpleNamespace) -> None:
    windows = np.random.default_rng(0).normal(size=(6, 2, 10)).astype(np.float32)
    wanted = windows.reshape(6, -1) @ weights.decoder
    np.testing.assert_allclose(decoder.decode_many(windows), wanted, atol=1e-5)
    np.testing.assert_allclose(decoder.decode(windows[4]), wanted[4], atol=1e-5)
    assert decoder.decode_many(windows[:0]).shape == (0, 4)


def test_a_decoder_of_another_generator_is_refused(make_generator: Make, make_decoder: Make) -> None:
    other = Generator.open(make_generator("other", scale=0.5))
    with pytest.raises(LatentSpaceError, match=r"'tiny' \(4 numbers.*'other' has 'other'"):
        Decoder.open(make_decoder(make_generator()), other)


@pytest.mark.parametrize("shape", [(2, 9), (3, 10), (1, 2, 10)])
def test_windows_of_another_shape_are_refused(decoder: Decoder, shape: tuple[int, ...]) -> None:
    with pytest.raises(SignalError, match=r"A window for the decoder must have the shape \(2, 10\)"):
        decoder.decode(np.zeros(shape))
    with pytest.raises(SignalError, match=r"shape \(any, 2, 10\)"):
        decoder.decode_many(np.zeros((2, *shape)) if len(shape) == 2 else np.zeros(shape[1:]))


def test_a_window_with_nan_names_the_channel(decoder: Decoder) -> None:
    window = np.zeros((2, 10), np.float32)
    window[1, 3] = np.nan
    with pytest.raises(SignalError, match="O2"):
        decoder.decode(window)
    with pytest.raises(SignalError, match="O2"):
        decoder.decode_many(window[np.newaxis])


def test_noise_has_the_mean_and_covariance_of_its_model(decoder: Decoder) -> None:
    noise = decoder.noise_windows(np.random.default_rng(0), 4000)
    assert noise.shape == (4000, 2, 10)
    assert noise.dtype == np.float32
    np.testing.assert_allclose(noise.mean(axis=(0, 2)), [5.0, 5.0], atol=0.1)
    samples = noise.transpose(1, 0, 2).reshape(2, -1)
    np.testing.assert_allclose(np.cov(samples), [[4.0, 2.0], [2.0, 2.0]], atol=0.1)


def test_noise_is_the_same_for_the_same_generator_of_chance(decoder: Decoder) -> None:
    first, second = (decoder.noise_windows(np.random.default_rng(3), 2) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "noise", [{"time": np.eye(9)}, {"space": np.full((2, 2), np.nan)}, {"mean": np.zeros((2, 10), int)}]
)
def test_a_noise_model_of_another_shape_is_refused(make_generator: Make, make_decoder: Make, noise: dict) -> None:
    with pytest.raises(BundleCorruptError, match=r"noise\.npz of bundle 'decoder' must hold"):
        Decoder.open(make_decoder(make_generator(), noise=noise))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_golden_vectors_must_be_there_and_be_met(make_generator: Make, make_decoder: Make, dtype: type) -> None:
    golden = {"decoder.window": np.ones((1, 2, 10), dtype), "decoder.latent": np.zeros((1, 4), np.float32)}
    for arrays in (golden, {"window": golden["decoder.window"]}):
        with pytest.raises(BundleCorruptError, match="golden"):
            Decoder.open(make_decoder(make_generator(), golden=arrays))


def test_filters_that_do_not_give_the_golden_window_are_refused(make_generator: Make, make_decoder: Make) -> None:
    sound = make_decoder(make_generator())
    for raw, words in (({"raw": 2 * sound.golden()["raw"]}, "it does not"), ({}, "must hold raw")):
        golden = {name: array for name, array in sound.golden().items() if name != "raw"} | raw
        with pytest.raises(BundleCorruptError, match=words):
            Decoder.open(make_decoder(make_generator(), golden=golden))


def test_golden_vectors_are_verified_for_both_kinds(make_generator: Make, make_decoder: Make) -> None:
    generator = make_generator()
    verify_golden(generator)
    verify_golden(make_decoder(generator), device="cpu")


def test_a_generator_is_no_decoder(make_generator: Make) -> None:
    with pytest.raises(BundleVersionError, match="must be a decoder"):
        Decoder.open(make_generator())


@pytest.mark.parametrize("kind", ["eeg-decoder", "fmri-decoder", "spike-decoder"])
@pytest.mark.parametrize("cut", [TrialSpec(start_s=0.0, stop_s=0.01), WindowSpec(window_s=0.01, hop_s=0.02)])
def test_a_window_of_one_sample_is_read_whatever_the_signal(
    tmp_path: Path, kind: DecoderKind, cut: TrialSpec | WindowSpec
) -> None:
    generator = tiny_generator(tmp_path / "generator")
    bundle = tiny_decoder(tmp_path / "decoder", generator, ("a", "b", "c"), 100.0, cut, decimation=1, kind=kind)
    decoder = Decoder.open(bundle, Generator.open(generator), device="cpu")
    assert decoder.n_times == 1
    assert decoder.decode(np.ones((3, 1), np.float32)).shape == (6,)
    assert decoder.noise_windows(np.random.default_rng(0), 4).shape == (4, 3, 1)
