"""At most three flashes a second pass, counted here by the definition and not by the guard."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from bci_app.pictures.flash import FlashGuard

Image = NDArray[np.uint8]
GREY, BLACK, WHITE = (np.full((64, 64, 3), level, np.uint8) for level in (128, 0, 255))
RED = np.zeros((64, 64, 3), np.uint8)
RED[..., 0] = 255


def _play(guard: FlashGuard, wanted: Iterable[tuple[float, Image]]) -> list[tuple[float, Image]]:
    """What a screen shows if each picture is held until it may appear, and a newer one takes its place."""
    painted: list[tuple[float, Image]] = []
    wanted = list(wanted)
    for (at_s, image), (following_s, _) in zip(wanted, [*wanted[1:], (np.inf, GREY)], strict=True):
        allowed = guard.earliest(image, at_s)
        if allowed < following_s:
            guard.shown(image, allowed)
            painted.append((allowed, image))
    return painted


def _most_flashes(painted: list[tuple[float, Image]]) -> int:
    """Most pairs of opposing changes in any second of pictures of one level each, which start from grey."""
    levels = [GREY[0, 0, 0], *(image[0, 0, 0] for _, image in painted)]
    turns, direction = [], 0
    for (at_s, _), before, after in zip(painted, levels[:-1], levels[1:], strict=True):
        sign = int(np.sign(int(after) - int(before)))
        if sign and sign != direction:
            turns.append(at_s)
            direction = sign
    return max((sum(start <= turn < start + 1 for turn in turns) // 2 for start in turns), default=0)


def test_black_and_white_at_ten_hertz_flash_exactly_three_times_a_second() -> None:
    guard = FlashGuard()
    wanted = [(0.1 * index, (BLACK, WHITE)[index % 2]) for index in range(200)]
    assert _most_flashes(wanted) == 5
    painted = _play(guard, wanted)
    assert _most_flashes(painted) == 3
    assert guard.n_held >= 200 - len(painted) > 0


def test_blanks_pass_at_any_time_and_are_counted() -> None:
    guard = FlashGuard()
    painted: list[tuple[float, Image]] = []
    at_s = 0.0
    for _ in range(30):
        at_s = guard.earliest(WHITE, at_s + 0.05)
        guard.shown(WHITE, at_s)
        guard.blanked(at_s + 0.05)
        painted += [(at_s, WHITE), (at_s + 0.05, GREY)]
        at_s += 0.05
    assert _most_flashes(painted) == 3


@pytest.mark.parametrize("hz", [1.0, 2.0, 3.0])
def test_pictures_with_grey_between_at_up_to_three_a_second_are_never_held(hz: float) -> None:
    guard = FlashGuard()
    rng = np.random.default_rng(0)
    for index in range(30):
        image = (WHITE, BLACK, rng.integers(0, 256, (64, 64, 3), np.uint8))[index % 3]
        at_s = index / hz
        assert guard.earliest(image, at_s) == at_s
        guard.shown(image, at_s)
        guard.blanked(at_s + 0.5 / hz)
    assert guard.n_held == 0


@pytest.mark.parametrize(("n_blocks", "held"), [(256, False), (257, True)])
def test_a_quarter_of_the_picture_may_flash_and_no_block_more(n_blocks: int, held: bool) -> None:
    """Of the 32 x 32 blocks 256 are a quarter."""
    guard = FlashGuard()
    grey = np.full((32, 32, 3), 128, np.uint8)
    small = grey.copy()
    small.reshape(-1, 3)[:n_blocks] = 255
    for index in range(20):
        image = (small, grey)[index % 2]
        if guard.earliest(image, 0.1 * index) == 0.1 * index:
            guard.shown(image, 0.1 * index)
    assert (guard.n_held > 0) is held


def test_saturated_red_counts_where_its_luminance_hardly_changes() -> None:
    red, grey = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 108, np.uint8)
    red[..., 0] = 220
    luminance = [((image / 255) ** 2.2 @ [0.2126, 0.7152, 0.0722])[0, 0] for image in (red, grey)]
    assert abs(luminance[0] - luminance[1]) < 0.03
    guard = FlashGuard()
    guard.shown(grey, -2.0)
    painted = _play(guard, [(0.1 * index, (red, grey)[index % 2]) for index in range(10)])
    assert [at_s for at_s, image in painted if image is red] == pytest.approx([0.0, 0.2, 0.4])
    assert guard.n_held == 2


def test_changes_among_bright_states_and_small_ones_are_no_flashes() -> None:
    guard = FlashGuard()
    bright = np.full((64, 64, 3), 232, np.uint8)  # relative luminance 0.81
    slightly = np.full((64, 64, 3), 150, np.uint8)  # 0.09 above mid grey
    for pair, start_s in (((GREY, slightly), 0.0), ((bright, WHITE), 10.0)):
        assert len(_play(guard, [(start_s + 0.05 * index, pair[index % 2]) for index in range(40)])) == 40
    assert guard.n_held == 0


def test_a_slow_rise_in_small_steps_is_one_change() -> None:
    guard = FlashGuard()
    ramp = [np.full((8, 8, 3), level, np.uint8) for level in (*range(128, 256, 8), *range(255, 0, -8))]
    assert len(_play(guard, [(0.01 * index, image) for index, image in enumerate(ramp)])) == len(ramp)


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (33, 100)])
def test_pictures_of_any_size_are_judged_alike(shape: tuple[int, int]) -> None:
    guard = FlashGuard()
    white, black = (np.full((*shape, 3), level, np.uint8) for level in (255, 0))
    painted = _play(guard, [(0.1 * index, (black, white)[index % 2]) for index in range(10)])
    assert [at_s for at_s, image in painted if image is black] == pytest.approx([0.0, 0.2, 0.4])


def test_a_held_picture_may_appear_when_it_was_said() -> None:
    guard = FlashGuard()
    for index in range(6):
        guard.shown((BLACK, WHITE)[index % 2], 0.1 * index)
    allowed = guard.earliest(BLACK, 0.6)
    assert allowed == pytest.approx(1.0)  # the first change was at 0
    assert guard.earliest(BLACK, allowed) == allowed
    assert guard.earliest(WHITE, 0.6) == 0.6  # what is on show already changes nothing


def test_a_frame_of_64_pixels_costs_less_than_a_millisecond() -> None:
    guard, rng = FlashGuard(), np.random.default_rng(1)
    frames = rng.integers(0, 256, (20, 64, 64, 3), np.uint8)
    costs = []
    for index, frame in enumerate(frames):
        before = time.perf_counter()
        guard.earliest(frame, float(index))
        guard.shown(frame, float(index))
        costs.append(time.perf_counter() - before)
    assert np.median(costs) < 1e-3
