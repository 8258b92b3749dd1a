"""One call measures everything, in parts that fit in memory, the same for the same random state."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bci_app.contract.errors import PictureError
from tests.training.evaluate.conftest import DIM, World
from training.data.images import Pictures
from training.evaluate import gan_scores
from training.evaluate.gan_pictures import draw_pictures, mosaic, n_columns
from training.evaluate.gan_scores import Amounts, GanScores, evaluate_gan, write_figures
from training.evaluate.sample_scores import Neighbours

AMOUNTS = Amounts(samples=120, identified=40, copies=40, diversity=60, resamples=3, probe=200)


def _scores(world: World, seed: int = 0) -> GanScores:
    return evaluate_gan(
        world.generate,
        world.encode,
        world.split,
        world.space,
        DIM,
        np.random.default_rng(seed),
        coded=lambda images: (world.encode(images), np.full((len(images), DIM), 0.1, np.float32)),
        untrained=lambda images: images[:, :3, 0, 0].astype(np.float32),
        amounts=AMOUNTS,
    )


def test_everything_is_measured_and_counted(world: World) -> None:
    found = _scores(world)
    assert (found.n_test, found.latent_dim, found.data) == (120, DIM, "a linear world")
    assert [row.n for row in found.samples] == [120, 120, 120, 120, 120, 30, 30, 40]
    assert {row.n for row in found.reconstructions} == {40}
    assert [row.n_train for row in found.probes] == [200] * 5
    assert found.probe_chance == pytest.approx(0.5, abs=0.1)
    assert sum(each.samples for each in found.classes) == pytest.approx(1)
    assert found.codes is not None
    assert found.prior is not None
    assert found.codes.n == found.prior.n == 120
    np.testing.assert_allclose(found.codes.noise_variances, 0.01, rtol=1e-5)
    assert found.codes.effective_dim == pytest.approx(found.prior.effective_dim, abs=0.7)


def test_codes_that_collapsed_are_seen_behind_an_encoder_that_whitens_them(world: World) -> None:
    """What the bundle reads is stretched to unit variance; the codes that the generator knows hardly vary."""

    def collapsed(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 1e-3 * world.encode(images), np.ones((len(images), DIM), np.float32)

    found = evaluate_gan(
        world.generate, world.encode, world.split, world.space, DIM, np.random.default_rng(0),
        coded=collapsed, amounts=AMOUNTS,
    )  # fmt: skip
    assert found.codes is not None
    assert found.codes.variances.max() < 1e-5
    assert found.codes.identified < 0.1
    np.testing.assert_allclose(found.codes.noise_variances, 1.0)


def test_truncation_draws_again_and_clipping_does_not_and_both_stand_beside_samples_of_all_latents(
    world: World,
) -> None:
    seen: list[np.ndarray] = []

    def keeps(latents: np.ndarray) -> np.ndarray:
        seen.append(latents)
        return world.generate(latents)

    def scored(**cut: float) -> GanScores:
        return evaluate_gan(
            keeps, None, world.split, world.space, DIM, np.random.default_rng(0), amounts=AMOUNTS, **cut
        )  # fmt: skip

    plain, both = scored(), scored(truncation=0.7, clipped=0.9)
    assert [row.name for row in both.samples[:5]] == [row.name for row in plain.samples[:5]]
    assert both.samples[0].value == plain.samples[0].value, "clipping leaves the uncut figures alone"
    truncated, clipped = both.samples[5:8], both.samples[8:11]
    assert all("truncated to |z| ≤ 0.7 by resampling" in row.name for row in truncated)
    assert all("clipped at 0.9 as the program does" in row.name for row in clipped)
    assert truncated[0].value > plain.samples[0].value
    assert truncated[1].value >= plain.samples[1].value, "precision"
    assert truncated[2].value < plain.samples[2].value - 0.1, "recall"
    at_edge = [float((np.abs(z) == np.float32(0.9)).mean()) for z in seen]
    assert max(at_edge) > 0.3
    assert both.thresholds == (2.0, 1.0, 0.7, 0.5)
    assert both.pictures.truncated.shape[0] == plain.pictures.truncated.shape[0] + 18


def test_reconstructions_are_drawn_as_the_program_draws_them(world: World) -> None:
    largest: list[float] = []

    def keeps(latents: np.ndarray) -> np.ndarray:
        largest.append(float(np.abs(latents).max()))
        return world.generate(latents)

    gan_scores._encoder_parts(
        gan_scores._clipping(keeps, 0.5),
        world.encode,
        world.split,
        world.space,
        np.random.default_rng(0),
        AMOUNTS,
        None,
    )
    assert max(largest) == 0.5


def test_no_side_is_searched_beyond_the_most(world: World) -> None:
    found = evaluate_gan(
        world.generate, world.encode, world.split, world.space, DIM, np.random.default_rng(0),
        amounts=replace(AMOUNTS, most=90, probe=None),
    )  # fmt: skip
    assert {(row.n_train, row.n_test) for row in found.probes} == {(90, 90)}
    assert found.n_test == 90


def test_the_same_random_state_gives_the_same_scores_and_another_gives_others(world: World) -> None:
    first, again, other = (_scores(world, seed) for seed in (0, 0, 1))
    assert json.dumps(first.figures()) == json.dumps(again.figures())
    np.testing.assert_array_equal(first.pictures.samples, again.pictures.samples)
    assert first.samples[0].value != other.samples[0].value


def test_a_generator_alone_is_scored_without_what_needs_an_encoder(world: World) -> None:
    split = replace(world.split, test=Pictures(world.split.test.images))
    found = evaluate_gan(
        world.generate, None, split, world.space, DIM, np.random.default_rng(0), amounts=replace(AMOUNTS, resamples=0)
    )
    assert (found.reconstructions, found.probes, found.codes) == ((), (), None)
    assert found.pictures.rebuilt is None
    assert len(found.samples) == 8


def test_more_than_the_test_side_holds_is_never_asked_for(world: World) -> None:
    few = Pictures(world.split.test.images[:30])
    split = replace(world.split, test=few)
    found = evaluate_gan(world.generate, world.encode, split, world.space, DIM, np.random.default_rng(0))
    assert found.n_test == 30
    assert found.reconstructions[2].name == "30-way identification by pixels"
    assert found.probes == ()


def test_too_few_pictures_are_refused(world: World) -> None:
    split = replace(world.split, test=Pictures(world.split.test.images[:5]))
    with pytest.raises(PictureError, match="at least 20 test pictures"):
        evaluate_gan(world.generate, None, split, world.space, DIM, np.random.default_rng(0))


def test_figures_are_written_as_plain_json(world: World, tmp_path: Path) -> None:
    found = json.loads(write_figures(tmp_path / "scores.json", _scores(world)).read_text())
    assert found["samples"][0]["real"] >= 0
    assert len(found["codes"]["variances"]) == DIM
    assert "pictures" not in found


def test_a_mosaic_places_each_picture_on_white() -> None:
    row = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((3, 2, 2, 1), np.uint8)
    grid = mosaic([row, row[:1]])
    assert grid.shape == (8, 12, 1)
    assert [grid[1, 1 + 4 * place, 0] for place in range(3)] == [0, 1, 2]
    assert (grid[5:7, 1:3, 0] == 0).all()
    assert (grid[4:, 4:] == 255).all()
    assert [n_columns(size) for size in (16, 32, 64, 128, 512)] == [15, 15, 15, 7, 4]


def test_columns_show_what_they_are_said_to_show(world: World) -> None:
    train, test = world.split.train.images, world.split.test.images
    beside = (test[:20], Neighbours(np.arange(60).reshape(20, 3), np.zeros((20, 3))))
    found = draw_pictures(world.generate, world.encode, world.split, DIM, np.random.default_rng(0), beside, beside)

    def tile(grid: np.ndarray, row: int, column: int) -> np.ndarray:
        return grid[18 * row + 1 : 18 * row + 17, 18 * column + 1 : 18 * column + 17]

    assert found.rebuilt is not None
    np.testing.assert_array_equal(tile(found.copies, 0, 4), test[4])
    np.testing.assert_array_equal(tile(found.copies, 2, 4), train[13])
    np.testing.assert_array_equal(tile(found.rebuilt, 3, 2), test[17])
    shown, rebuilt, noise = (tile(found.rebuilt, row, 5).astype(float) for row in range(3))
    assert np.abs(shown - rebuilt).mean() < 5 < np.abs(shown - noise).mean()
    whole, _, _, least = (tile(found.truncated, row, 0).astype(float) for row in range(4))
    assert np.abs(least - 128).mean() < 0.6 * np.abs(whole - 128).mean()
    assert np.corrcoef((whole - 128).ravel(), (least - 128).ravel())[0, 1] > 0.6
