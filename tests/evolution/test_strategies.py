"""The covariance strategies against the library used directly."""

from __future__ import annotations

from typing import Any

import cmaes
import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.evolution.space import SearchSpace
from bci_app.evolution.state import State
from bci_app.evolution.strategies import DiagonalCMA, FullCMA

DIM = 7
SPACE = SearchSpace(DIM)


def score(codes: np.ndarray) -> np.ndarray:
    return np.asarray(-((codes - 1) ** 2) @ np.arange(1.0, DIM + 1))


@pytest.mark.parametrize(("optimiser", "library"), [(DiagonalCMA(), cmaes.SepCMA), (FullCMA(), cmaes.CMA)])
def test_codes_are_those_of_the_library_used_directly(optimiser: DiagonalCMA | FullCMA, library: Any) -> None:
    state = optimiser.start(SPACE, 5)
    direct = library(np.zeros(DIM), 1.0, population_size=40)
    for _ in range(30):
        direct.reseed_rng(int(state.random().integers(2**32)))
        codes = np.stack([direct.ask() for _ in range(40)]).astype(np.float32)
        np.testing.assert_array_equal(state.codes, codes)
        scores = score(codes)
        direct.tell([(code.astype(np.float64), -each) for code, each in zip(codes, scores, strict=True)])
        state = optimiser.tell(state, scores)
    np.testing.assert_array_equal(optimiser.estimate(state), direct.mean.astype(np.float32))
    assert np.abs(direct.mean - 1).max() < 0.05


@pytest.mark.parametrize("optimiser", [DiagonalCMA(), FullCMA()])
def test_only_what_a_fresh_object_does_not_hold_is_kept(optimiser: DiagonalCMA | FullCMA) -> None:
    state = optimiser.tell(optimiser.start(SPACE, 0), np.arange(40.0))
    assert set(state.numbers) == {"_g", "_sigma"}
    assert sum(array.size for array in state.arrays.values()) <= 3 * DIM + DIM * (DIM + 1) // 2


@pytest.mark.parametrize("optimiser", [DiagonalCMA(sigma=0.01), FullCMA(sigma=0.01)])
def test_the_search_begins_round_the_mean_of_the_codes_it_is_given(optimiser: DiagonalCMA | FullCMA) -> None:
    first = 2 + SPACE.sample(np.random.default_rng(0), 9)
    state = optimiser.start(SPACE, 0, first)
    np.testing.assert_allclose(state.codes, np.broadcast_to(first.mean(axis=0), (40, DIM)), atol=0.06)
    np.testing.assert_allclose(optimiser.estimate(state), first.mean(axis=0), rtol=1e-5)


def test_the_first_generation_has_the_spread_asked_for() -> None:
    codes = DiagonalCMA(population=1000, sigma=2).start(SPACE, 0).codes
    assert codes.std() == pytest.approx(2, rel=5 / np.sqrt(2 * codes.size))


def test_a_full_covariance_is_refused_where_it_is_not_affordable() -> None:
    with pytest.raises(SettingsError, match="2 to 1000 numbers; this space has 1001"):
        FullCMA().start(SearchSpace(1001), 0)


@pytest.mark.parametrize("optimiser", [DiagonalCMA(), FullCMA()])
def test_a_space_of_one_dimension_is_refused(optimiser: DiagonalCMA | FullCMA) -> None:
    with pytest.raises(SettingsError, match="this space has 1"):
        optimiser.start(SearchSpace(1), 0)


def test_codes_are_told_as_they_were_shown_so_the_mean_stays_inside_the_truncation() -> None:
    optimiser = DiagonalCMA()
    state: State = optimiser.start(SearchSpace(DIM, truncation=0.5), 0)
    for _ in range(20):
        state = optimiser.tell(state, state.codes.sum(axis=1))
    assert 0.45 < optimiser.estimate(state).mean() <= 0.5
