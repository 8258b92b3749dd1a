"""What leaves the workshop draws and reads as the trained networks do, for networks in grey, with or without encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from bci_app.contract.errors import BundleError
from bci_app.inference.generator import Generator
from models.portable import PortableEncoder, PortableGenerator
from training.bundle_card import write_card
from training.export import Draft, apply, as_trained, in_colour, place_bundle, provenance, standardise
from training.gan.scoring import as_coded
from training.gan_recipe import GanRecipe

DIM, SIZE = 6, 4


class Pixels(nn.Module):
    """Reads the first pixels of a picture as its latent, each stretched by its own scale."""

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        mean = image.flatten(1)[:, : len(self.scale)] * self.scale
        return mean, torch.ones_like(mean)


class Drawn(nn.Module):
    """Draws the latent as the first pixels of a grey picture."""

    def forward(self, latent: Tensor) -> Tensor:
        return nn.functional.pad(torch.tanh(latent), (0, SIZE**2 - DIM)).unflatten(1, (1, SIZE, SIZE))


def _pictures(n: int, channels: int = 1, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, channels), dtype=np.uint8)


def test_a_grey_network_draws_three_equal_channels() -> None:
    latents = np.random.default_rng(1).normal(size=(5, DIM)).astype(np.float32)
    images = apply(PortableGenerator(Drawn()), latents)
    assert images.shape == (5, SIZE, SIZE, 3)
    wanted = np.round((np.tanh(latents) + 1) * 127.5)
    for channel in range(3):
        np.testing.assert_allclose(images[..., channel].reshape(5, -1)[:, :DIM], wanted, atol=1)


def test_a_grey_network_reads_a_picture_as_grey_training_pictures_are_made() -> None:
    coloured = _pictures(50, 3)
    grey = np.stack([np.asarray(Image.fromarray(each).convert("L")) for each in coloured])
    read = apply(PortableEncoder(Pixels(torch.ones(DIM)), n_channels=1), coloured)
    wanted = grey.reshape(50, -1)[:, :DIM] / 127.5 - 1.0
    assert np.abs(read - wanted).max() < 0.6 / 127.5
    again = apply(PortableEncoder(Pixels(torch.ones(DIM)), n_channels=1), in_colour(grey[..., None]))
    np.testing.assert_allclose(again, wanted, atol=1e-5)


def test_latents_as_trained_are_the_networks_own() -> None:
    train, scale = _pictures(400), torch.linspace(0.5, 2.0, DIM)
    portable = as_trained(Drawn(), Pixels(scale), DIM, train)
    assert portable.encoder is not None
    wanted = (train.reshape(400, -1)[:, :DIM] / 127.5 - 1.0) * scale.numpy()
    np.testing.assert_allclose(apply(portable.encoder, in_colour(train)), wanted, atol=1e-5)
    np.testing.assert_allclose(portable.latent_mean, wanted.mean(axis=0), atol=1e-5)
    (about,) = portable.about
    assert f"variance {wanted.var(axis=0).mean():.2f}" in about
    assert "drawn from N(0, I)" in about


def test_whitened_latents_have_unit_covariance_but_where_nothing_is_said() -> None:
    train, scale = _pictures(2000), torch.tensor([2.0, 1.0, 1.0, 0.5, 1e-3, 0.0])
    portable = standardise(Drawn(), Pixels(scale), DIM, train, smallest_share=1e-2)
    assert portable.encoder is not None
    latents = apply(portable.encoder, in_colour(train))
    own = (train.reshape(2000, -1)[:, :DIM] / 127.5 - 1.0) * scale.numpy()
    covariance = np.cov(latents.T)
    np.testing.assert_allclose(covariance[:4, :4], np.eye(4), atol=1e-3)
    gain = 1.0 / np.sqrt(1e-2 * np.linalg.eigvalsh(np.cov(own.T)).max())  # of the directions that are not stretched
    assert covariance[4, 4] == pytest.approx((gain * own[:, 4].std(ddof=1)) ** 2, rel=1e-2)
    assert covariance[5, 5] == pytest.approx(0.0, abs=1e-9)
    assert "2 of 6 directions had varied by less than 0.01 of the largest variance" in portable.about[0]


def test_codes_are_measured_as_the_encoder_gives_them_though_the_bundle_whitens_them() -> None:
    train, scale = _pictures(300), torch.full((DIM,), 1e-2)
    portable = standardise(Drawn(), Pixels(scale), DIM, train)
    assert portable.encoder is not None
    means, stds = as_coded(portable.encoder)(train)
    own = (train.reshape(300, -1)[:, :DIM] / 127.5 - 1.0) * 1e-2
    np.testing.assert_allclose(means, own, atol=1e-6)
    np.testing.assert_array_equal(stds, np.ones((300, DIM)))
    assert "variance 0.00, spread like 6 equal ones of 6 directions" in portable.about[0]


def test_a_whitened_bundle_draws_what_its_encoder_read() -> None:
    """G(E(x)) is the same picture in any coordinates."""
    train = _pictures(500)
    plain, white = (make(Drawn(), Pixels(torch.ones(DIM)), DIM, train) for make in (as_trained, standardise))
    pictures = [apply(each.generator, apply(each.encoder, in_colour(train[:20]))) for each in (plain, white)]  # type: ignore[arg-type]
    np.testing.assert_allclose(*pictures, atol=1)


def test_an_encoder_that_gives_one_code_for_all_pictures_leaves_with_finite_numbers() -> None:
    portable = standardise(Drawn(), Pixels(torch.zeros(DIM)), DIM, _pictures(100))
    assert portable.encoder is not None
    assert np.isfinite(apply(portable.encoder, in_colour(_pictures(3)))).all()
    assert "6 of 6 directions" in portable.about[0]


def test_a_generator_alone_leaves_as_a_bundle_that_draws_the_same(
    dcgan_draft: Draft, dcgan_generator: nn.Module, dcgan_recipe: GanRecipe, tmp_path: Path
) -> None:
    place_bundle(dcgan_draft, tmp_path / "dcgan", (), "nothing")
    opened = Generator.open(tmp_path / "dcgan", device="cpu")
    assert not opened.manifest.has_encoder
    assert opened.manifest.latent_space.prior == "normal"
    assert opened.latent_space.dim == len(opened.manifest.latent_mean) == dcgan_recipe.network.latent_dim
    for n in (1, 3, 70):
        latents = np.random.default_rng(n).normal(size=(n, 8)).astype(np.float32)
        with torch.no_grad():
            drawn = dcgan_generator(torch.from_numpy(latents)).permute(0, 2, 3, 1).numpy()
        wanted = np.clip((drawn + 1.0) * 127.5, 0, 255)
        assert wanted.std() > 0.1
        assert np.abs(opened.generate(latents) - wanted).max() <= 2.0


def test_the_card_of_a_generator_alone_tells_what_it_cannot_do(dcgan_draft: Draft) -> None:
    draft = dcgan_draft
    card = write_card(draft.manifest, draft.files, draft.about, "pictures of Sunday")
    assert "Draws 32 x 32 pictures from 8 numbers; it cannot read a picture." in card
    assert "draw the numbers from N(0, I), not clipped." in card
    assert "It has not been scored." in card
    assert "Held out: pictures of Sunday" in card
    cut = draft.manifest.latent_space.model_copy(update={"truncation": 1.5})
    other = draft.manifest.model_copy(update={"latent_space": cut})
    assert "clipped: numbers beyond 1.5 become 1.5" in write_card(other, draft.files, (), "")


def test_a_bundle_of_a_gan_compares_latents_by_difference_alone_and_claims_no_licence_for_pictures_of_others(
    dcgan_draft: Draft, dcgan_recipe: GanRecipe
) -> None:
    assert (dcgan_draft.manifest.golden.atol, dcgan_draft.manifest.golden.rtol) == (1e-4, 0.0)
    assert dcgan_draft.manifest.provenance.licence == "BSD-3-Clause", "the built-in pictures"
    pictures = dcgan_recipe.pictures.model_copy(update={"source": "/somewhere/faces"})
    foreign = dcgan_recipe.model_copy(update={"pictures": pictures})
    assert provenance(foreign.pictures, foreign.bundle.licence, foreign, "", "").licence == "not stated"
    said = foreign.model_copy(update={"bundle": foreign.bundle.model_copy(update={"licence": "CC0"})})
    assert provenance(said.pictures, said.bundle.licence, said, "", "").licence == "CC0"


def test_weights_that_are_no_numbers_never_become_a_bundle() -> None:
    with pytest.raises(BundleError, match=r"finite weights; scale of Pixels is not"):
        as_trained(Drawn(), Pixels(torch.full((DIM,), torch.nan)), DIM, _pictures(10))
