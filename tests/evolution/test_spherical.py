"""Search on a sphere: geometry, schedule, and what the centre is for."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.evolution.space import SearchSpace
from bci_app.evolution.spherical import SphericalCMA, travel, unit


def angles_deg(centre: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip(unit(others.astype(float)) @ unit(centre.astype(float)), -1, 1)))


def test_every_code_has_the_radius_in_units_of_the_prior() -> None:
    space = SearchSpace(50)
    optimiser = SphericalCMA(radius=4.6875)
    state = optimiser.start(space, 0)
    for _ in range(4):
        np.testing.assert_allclose(np.linalg.norm(state.codes, axis=1), 4.6875 * np.sqrt(50), rtol=1e-5)
        state = optimiser.tell(state, state.codes[:, 0])
    np.testing.assert_allclose(np.linalg.norm(optimiser.estimate(state)), 4.6875 * np.sqrt(50), rtol=1e-5)


def test_samples_lie_at_the_angle_of_their_generation_round_the_centre() -> None:
    space = SearchSpace(4096)
    optimiser = SphericalCMA(n_generations=5)
    state = optimiser.tell(optimiser.start(space, 0), np.arange(40.0))
    for generation in (1, 2, 3):
        found = angles_deg(state.codes[0], state.codes[1:])
        expected = optimiser.angle_deg(generation)
        assert found.mean() == pytest.approx(expected, rel=0.01)
        assert found.std() < 5 * expected / np.sqrt(2 * 4096)
        state = optimiser.tell(state, np.arange(40.0))


def test_angle_falls_in_equal_ratios_and_then_stays() -> None:
    angles = [SphericalCMA().angle_deg(generation) for generation in range(1, 80)]
    assert angles[0] == pytest.approx(50, rel=1e-12)
    assert angles[74] == pytest.approx(7.33, rel=1e-12)
    assert angles[75:] == [angles[74]] * 4
    np.testing.assert_allclose(np.diff(np.log(angles[:75])), np.log(7.33 / 50) / 74, rtol=1e-9)


def test_inverse_angle_is_the_published_formula() -> None:
    inverse = SphericalCMA(decay="inverse")
    assert inverse.angle_deg(1) == pytest.approx(15 + 1 / 0.0163, rel=1e-12)
    assert inverse.angle_deg(75) == pytest.approx(15 + 1 / (0.0017 * 75 + 0.0146), rel=1e-12)
    assert inverse.angle_deg(200) == inverse.angle_deg(75)


def test_a_single_generation_has_the_first_angle() -> None:
    assert SphericalCMA(n_generations=1).angle_deg(9) == pytest.approx(50, rel=1e-12)


@pytest.mark.parametrize("step", [0.0, 0.5, 1.0, 1.5])
def test_travel_goes_the_share_of_the_angle_along_the_great_circle(step: float) -> None:
    start, goal = np.random.default_rng(0).standard_normal((2, 30))
    reached = travel(start, goal, step)
    whole = angles_deg(start, goal[None])[0]
    assert np.linalg.norm(reached) == pytest.approx(1, rel=1e-12)
    assert angles_deg(start, reached[None])[0] == pytest.approx(step * whole, abs=1e-5)
    assert angles_deg(goal, reached[None])[0] == pytest.approx(abs(1 - step) * whole, abs=1e-5)


def test_travel_to_where_one_is_stays_there() -> None:
    np.testing.assert_allclose(travel(np.array([0.0, 2.0]), np.array([0.0, 5.0]), 1.5), [0, 1])


def test_the_first_centre_is_the_weighted_mean_on_the_sphere() -> None:
    optimiser = SphericalCMA(population=4)
    state = optimiser.start(SearchSpace(9), 0)
    following = optimiser.tell(state, np.array([0.0, 3.0, 1.0, 2.0]))
    raw = np.array([np.log(2.5), np.log(2.5) - np.log(2)])
    mean = raw @ state.codes[[1, 3]]
    np.testing.assert_allclose(following.codes[0], 3 * unit(mean), rtol=1e-5)


def test_a_later_centre_goes_beyond_the_weighted_mean_of_the_samples_and_its_own_score_does_not_count() -> None:
    optimiser = SphericalCMA(population=5)
    state = optimiser.tell(optimiser.start(SearchSpace(9), 0), np.arange(5.0))
    for own_score in (-100.0, 100.0, np.nan):
        following = optimiser.tell(state, np.array([own_score, 0, 3, 1, 2]))
        raw = np.array([np.log(2.5), np.log(2.5) - np.log(2)])
        centre = travel(state.codes[0], raw @ state.codes[[2, 4]], 1.5)
        np.testing.assert_allclose(following.codes[0], 3 * centre, rtol=1e-5)


def test_search_begins_round_the_codes_it_is_given() -> None:
    space = SearchSpace(400)
    first = 1 + space.sample(np.random.default_rng(0), 6)
    optimiser = SphericalCMA()
    codes = optimiser.start(space, 0, first).codes
    np.testing.assert_allclose(codes[0], 20 * unit(first.mean(axis=0)), rtol=1e-5)
    assert angles_deg(codes[0], codes[1:]).mean() == pytest.approx(50, rel=0.05)


def test_codes_that_point_nowhere_are_refused() -> None:
    with pytest.raises(SettingsError, match="their mean is 0"):
        SphericalCMA().start(SearchSpace(3), 0, np.zeros((2, 3), np.float32))


def test_a_space_without_a_sphere_is_refused() -> None:
    with pytest.raises(SettingsError, match="this space has 1"):
        SphericalCMA().start(SearchSpace(1), 0)
