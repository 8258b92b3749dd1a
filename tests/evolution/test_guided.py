"""The program's own optimiser."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.evolution.genetic import Genetic
from bci_app.evolution.guided import Guided
from bci_app.evolution.optimiser import Optimiser
from bci_app.evolution.space import SearchSpace
from bci_app.evolution.state import State

SPACE = SearchSpace(30)
TOWARDS = np.random.default_rng(3).standard_normal(30)


def likeness(codes: np.ndarray) -> np.ndarray:
    """Cosine with a hidden direction, whatever the radius."""
    return codes @ TOWARDS / np.linalg.norm(codes, axis=-1) / np.linalg.norm(TOWARDS)


def evolved(optimiser: Optimiser, n_generations: int, noise: float = 0.0, seed: int = 0) -> State:
    state, rng = optimiser.start(SPACE, seed), np.random.default_rng(seed)
    for _ in range(n_generations):
        state = optimiser.tell(state, likeness(state.codes) + noise * rng.standard_normal(len(state.codes)))
    return state


def test_the_angle_falls_from_the_first_to_the_last_and_stays() -> None:
    guided = Guided(n_generations=11, last_angle_deg=5)
    degrees = [math.degrees(guided.angle(generation)) for generation in (0, 5, 10, 50)]
    assert degrees == pytest.approx([60, math.sqrt(60 * 5), 5, 5])


@pytest.mark.parametrize(("n_generations", "last"), [(20, 15), (80, 7.5), (2, 15 * math.sqrt(10))])
def test_the_last_angle_is_narrower_the_more_generations_there_are(n_generations: int, last: float) -> None:
    guided = Guided(n_generations=n_generations)
    assert math.degrees(guided.angle(n_generations - 1)) == pytest.approx(last)


def test_the_first_picture_of_a_generation_is_the_estimate() -> None:
    guided = Guided(n_generations=5)
    state = evolved(guided, 3)
    np.testing.assert_allclose(state.codes[0], guided.estimate(state), rtol=1e-5)


def test_pictures_lie_off_the_centre_by_the_angle_of_their_generation() -> None:
    state = evolved(Guided(n_generations=5), 3)
    directions = state.codes / np.linalg.norm(state.codes, axis=1, keepdims=True)
    angle = np.arccos(np.clip(directions[1:] @ directions[0], -1, 1))
    narrow, wide = Guided(n_generations=5).angle(3), Guided(n_generations=5).angle(3) * math.hypot(1.6, 0.6)
    assert angle.min() > 0.4 * narrow
    assert angle.max() < wide


def test_it_holds_no_more_pictures_than_its_archive_and_the_newest_generation() -> None:
    guided = Guided(population=8, archive=20, n_generations=6)
    state = evolved(guided, 6)
    assert len(state.arrays["scores"]) == 16  # whole generations leave
    assert state.arrays["gram"].shape == (16, 16)
    assert sorted(name for name in state.arrays if name.startswith("directions")) == [
        "directions_000004",
        "directions_000005",
    ]


def test_a_picture_without_a_score_is_not_learnt_from() -> None:
    guided = Guided(population=6, n_generations=4)
    state = guided.start(SPACE, 0)
    scores = likeness(state.codes)
    scores[[1, 4]] = np.nan
    after = guided.tell(state, scores)
    np.testing.assert_array_equal(after.arrays["scores"], scores[[0, 2, 3, 5]])


def test_no_radius_leaves_the_furthest_nor_a_code_the_truncation() -> None:
    guided = Guided(population=10, n_generations=4, furthest=2.0)
    state = guided.start(SPACE, 1)
    for _ in range(6):
        state = guided.tell(state, np.linalg.norm(state.codes, axis=1).astype(float))  # the further the better
    assert np.linalg.norm(state.codes, axis=1).max() <= 2.0 * SPACE.norm * (1 + 1e-5)
    tight = SearchSpace(30, truncation=0.5)
    state = guided.tell(guided.start(tight, 1), np.arange(10.0))
    assert np.abs(state.codes).max() <= 0.5


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_it_comes_nearer_to_a_hidden_direction_than_the_genetic_algorithm(noise: float) -> None:
    ours = [
        likeness(Guided(n_generations=15).estimate(evolved(Guided(n_generations=15), 15, noise, s))) for s in range(8)
    ]
    theirs = [likeness(Genetic().estimate(evolved(Genetic(), 15, noise, s))) for s in range(8)]
    assert np.mean(ours) > np.mean(theirs) + 0.05


def test_an_evolution_from_no_codes_at_all_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least one code"):
        Guided().start(SPACE, 0, first=np.empty((0, 30), np.float32))
