"""BigBiGAN: published plan, which part of the latent reaches what, which score sees what."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from models.gan.bigbigan import (
    GENERATOR_WIDTHS,
    TRUNK_WIDTHS,
    BigEncoder,
    BigGenerator,
    ImageTrunk,
    JointDiscriminator,
    n_maps,
)

PLAN = {
    32: ([(4, 4)] * 3, [4] * 4),
    64: ([(16, 16), (16, 8), (8, 4), (4, 2)], [1, 2, 4, 8, 16]),
    128: ([(16, 16), (16, 8), (8, 4), (4, 2), (2, 1)], [1, 2, 4, 8, 16, 16]),
}
"""Brock et al. 2019, in units of a base width: channels in and out of the generator's blocks, out of the discriminator's."""
DIM = 12


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _generator(size: int = 64, fold: int = 1, skip_z: bool = True, **more: int) -> BigGenerator:
    widths = [8, 8, 6, 4, 4, 4][: n_maps(size, fold)]
    return BigGenerator(4 * len(widths), size, more.pop("n_channels", 3), widths, skip_z, fold=fold, **more)


def _trunk(size: int = 64, fold: int = 1, n_channels: int = 3, **more: object) -> ImageTrunk:
    widths = [4, 4, 6, 8, 8, 8][-n_maps(size, fold) :]
    return ImageTrunk(size, n_channels, widths, bool(more.pop("batch_norm", False)), fold=fold, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", PLAN)
def test_the_blocks_follow_the_published_plan(size: int) -> None:
    up, down = ([width * 2 for width in table[size]] for table in (GENERATOR_WIDTHS, TRUNK_WIDTHS))
    generator, trunk = BigGenerator(n_maps(size) * 2, size, 3, up), ImageTrunk(size, 3, down, False)
    made = [(block.conv1.in_channels // 2, block.conv2.out_channels // 2) for block in generator.blocks]
    judged = [block.conv2.out_channels // 2 for block in trunk.blocks]
    assert (made, judged) == PLAN[size]
    assert [block.halve for block in trunk.blocks] == [True] * (len(judged) - 1) + [False]
    assert [block.first for block in trunk.blocks] == [True] + [False] * (len(judged) - 1)
    assert generator.stem.out_features == 16 * up[0]


@pytest.mark.parametrize(("size", "fold", "n_channels"), list(itertools.product([32, 64, 128], [1, 2], [1, 3, 4])))
def test_every_size_and_any_number_of_channels_fit_together(size: int, fold: int, n_channels: int) -> None:
    generator = _generator(size, fold, n_channels=n_channels)
    image = generator(torch.randn(2, generator.latent_dim))
    assert image.shape == (2, n_channels, size, size)
    assert float(image.detach().abs().max()) <= 1.0
    for pooling in ("sum", "flat"):
        trunk = _trunk(size, fold, n_channels, pooling=pooling)
        assert trunk(image).shape == (2, trunk.dim)


@contextmanager
def _block_outputs(network: BigGenerator) -> Iterator[list[Tensor]]:
    seen: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda *each: seen.append(each[-1])) for block in network.blocks]
    yield seen
    for hook in hooks:
        hook.remove()


def test_each_chunk_of_the_latent_reaches_its_block_and_the_later_ones_alone() -> None:
    generator = _generator().eval()
    latent = torch.randn(1, generator.latent_dim)
    n_chunks, dim = len(generator.blocks) + 1, generator.chunk_dim
    for chunk in range(n_chunks):
        other = latent.clone()
        other[:, chunk * dim : (chunk + 1) * dim] += 1.0
        with _block_outputs(generator) as seen:
            generator(latent)
            generator(other)
        n = len(generator.blocks)
        changed = [not torch.equal(a, b) for a, b in zip(seen[:n], seen[n:], strict=True)]
        first = max(chunk - 1, 0)
        assert changed == [False] * first + [True] * (n - first)


def test_without_skip_z_the_latent_enters_at_the_stem_alone() -> None:
    generator = _generator(skip_z=False)
    assert generator.stem.in_features == generator.latent_dim
    assert not [name for name, _ in generator.named_parameters() if "gain" in name]
    assert all(module.affine for module in generator.modules() if isinstance(module, nn.BatchNorm2d))


def test_folding_moves_pixels_into_channels_and_back() -> None:
    generator, trunk = _generator(fold=2), _trunk(fold=2)
    image = torch.randn(2, 3, 64, 64)
    assert trunk.blocks[0].conv1.in_channels == 12 == generator.head.out_channels
    assert torch.equal(generator.unfold(trunk.fold(image)), image)
    assert torch.equal(trunk.fold(image)[:, 1], image[:, 0, ::2, 1::2])


@pytest.mark.parametrize(("size", "fold", "side"), [(32, 1, 8), (64, 1, 32), (64, 2, 16), (128, 1, 64)])
def test_attention_sits_on_the_map_of_its_side(size: int, fold: int, side: int) -> None:
    widths = [8] * n_maps(size, fold)
    generator = BigGenerator(4 * len(widths), size, 3, widths, attention=side, fold=fold)
    trunk = ImageTrunk(size, 3, widths, False, attention=side, fold=fold)
    for network, given in ((generator, torch.randn(1, 4 * len(widths))), (trunk, torch.randn(1, 3, size, size))):
        shapes: list[tuple[int, ...]] = []
        network.attention.register_forward_hook(lambda *each, shapes=shapes: shapes.append(tuple(each[-1].shape)))
        network(given)
        assert shapes == [(1, 8, side, side)]


def test_sum_pooling_adds_the_places_that_flat_pooling_keeps() -> None:
    summed, flat = _trunk(), _trunk(pooling="flat")
    flat.load_state_dict(summed.state_dict())
    image = torch.randn(3, 3, 64, 64)
    assert flat.dim == 16 * summed.dim
    torch.testing.assert_close(flat(image).unflatten(1, (-1, 16)).sum(dim=2), summed(image), atol=1e-5, rtol=1e-5)


def test_encoder_gives_a_mean_and_a_positive_spread_linear_in_its_features_before_the_softplus() -> None:
    encoder = BigEncoder(DIM, _trunk(batch_norm=True)).eval()
    image = torch.randn(5, 3, 64, 64)
    mean, std = encoder(image)
    raw = encoder.features(image) @ encoder.head.weight.T + encoder.head.bias
    torch.testing.assert_close(mean, raw[:, :DIM])
    torch.testing.assert_close(std, torch.log1p(raw[:, DIM:].exp()), atol=1e-5, rtol=1e-4)
    assert bool((std > 0).all())


def test_each_score_sees_what_it_is_of() -> None:
    judge = JointDiscriminator(DIM, _trunk(), 8, 2)
    image, latent = torch.randn(2, 3, 64, 64, requires_grad=True), torch.randn(2, DIM, requires_grad=True)
    scores = judge(image, latent)
    assert scores.shape == (2, 3)
    seen = [
        [bool(each is not None and each.any()) for each in torch.autograd.grad(
            scores[:, place].sum(), (image, latent), retain_graph=True, allow_unused=True)]
        for place in range(3)
    ]  # fmt: skip
    assert seen == [[True, False], [False, True], [True, True]]


def test_the_joint_score_tells_the_same_picture_with_another_latent_apart() -> None:
    judge = JointDiscriminator(DIM, _trunk(), 8, 1)
    image, latent = torch.randn(1, 3, 64, 64), torch.randn(2, DIM)
    first, second = judge(image.expand(2, -1, -1, -1), latent)
    torch.testing.assert_close(first[0], second[0])
    assert float((first[1:] - second[1:]).abs().min().detach()) > 0.0


def test_the_discriminator_judges_two_batches_at_once_as_it_does_apart() -> None:
    judge = JointDiscriminator(DIM, _trunk(attention=8), 8, 1)
    image, latent = torch.randn(6, 3, 64, 64), torch.randn(6, DIM)
    apart = torch.cat([judge(image[:3], latent[:3]), judge(image[3:], latent[3:])])
    torch.testing.assert_close(judge(image, latent), apart, atol=1e-5, rtol=1e-4)


def test_plans_that_do_not_fit_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match="64 pixels folded by 1 need 5 widths, one per map from 4 x 4; got 2"):
        BigGenerator(10, 64, 3, (8, 8))
    with pytest.raises(ValueError, match="64 pixels folded by 2 need 4 widths"):
        ImageTrunk(64, 3, (8,) * 5, False, fold=2)
    with pytest.raises(ValueError, match="12 components cannot be"):
        BigGenerator(12, 64, 3, (8,) * 5)
    with pytest.raises(ValueError, match="maps of 32, 16, 8, 4, got 64"):
        ImageTrunk(64, 3, (8,) * 5, False, attention=64)
