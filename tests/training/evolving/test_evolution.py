"""An evolution climbs where scores point; with shuffled scores it does not, and noise never enters its figures."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.evolution.scoring import GaussianNoise, NoNoise
from bci_app.evolution.space import SearchSpace
from bci_app.evolution.spherical import SphericalCMA
from training.evolving.drawing import Drawing
from training.evolving.evolution import Course

DIM = 48
DIRECTION = np.random.default_rng(0).standard_normal(DIM) / np.sqrt(DIM)


def draw(codes: np.ndarray) -> np.ndarray:
    """Each number of a code is the grey of a pixel."""
    grey = np.clip(128 + 30 * codes, 0, 255).astype(np.uint8).reshape(-1, 3, 16, 1)
    return np.repeat(grey, 3, axis=3)


def respond(pictures: np.ndarray) -> np.ndarray:
    return (pictures[..., 0].reshape(len(pictures), -1) - 128.0) / 30 @ DIRECTION


DRAWING = Drawing("pixels", SearchSpace(DIM), draw)
OPTIMISER = SphericalCMA(population=20, n_generations=15)


def course(noise: GaussianNoise | NoNoise = NoNoise(), repeats: int = 1) -> Course:  # noqa: B008
    return Course(OPTIMISER, 15, noise, repeats)


def test_evolved_pictures_drive_a_unit_more_than_random_ones_and_shuffled_scores_do_not() -> None:
    made = {
        arm: np.array([course().run(respond, DRAWING, seed, arm).response for seed in range(6)])
        for arm in ("evolved", "random", "sham")
    }
    longest = np.sqrt(DIM) * np.linalg.norm(DIRECTION)  # of all codes of that norm
    assert (made["evolved"] > 0.9 * longest).all()
    assert made["evolved"].min() > made["random"].max()
    assert np.abs(made["sham"].mean()) < 0.5 * longest


def test_figures_are_those_of_responses_without_noise() -> None:
    made = course(GaussianNoise(sd=0.5), repeats=3).run(respond, DRAWING, 0, "evolved")
    assert made.response == pytest.approx(float(respond(draw(made.code[None]))[0]))
    np.testing.assert_array_equal(made.picture, draw(made.code[None])[0])
    assert made.mean.shape == made.top.shape == (15,)
    assert (made.top >= made.mean).all()
    assert made.top.max() <= np.abs(DIRECTION).sum() * 128 / 30  # noise would go beyond what any picture gives


def test_the_first_generation_of_an_evolution_and_its_sham_is_the_same_and_a_seed_gives_the_same_again() -> None:
    evolved, again, sham = (course().run(respond, DRAWING, 3, arm) for arm in ("evolved", "evolved", "sham"))
    assert evolved.mean[0] == sham.mean[0]
    np.testing.assert_array_equal(evolved.code, again.code)
    assert not np.array_equal(evolved.code, sham.code)
