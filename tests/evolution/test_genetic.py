"""The genetic algorithm: what goes on unchanged, what is expected of children, and the algorithm as it is described."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.evolution.genetic import XDREAM_2019, Genetic
from bci_app.evolution.operators import temperature
from bci_app.evolution.space import SearchSpace
from tests.evolution import xdream

SPACE = SearchSpace(8)


def same_codes(some: np.ndarray, among: np.ndarray) -> np.ndarray:
    """For each of `some`, how many `among` equal it."""
    return (some[:, None] == among).all(axis=2).sum(axis=1)


def test_the_best_go_on_unchanged_and_the_rest_are_children() -> None:
    genetic = Genetic(n_conserve=3)
    state = genetic.start(SPACE, 0)
    scores = np.random.default_rng(0).permutation(20.0 * np.arange(20) / 20)
    following = genetic.tell(state, scores)
    np.testing.assert_array_equal(following.codes[:3], state.codes[np.argsort(-scores)[:3]])
    assert same_codes(following.codes, state.codes).tolist() == [1] * 3 + [0] * 17


@pytest.mark.parametrize("n_missing", [1, 12, 19])
def test_codes_without_a_score_are_carried_over_unchanged_beside_the_conserved(n_missing: int) -> None:
    genetic = Genetic(n_conserve=5)
    state = genetic.start(SPACE, 0)
    scores = np.arange(20.0)
    scores[:n_missing] = np.nan
    following = genetic.tell(state, scores)
    n_conserved = min(5, 20 - n_missing)
    assert same_codes(state.codes, following.codes).tolist() == (
        [1] * n_missing + [0] * (20 - n_missing - n_conserved) + [1] * n_conserved
    )
    assert len(following.codes) == 20


def test_children_scatter_round_the_expected_child_as_mutation_says() -> None:
    genetic = Genetic(population=1000, mutation_rate=0.5, mutation_size=0.5)
    state = genetic.start(SPACE, 1)
    following = genetic.tell(state, state.codes.sum(axis=1))
    estimate = genetic.estimate(following)
    error = following.codes.std(axis=0) / np.sqrt(1000)
    assert (np.abs(following.codes.mean(axis=0) - estimate) < 5 * error).all()


def test_without_mutation_every_gene_was_there_before() -> None:
    genetic = Genetic(mutation_rate=0)
    state = genetic.start(SPACE, 2)
    following = genetic.tell(state, state.codes[:, 0])
    assert all(np.isin(following.codes[:, gene], state.codes[:, gene]).all() for gene in range(SPACE.dim))


def test_the_best_is_the_response_as_it_came_and_not_as_it_was_clipped() -> None:
    genetic = Genetic()
    scores = np.zeros(20)
    scores[4] = 100
    best = genetic.tell(genetic.start(SPACE, 0), scores).best
    assert best is not None
    assert (best.score, best.index) == (100, 4)


def test_an_outlier_is_chosen_less_often_when_it_is_clipped() -> None:
    scores = np.arange(20.0)
    scores[0] = 1000
    shares = []
    for percentile in (95.0, 100.0):
        genetic = Genetic(population=20, mutation_rate=0, clip_percentile=percentile)
        state = genetic.start(SPACE, 0)
        following = genetic.tell(state, scores)
        shares.append((following.codes == state.codes[0]).mean())
    assert shares[0] < shares[1]


def test_the_settings_of_2019_select_four_times_less_strongly_and_do_not_clip() -> None:
    scores = np.arange(40.0)
    assert temperature(scores, XDREAM_2019.selectivity) == pytest.approx(2 * scores.std(), rel=1e-12)
    assert temperature(scores, Genetic().selectivity) == pytest.approx(scores.std() / 2, rel=1e-12)
    assert XDREAM_2019.clip_percentile == 100


def test_codes_to_begin_with_are_taken_as_they_are_and_filled_up_with_children() -> None:
    first = SPACE.sample(np.random.default_rng(3), 4)
    codes = Genetic().start(SPACE, 0, first).codes
    assert same_codes(first, codes).tolist() == [1] * 4
    assert len(codes) == 20


def test_of_too_many_codes_to_begin_with_some_are_drawn() -> None:
    first = SPACE.sample(np.random.default_rng(3), 50)
    codes = Genetic().start(SPACE, 0, first).codes
    assert same_codes(first, codes).sum() == len(codes) == 20


def test_conserving_everybody_is_refused() -> None:
    with pytest.raises(SettingsError, match="less than the population"):
        Genetic(population=10, n_conserve=10)


def quadratic(codes: np.ndarray) -> np.ndarray:
    return np.asarray(-((codes - 3) ** 2).mean(axis=1))


def highest(genetic: Genetic, seed: int, n_generations: int) -> float:
    """Highest score of the last generation; every tenth score is missing."""
    rng = np.random.default_rng(1000 + seed)
    state = genetic.start(SPACE, seed)
    for _ in range(n_generations):
        scores = np.where(rng.random(20) < 0.1, np.nan, quadratic(state.codes))
        best, state = np.nanmax(scores), genetic.tell(state, scores)
    return float(best)


def highest_as_described(seed: int, n_generations: int) -> float:
    rng = np.random.default_rng(1000 + seed)

    def score(codes: object) -> list[float | None]:
        return [None if rng.random() < 0.1 else each for each in quadratic(np.array(codes)).tolist()]

    return xdream.evolve(score, SPACE.dim, n_generations, seed)[-1]


def test_final_scores_are_distributed_as_those_of_the_algorithm_run_from_its_description() -> None:
    n_seeds, n_generations = 100, 12

    def interval(genetic: Genetic) -> tuple[float, float]:
        """Of the difference of means, 99 %."""
        ours = np.array([highest(genetic, seed, n_generations) for seed in range(n_seeds)])
        middle = ours.mean() - described.mean()
        half = 2.6 * np.sqrt((ours.var(ddof=1) + described.var(ddof=1)) / n_seeds)
        return middle - half, middle + half

    described = np.array([highest_as_described(seed, n_generations) for seed in range(n_seeds)])
    low, high = interval(Genetic())
    assert low < 0 < high
    for other in (Genetic(selectivity=0.5), Genetic(mutation_rate=0.25)):
        low, high = interval(other)
        assert not low < 0 < high
