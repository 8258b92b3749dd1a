"""What holds for every optimiser, those that are added later among them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError, SignalError
from bci_app.evolution.optimiser import Optimiser, RandomSearch
from bci_app.evolution.optimisers import AnyOptimiser, read_optimiser
from bci_app.evolution.space import SearchSpace
from bci_app.evolution.state import State

KINDS: dict[str, type[Optimiser]] = {
    each.model_fields["kind"].default: each for each in get_args(get_args(AnyOptimiser)[0])
}
SEARCHING = [each for each in KINDS if each != "random"]
DIM = 16
SPACE = SearchSpace(DIM, truncation=2.0)
WEIGHTS = np.random.default_rng(7).standard_normal(DIM)
TARGET = np.clip(1.2 * np.sqrt(DIM) * WEIGHTS / np.linalg.norm(WEIGHTS), -1.9, 1.9)


@pytest.fixture(params=KINDS)
def optimiser(request: pytest.FixtureRequest) -> Optimiser:
    return KINDS[request.param]()


def linear(codes: np.ndarray) -> np.ndarray:
    return np.asarray(codes @ WEIGHTS)


def quadratic(codes: np.ndarray) -> np.ndarray:
    return np.asarray(-((codes - TARGET) ** 2).sum(axis=-1))


def some_missing(state: State) -> np.ndarray:
    """Linear scores with noise, of which a fifth are missing; a function of the state's generation alone."""
    rng = np.random.default_rng(state.generation)
    scores = linear(state.codes) + rng.standard_normal(len(state.codes))
    scores[1:][rng.random(len(scores) - 1) < 0.2] = np.nan
    return scores


def after(optimiser: Optimiser, n_generations: int, score: Any, seed: int = 0, space: SearchSpace = SPACE) -> State:
    state = optimiser.start(space, seed)
    for _ in range(n_generations):
        state = optimiser.tell(state, score(optimiser.ask(state)))
    return state


def copied(state: State) -> State:
    """What is read after it was written: nothing of the old one is shared."""
    best = state.best and replace(state.best, code=state.best.code.copy())
    settings = json.loads(json.dumps(dict(state.optimiser)))
    arrays = {name: array.copy() for name, array in state.arrays.items()}
    numbers = json.loads(json.dumps(dict(state.numbers)))
    return State(settings, state.space, state.seed, state.generation, state.codes.copy(), best, arrays, numbers)


def assert_same(one: State, other: State) -> None:
    np.testing.assert_array_equal(one.codes, other.codes)
    assert one.generation == other.generation
    assert dict(one.numbers) == dict(other.numbers)
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name])
    assert (one.best is None) == (other.best is None)
    if one.best is not None and other.best is not None:
        np.testing.assert_array_equal(one.best.code, other.best.code)
        assert (one.best.score, one.best.generation, one.best.index) == (
            other.best.score,
            other.best.generation,
            other.best.index,
        )


def test_codes_are_as_many_as_the_population_single_precision_finite_and_inside_the_truncation(
    optimiser: Optimiser,
) -> None:
    state = optimiser.start(SPACE, 0)
    for generation in range(8):
        assert state.generation == generation
        codes = optimiser.ask(state)
        assert codes.shape == (optimiser.population, DIM)
        assert codes.dtype == np.float32
        assert np.isfinite(codes).all()
        assert np.abs(codes).max() <= SPACE.truncation
        state = optimiser.tell(state, some_missing(state))


def test_an_evolution_stopped_and_resumed_is_the_same_to_the_bit(optimiser: Optimiser) -> None:
    whole = resumed = optimiser.start(SPACE, 3)
    for generation in range(9):
        if generation % 3 == 1:
            resumed = copied(resumed)
        whole = optimiser.tell(whole, some_missing(whole))
        resumed = read_optimiser(resumed.optimiser).tell(resumed, some_missing(resumed))
        assert_same(whole, resumed)
        np.testing.assert_array_equal(optimiser.estimate(whole), optimiser.estimate(resumed))


def test_telling_leaves_the_state_it_is_told_of_as_it_was(optimiser: Optimiser) -> None:
    state = after(optimiser, 3, linear)
    before = copied(state)
    first = optimiser.tell(state, some_missing(state))
    assert_same(state, before)
    assert_same(first, optimiser.tell(state, some_missing(state)))


def test_equal_seeds_give_equal_codes_and_others_different_ones(optimiser: Optimiser) -> None:
    one, same, other = (after(optimiser, 3, linear, seed, SearchSpace(DIM)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.codes, same.codes)
    assert not np.isin(one.codes, other.codes).all(axis=1).any()


def test_no_two_generations_draw_the_same_numbers(optimiser: Optimiser) -> None:
    space = SearchSpace(100)
    first = after(optimiser, 2, lambda codes: np.zeros(len(codes)), space=space)
    second = optimiser.tell(first, np.zeros(optimiser.population))
    steps = [each.codes - each.codes.mean(axis=0) for each in (first, second)]
    likeness = [abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(*steps, strict=True)]
    assert max(likeness[1:]) < 0.95


def test_the_best_is_the_highest_score_ever_told_with_its_code(optimiser: Optimiser) -> None:
    state = optimiser.start(SPACE, 0)
    told = []
    for _ in range(6):
        scores = some_missing(state)
        told += list(zip(scores, state.codes, strict=True))
        state = optimiser.tell(state, scores)
    score, code = max((pair for pair in told if not np.isnan(pair[0])), key=lambda pair: pair[0])
    assert state.best is not None
    assert state.best.score == score
    np.testing.assert_array_equal(state.best.code, code)
    assert told[state.best.generation * optimiser.population + state.best.index][0] == score


def test_a_constant_response_breaks_nothing(optimiser: Optimiser) -> None:
    state = after(optimiser, 12, lambda codes: np.full(len(codes), 5.0))
    assert np.isfinite(state.codes).all()
    assert np.isfinite(optimiser.estimate(state)).all()


@pytest.mark.parametrize("index", [0, 2])
def test_a_single_score_that_came_is_enough(optimiser: Optimiser, index: int) -> None:
    state = after(optimiser, 1, quadratic)
    scores = np.full(optimiser.population, np.nan)
    scores[index] = 3.0
    following = optimiser.tell(state, scores)
    assert following.best is not None
    assert (following.best.index, following.best.generation) == (index, 1)
    assert np.isfinite(following.codes).all()


def test_an_estimate_may_be_asked_for_before_the_first_scores(optimiser: Optimiser) -> None:
    estimate = optimiser.estimate(optimiser.start(SPACE, 0))
    assert estimate.shape == (DIM,)
    assert estimate.dtype == np.float32
    assert np.isfinite(estimate).all()


@pytest.mark.parametrize("score", [linear, quadratic])
@pytest.mark.parametrize("kind", SEARCHING)
def test_every_optimiser_hands_over_a_better_code_than_random_search(kind: str, score: Any) -> None:
    n_evaluations = 800
    scores = {}
    for each in (KINDS[kind](), RandomSearch(population=40)):
        ends = [after(each, n_evaluations // each.population, score, seed) for seed in range(3)]
        scores[each.kind] = np.mean([score(each.estimate(end)) for end in ends])
    assert scores[kind] > scores["random"]


def test_no_score_at_all_is_refused(optimiser: Optimiser) -> None:
    state = optimiser.start(SPACE, 0)
    with pytest.raises(SignalError, match="needs a score; none has one"):
        optimiser.tell(state, np.full(optimiser.population, np.nan))


def test_an_infinite_score_is_refused(optimiser: Optimiser) -> None:
    scores = np.zeros(optimiser.population)
    scores[1] = np.inf
    with pytest.raises(SignalError, match="one is infinite"):
        optimiser.tell(optimiser.start(SPACE, 0), scores)


def test_a_score_too_few_is_refused(optimiser: Optimiser) -> None:
    with pytest.raises(SignalError, match="The scores of a generation must have the shape"):
        optimiser.tell(optimiser.start(SPACE, 0), np.zeros(optimiser.population - 1))


def test_the_state_of_another_optimiser_is_refused(optimiser: Optimiser) -> None:
    foreign = type(optimiser)(population=optimiser.population + 1).start(SPACE, 0)
    with pytest.raises(SettingsError, match="must be one of this optimiser"):
        optimiser.tell(foreign, np.zeros(optimiser.population + 1))


def test_codes_of_another_space_to_begin_with_are_refused(optimiser: Optimiser) -> None:
    with pytest.raises(SignalError, match="The codes to begin with"):
        optimiser.start(SPACE, 0, np.zeros((3, DIM + 1), np.float32))


def test_every_optimiser_is_read_back_from_its_settings(optimiser: Optimiser) -> None:
    assert read_optimiser(optimiser.model_dump(mode="json")) == optimiser


@pytest.mark.parametrize("settings", [{"kind": "simulated-annealing"}, {"kind": "genetic", "populaton": 9}, {}])
def test_settings_of_no_optimiser_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="described by its settings"):
        read_optimiser(settings)
