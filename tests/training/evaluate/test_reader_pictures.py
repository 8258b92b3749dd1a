"""Pictures of readings: the right trials in the right rows, and scores by pixels of known readings."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from tests.training.evaluate.conftest import DIM, World
from tests.training.evaluate.reader_world import made_reading
from training.evaluate.reader_pictures import beside, picture_scores
from training.evaluate.reader_reading import Reading
from training.evaluate.reader_scores import PAIRWISE, per_trial


def _shown(world: World, n: int = 30, extra: int = 20, noise: float = 0.0) -> tuple[Reading, dict[str, np.ndarray]]:
    """Readings of `n` pictures, and these and `extra` training pictures by id."""
    rng = np.random.default_rng(1)
    latents = rng.normal(size=(n + extra, DIM)).astype(np.float32)
    images = {f"p{each}": np.repeat(image, 3, axis=2) for each, image in enumerate(world.generate(latents))}
    target = latents[:n]
    real = target + noise * rng.normal(size=target.shape)
    return made_reading(target, real, pictures=tuple(images)[:n]), images


def _generate(world: World):  # type: ignore[no-untyped-def]
    return lambda latents: np.repeat(world.generate(latents), 3, axis=3)


def test_rows_and_columns_hold_what_they_say(world: World) -> None:
    reading, images = _shown(world, noise=2.0)
    generate = _generate(world)
    found = beside({"one": (reading, generate), "two": (reading, generate)}, images, n_random=7)
    assert found.rows[0] == "shown"
    assert len(found.rows) == 1 + 2 * 4
    assert [row.split(":")[0] for row in found.rows[1:]] == ["one"] * 4 + ["two"] * 4
    assert (len(found.random), found.n) == (7, 30)
    identified = per_trial(PAIRWISE, reading)
    for column in (*found.random, *found.marked):
        place = column.trial
        assert column.identified == pytest.approx(identified[place])
        np.testing.assert_array_equal(column.cells[0], images[reading.pictures[place]])
        for cell, key in zip(column.cells[1:5], ("target", "real", "noise", "shuffled"), strict=True):
            np.testing.assert_array_equal(cell, generate(getattr(reading, key)[place : place + 1])[0])
    assert [column.why for column in found.marked] == ["best"] * 3 + ["median"] * 3 + ["worst"] * 3
    ranked = np.sort(identified)[::-1]
    np.testing.assert_allclose([each.identified for each in found.marked], ranked[[0, 1, 2, 13, 14, 15, 27, 28, 29]])


def test_the_random_choice_is_drawn_from_all_and_not_by_rank(world: World) -> None:
    reading, images = _shown(world, noise=2.0)
    drawn = [
        column.identified
        for seed in range(40)
        for column in beside({"g": (reading, _generate(world))}, images, n_random=6, seed=seed).random
    ]
    everything = per_trial(PAIRWISE, reading)
    assert np.mean(drawn) == pytest.approx(everything.mean(), abs=4 * everything.std() / np.sqrt(len(drawn)))


def test_perfect_readings_draw_the_pictures_and_noise_does_not(world: World) -> None:
    reading, images = _shown(world)
    correlation, pairwise = (each.score for each in picture_scores(reading, _generate(world), images, "tiny"))
    assert correlation.value == pytest.approx(1, abs=1e-3)
    assert pairwise.value == 1
    assert correlation.noise_input == pytest.approx(0, abs=0.2)
    assert pairwise.noise_input == pytest.approx(0.5, abs=0.15)
    assert pairwise.name == "pairwise identification by pixels (tiny; 1.000 from the shown latents), single trials"


def test_the_mean_picture_is_that_of_pictures_not_tested_on(world: World) -> None:
    reading, images = _shown(world, n=10, extra=2)
    bright = {key: np.full_like(image, 200) if int(key[1:]) >= 10 else image for key, image in images.items()}
    silent = made_reading(reading.target, 0 * reading.target, pictures=reading.pictures)
    found = picture_scores(silent, _generate(world), bright)[1].score
    assert found.value == pytest.approx(0.5), "one and the same picture is no reading"
    with pytest.raises(SettingsError, match="no picture but those of the test trials"):
        picture_scores(reading, _generate(world), {key: images[key] for key in reading.pictures})


def test_pictures_of_any_size_are_shown_small(world: World) -> None:
    reading, images = _shown(world, n=4, extra=4)
    large = {key: np.kron(image, np.ones((20, 30, 1), np.uint8)) for key, image in images.items()}  # 320 x 480
    found = beside({"g": (reading, _generate(world))}, large, n_random=2)
    assert found.random[0].cells[0].shape == (64, 96, 3)
    assert len(picture_scores(reading, _generate(world), large)) == 2


def test_trials_without_a_picture_are_left_out_and_none_is_refused(world: World) -> None:
    reading, images = _shown(world, n=10, extra=4)
    some = {key: image for key, image in images.items() if key not in ("p0", "p1")}
    found = beside({"g": (reading, _generate(world))}, some, n_random=10)
    assert {column.trial for column in found.random} == set(range(2, 10))
    with pytest.raises(SettingsError, match="none of those of the test trials is at hand"):
        beside({"g": (reading, _generate(world))}, {})


def test_generators_are_compared_on_the_same_trials(world: World) -> None:
    reading, images = _shown(world)
    other = reading.take(np.arange(29, -1, -1))
    with pytest.raises(SettingsError, match="on the same trials"):
        beside({"one": (reading, _generate(world)), "two": (other, _generate(world))}, images)
