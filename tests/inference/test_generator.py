"""A generator bundle opens, draws and reads pictures; broken ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from bci_app.contract.bundle import Bundle
from bci_app.contract.errors import (
    BundleCorruptError,
    BundleError,
    BundleVersionError,
    PictureError,
    SignalError,
)
from bci_app.contract.manifest import LatentSpace
from bci_app.inference.generator import Generator, tensor_specs

Make = Callable[..., Bundle]


def test_pictures_are_those_of_the_formula(make_generator: Make, weights: SimpleNamespace) -> None:
    generator = Generator.open(make_generator(), device="cpu")
    latents = np.random.default_rng(0).normal(size=(5, 4))
    wanted = np.clip(latents @ weights.generator + 128, 0, 255).reshape(5, 8, 8, 3)
    images = generator.generate(latents)
    assert images.dtype == np.uint8
    np.testing.assert_allclose(images, wanted, atol=1)


def test_a_picture_is_read_back_as_its_latent(make_generator: Make) -> None:
    generator = Generator.open(make_generator().folder)
    latents = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_allclose(generator.encode(generator.generate(latents)), latents, atol=0.1)


def test_large_and_empty_batches_keep_their_length(make_generator: Make) -> None:
    generator = Generator.open(make_generator())
    latents = np.random.default_rng(0).normal(size=(130, 4))
    images = generator.generate(latents)
    np.testing.assert_array_equal(images[129:], generator.generate(latents[129:]))
    assert generator.generate(latents[:0]).shape == (0, 8, 8, 3)
    assert generator.encode(images[:0]).shape == (0, 4)


def test_latents_beyond_the_truncation_are_clipped(make_generator: Make) -> None:
    bundle = make_generator()
    space = bundle.manifest.latent_space.model_copy(update={"truncation": 1.0})
    generator = Generator.open(make_generator("cut", latent_space=space))
    far, edge = np.array([[5.0, -5.0, 0.5, 0.0]]), np.array([[1.0, -1.0, 0.5, 0.0]])
    np.testing.assert_array_equal(generator.generate(far), generator.generate(edge))


@pytest.mark.parametrize("latents", [np.zeros(4), np.zeros((1, 5)), np.full((1, 4), np.nan)])
def test_bad_latents_are_refused(make_generator: Make, latents: np.ndarray) -> None:
    with pytest.raises(SignalError, match="Latents for the generator"):
        Generator.open(make_generator()).generate(latents)


@pytest.mark.parametrize(
    "images", [np.zeros((8, 8, 3), np.uint8), np.zeros((1, 8, 8, 3)), np.zeros((1, 9, 8, 3), np.uint8)]
)
def test_bad_pictures_are_refused(make_generator: Make, images: np.ndarray) -> None:
    with pytest.raises(PictureError, match="Resize and convert"):
        Generator.open(make_generator()).encode(images)


def test_golden_vectors_that_are_not_met_refuse_the_bundle(make_generator: Make) -> None:
    with pytest.raises(BundleCorruptError, match=r"encoder\.onnx of bundle 'tiny' must give its golden output"):
        Generator.open(make_generator(off=0.01))


def test_a_latent_space_of_another_generator_is_refused(make_generator: Make) -> None:
    space = LatentSpace(id="other", dim=4, generator_sha256="0" * 64)
    with pytest.raises(BundleCorruptError, match="digests differ"):
        Generator.open(make_generator(latent_space=space))


def test_a_manifest_that_tells_another_size_is_refused(make_generator: Make) -> None:
    with pytest.raises(BundleCorruptError, match="must list the inputs latent, image"):
        Generator.open(make_generator(image_size=16))


def test_a_decoder_is_no_generator(make_generator: Make, make_decoder: Make) -> None:
    with pytest.raises(BundleVersionError, match="must be a generator; it is of kind 'eeg-decoder'"):
        Generator.open(make_decoder(make_generator()))


def test_a_bundle_without_encoder_draws_and_says_that_it_cannot_read(make_generator: Make) -> None:
    whole, drawing = (Generator.open(make_generator(only_draws=only)) for only in (False, True))
    latents = np.random.default_rng(0).normal(size=(5, 4))
    images = drawing.generate(latents)
    np.testing.assert_array_equal(images, whole.generate(latents))
    with pytest.raises(BundleError, match="'tiny' has no encoder: it draws pictures from latents"):
        drawing.encode(images)
    with pytest.raises(BundleError, match="no encoder"):
        drawing.require_encoder()
    whole.require_encoder()


def test_an_encoder_that_the_manifest_lists_must_be_there(make_generator: Make) -> None:
    latent, image = tensor_specs(4, 8)
    with pytest.raises(BundleCorruptError, match=r"must hold the file encoder\.onnx"):
        Generator.open(make_generator(only_draws=True, inputs=(latent, image), outputs=(image, latent)))


def test_an_encoder_that_the_manifest_does_not_list_is_refused(make_generator: Make) -> None:
    with pytest.raises(BundleCorruptError, match="must list the inputs latent and the outputs image"):
        Generator.open(make_generator(inputs=tensor_specs(4, 8)[:1]))
