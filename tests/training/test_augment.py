"""Differentiable augmentation against plain loops over pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from training.augment import N_DRAWS, augment

KINDS = ("colour", "translation", "cutout")
SIDE = 32


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _given(n: int = 6, n_channels: int = 3) -> tuple[Tensor, Tensor]:
    return torch.rand(n, n_channels, SIDE, SIDE) * 2 - 1, torch.rand(n, N_DRAWS)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("kinds", [(), *((kind,) for kind in KINDS), KINDS])
def test_shape_stays_and_gradients_flow_to_the_picture_alone(kinds: tuple[str, ...], n_channels: int) -> None:
    image, draws = _given(n_channels=n_channels)
    image.requires_grad_()
    changed = augment(image, draws, kinds)
    assert changed.shape == image.shape
    changed.square().sum().backward()
    assert image.grad is not None
    assert all(bool(each.any()) for each in image.grad)
    assert torch.equal(changed.detach(), augment(image.detach(), draws, kinds)), "the draws are all its randomness"
    assert (changed is image) == (kinds == ())


def test_each_picture_is_changed_by_its_own_numbers() -> None:
    image, draws = _given()
    whole = augment(image, draws, KINDS)
    for place in range(len(image)):
        alone = augment(image[place : place + 1], draws[place : place + 1], KINDS)
        torch.testing.assert_close(whole[place : place + 1], alone)


def test_translation_is_a_roll_whose_edge_is_filled_with_grey() -> None:
    image, draws = _given(200)
    moved = augment(image, draws, ("translation",)).numpy()
    shifts = set()
    for before, after, numbers in zip(image.numpy(), moved, draws[:, 3:5].numpy(), strict=True):
        rows, columns = (4 - np.floor(numbers * 9).astype(int)).tolist()  # up to an eighth of 32 to either side
        wanted = np.roll(before, (rows, columns), axis=(1, 2))
        if rows:
            wanted[:, slice(0, rows) if rows > 0 else slice(rows, None)] = 0.0
        if columns:
            wanted[:, :, slice(0, columns) if columns > 0 else slice(columns, None)] = 0.0
        np.testing.assert_array_equal(after, wanted)
        shifts.add((rows, columns))
    assert {each for pair in shifts for each in pair} == set(range(-4, 5))


def test_translation_takes_the_last_number_before_one() -> None:
    image, draws = _given(1)
    draws[:] = 1.0
    assert torch.equal(augment(image, draws, ("translation",))[:, :, :-4, :-4], image[:, :, 4:, 4:])


def test_cutout_makes_a_square_of_half_the_side_grey_wherever_its_centre_lies() -> None:
    image, draws = _given(400)
    image = image.abs() + 0.1
    cut = (augment(image, draws, ("cutout",)) == 0.0).numpy()
    kept = augment(image, draws, ("cutout",))
    torch.testing.assert_close(kept[kept != 0.0], image[kept != 0.0])
    for hole, (row, column) in zip(cut, (draws[:, 5:7] * SIDE).numpy(), strict=True):
        assert (hole == hole[:1]).all(), "all channels alike"
        rows, columns = np.flatnonzero(hole[0].any(axis=1)), np.flatnonzero(hole[0].any(axis=0))
        assert hole[0].sum() == len(rows) * len(columns), "one rectangle"
        for centre, places in ((row, rows), (column, columns)):
            assert places[0] == max(int(np.ceil(centre - 8.5)), 0)
            assert abs(len(places) - (min(centre + 8, SIDE) - max(centre - 8, 0))) <= 1.0
    whole = np.array([hole[0].sum() for hole in cut])
    assert whole.max() == 16**2
    # a centre anywhere leaves 1 - 1/8 of each side of the square inside on average
    assert whole.mean() / 16**2 == pytest.approx((7 / 8) ** 2, rel=0.05)


def test_colour_moves_the_mean_by_the_brightness_alone() -> None:
    image, draws = _given()
    changed = augment(image, draws, ("colour",))
    wanted = image.mean(dim=(1, 2, 3)) + draws[:, 0] - 0.5
    torch.testing.assert_close(changed.mean(dim=(1, 2, 3)), wanted, atol=1e-5, rtol=1e-5)


def test_colour_scales_saturation_and_contrast_about_their_means() -> None:
    image, draws = _given()
    changed = augment(image, draws, ("colour",))
    for before, after, (_, saturation, contrast) in zip(image, changed, draws[:, :3].tolist(), strict=True):
        grey, new_grey = before.mean(dim=0), after.mean(dim=0)
        torch.testing.assert_close(new_grey - new_grey.mean(), (0.5 + contrast) * (grey - grey.mean()))
        torch.testing.assert_close(after - new_grey, (0.5 + contrast) * 2 * saturation * (before - grey))


def test_a_picture_of_one_channel_has_no_saturation_to_change() -> None:
    image, draws = _given(n_channels=1)
    other = draws.clone()
    other[:, 1] = 1 - draws[:, 1]
    torch.testing.assert_close(augment(image, draws, ("colour",)), augment(image, other, ("colour",)))


def test_the_middle_of_all_draws_changes_no_colour() -> None:
    image, _ = _given()
    torch.testing.assert_close(augment(image, torch.full((len(image), N_DRAWS), 0.5), ("colour",)), image)
