"""What a step is fed depends on seed and step alone, however the batch is cut."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from scipy.stats import kstest

from training.augment import N_DRAWS
from training.data import images as images_module
from training.data.images import Images, batch_indices, to_tensor
from training.gan.batches import Batch, batches, draw
from training.gan_recipe import GanRecipe

RecipeOf = Callable[..., GanRecipe]
FIELDS = ("image", "latent", "noise", "draws")


def _joined(parts: list[Batch]) -> dict[str, torch.Tensor]:
    return {name: torch.cat([getattr(each, name) for each in parts], dim=int(name == "draws")) for name in FIELDS}


def _process(rank: int, n: int) -> Any:
    return SimpleNamespace(global_rank=rank, world_size=n, device=torch.device("cpu"))


def test_however_it_is_cut_the_whole_batch_is_the_same(recipe_of: RecipeOf, images: Images, fabric: Fabric) -> None:
    flips = "pictures.flip=true"
    whole = _joined(list(batches(images, 5, recipe_of("dcgan", flips), fabric)))
    assert [tuple(whole[name].shape) for name in FIELDS] == [(8, 3, 32, 32), (8, 8), (8, 8), (2, 8, N_DRAWS)]
    in_parts = recipe_of("dcgan", flips, "updates.accumulation=2")
    processes = [list(batches(images, 5, in_parts, _process(rank, 2))) for rank in range(2)]
    for n_parts, several in (
        (2, list(batches(images, 5, in_parts, fabric))),
        (4, list(chain(*zip(*processes, strict=True)))),
    ):
        assert [len(part.image) for part in several] == [8 // n_parts] * n_parts
        for name, value in _joined(several).items():
            assert torch.equal(value, whole[name]), name


def test_updates_differ_and_the_same_update_is_the_same_again(
    recipe_of: RecipeOf, images: Images, fabric: Fabric
) -> None:
    recipe = recipe_of("dcgan")
    first, again, other = (_joined(list(batches(images, number, recipe, fabric))) for number in (3, 3, 4))
    seeded = _joined(list(batches(images, 3, recipe_of("dcgan", "seed=1"), fabric)))
    for name in FIELDS:
        assert torch.equal(first[name], again[name])
        assert not torch.equal(first[name], other[name])
        assert not torch.equal(first[name], seeded[name])


def test_an_epoch_shows_each_picture_once(recipe_of: RecipeOf, images: Images, fabric: Fabric) -> None:
    recipe = recipe_of("dcgan", "updates.batch_size=20")
    shown = torch.cat([_joined(list(batches(images, number, recipe, fabric)))["image"] for number in range(3)])
    wanted = to_tensor(images).flatten(1)
    np.testing.assert_array_equal(
        np.sort(shown.flatten(1).numpy(), axis=0), np.sort(wanted.numpy(), axis=0)
    )  # fmt: skip


def test_an_epochs_shuffle_is_drawn_once(recipe_of: RecipeOf, images: Images, fabric: Fabric) -> None:
    recipe, order = recipe_of("dcgan", "updates.batch_size=20", "seed=4321"), np.random.default_rng
    images_module._order.cache_clear()
    for number in range(6):  # two epochs of three
        next(batches(images, number, recipe, fabric))
    assert images_module._order.cache_info().misses == 2
    for epoch in range(2):
        wanted = order((4321, epoch)).permutation(60).reshape(3, 20)
        found = [batch_indices(60, 20, 3 * epoch + place, 4321) for place in range(3)]
        np.testing.assert_array_equal(found, wanted)


def test_a_process_copies_no_pictures_but_its_own(recipe_of: RecipeOf) -> None:
    class Counted(np.ndarray[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            n_read.append(np.size(key))
            return np.asarray(self)[key]

    n_read: list[int] = []
    pictures = np.zeros((60, 32, 32, 3), np.uint8).view(Counted)
    list(batches(pictures, 0, recipe_of("dcgan", "updates.accumulation=2"), _process(1, 2)))
    assert n_read == [2, 2]


def test_fewer_pictures_than_a_batch_are_shown_several_times(
    recipe_of: RecipeOf, images: Images, fabric: Fabric
) -> None:
    (batch,) = batches(images[:3], 0, recipe_of("dcgan"), fabric)
    values, counts = np.unique(batch.image.flatten(1).numpy(), axis=0, return_counts=True)
    assert len(values) == 3
    assert sorted(counts) == [2, 3, 3]


def test_flips_mirror_about_half_of_the_pictures_and_only_if_asked_for(
    recipe_of: RecipeOf, images: Images, fabric: Fabric
) -> None:
    n_mirrored, n = 0, 0
    for number in range(40):
        plain, flipped = (
            next(batches(images, number, recipe_of("dcgan", f"pictures.flip={flip}"), fabric)).image
            for flip in (False, True)
        )
        for before, after in zip(plain, flipped, strict=True):
            mirrored = torch.equal(after, before.flip(2))
            assert mirrored or torch.equal(after, before)
            n_mirrored, n = n_mirrored + mirrored, n + 1
    assert 0.4 < n_mirrored / n < 0.6  # 320 draws: five standard deviations are 0.14


def test_the_streams_are_standard_normal_and_independent() -> None:
    streams = [draw(0, 1, stream, (100, 50)).flatten().numpy() for stream in ("latent", "posterior")]  # type: ignore[arg-type]
    for values in streams:
        assert kstest(values, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(*streams)[0, 1]) < 5 / np.sqrt(5000)


def test_pictures_arrive_between_minus_one_and_one(recipe_of: RecipeOf, images: Images, fabric: Fabric) -> None:
    (batch,) = batches(images, 0, recipe_of("dcgan"), fabric)
    assert float(batch.image.min()) == pytest.approx(40 / 127.5 - 1)
    assert float(batch.image.max()) <= 1.0
