"""An evolution as a state machine: who is next, whose response it was, what the optimiser is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bci_app.contract.errors import SignalError
from bci_app.contract.identification import bootstrap_interval
from bci_app.engine.evolution_pictures import DEAL
from bci_app.engine.evolution_run import EvolutionRun, is_sham
from bci_app.engine.evolution_settings import EvolutionSettings, References, UnitResponse
from bci_app.engine.evolution_showing import Outcome, Showing
from bci_app.evolution.genetic import Genetic
from bci_app.inference.generator import Generator
from bci_app.pictures.picture import Picture, make_picture
from tests.tiny import SIZE

NATURAL = tuple(make_picture(np.full((SIZE, SIZE, 3), grey, np.uint8), "grey", str(grey)) for grey in (40, 200))
N_MEMBERS, N_PRIOR = 6, 1


def brightness(showing: Showing) -> float:
    return float(showing.picture.image.mean())


def new_run(generator: Generator, **more: Any) -> tuple[EvolutionRun, list[Outcome], list[str]]:
    settings = EvolutionSettings(
        response=UnitResponse(),
        optimiser=Genetic(population=N_MEMBERS),
        references=References(n_prior=N_PRIOR),
        n_generations=3,
        **more,
    )
    outcomes: list[Outcome] = []
    problems: list[str] = []
    return EvolutionRun(settings, generator, NATURAL, outcomes.append, problems.append, "Do this."), outcomes, problems


def play(run: EvolutionRun, respond: Callable[[Showing], float | None] = brightness, why: str = "") -> list[Showing]:
    """Show and answer until the generation needs nothing more."""
    shown = []
    while run.upcoming is not None:
        shown.append(run.take(1.0))
        run.shown(shown[-1].number, 1.0)
        run.answer(shown[-1].number, shown[-1].picture.id, respond(shown[-1]), why)
    return shown


def ids(shown: list[Showing]) -> list[str]:
    return [each.picture.id for each in shown]


def test_every_picture_comes_once_in_each_round_of_repeats(generator: Generator) -> None:
    run, _, _ = new_run(generator, repeats=3)
    shown = play(run)
    n = N_MEMBERS + len(NATURAL) + N_PRIOR
    rounds = [ids(shown[start : start + n]) for start in range(0, 3 * n, n)]
    assert len(shown) == 3 * n
    assert all(sorted(each) == sorted(set(rounds[0])) for each in rounds)
    assert rounds[0] != rounds[1]
    assert Counter(each.kind for each in shown) == {"evolved": 18, "natural": 6, "prior": 3}


def test_the_order_is_a_function_of_seed_and_generation(generator: Generator) -> None:
    orders = []
    for seed in (0, 0, 1):
        run, _, _ = new_run(generator, seed=seed)
        first = [each.picture.label for each in play(run)]
        run.advance()
        orders.append((first, [each.picture.label for each in play(run)]))
    assert orders[0] == orders[1] != orders[2]
    assert [label[4:] for label in orders[0][0]] != [label[4:] for label in orders[0][1]]


def test_natural_references_come_again_and_those_of_the_prior_are_new(generator: Generator) -> None:
    run, _, _ = new_run(generator)
    seen = []
    for _ in range(2):
        shown = play(run)
        seen.append({kind: {each.picture for each in shown if each.kind == kind} for kind in ("natural", "prior")})
        run.advance()
    assert seen[0]["natural"] == seen[1]["natural"] == set(NATURAL)
    assert not seen[0]["prior"] & seen[1]["prior"]


def test_responses_are_joined_by_number_and_id_whatever_their_order(generator: Generator) -> None:
    results = []
    for order in (1, -1):
        run, _, _ = new_run(generator, repeats=2)
        shown = []
        while run.upcoming is not None:
            shown.append(run.take(1.0))
        for each in shown[::order]:
            assert run.answer(each.number, each.picture.id, brightness(each) + each.repeat)
        results.append(run.advance())
    np.testing.assert_array_equal(results[0].evolved, results[1].evolved)
    assert results[0].natural == {picture.id: picture.image.mean() + 0.5 for picture in NATURAL}


def test_a_response_to_another_number_or_picture_counts_for_nothing(generator: Generator) -> None:
    run, outcomes, _ = new_run(generator)
    showing, following = run.take(1.0), run.take(1.0)
    assert not run.answer(99, showing.picture.id, 1.0)
    assert not run.answer(showing.number, following.picture.id, 1.0)
    assert outcomes == []
    assert run.answer(showing.number, showing.picture.id, 1.0)
    assert not run.answer(showing.number, showing.picture.id, 2.0)
    assert [(each.showing.number, each.response) for each in outcomes] == [(showing.number, 1.0)]


def test_a_missing_response_is_asked_for_again_and_then_stays_missing(generator: Generator) -> None:
    run, _, _ = new_run(generator, shown_again=2)
    lost = run.upcoming
    shown = play(run, lambda each: None if each.picture == lost else brightness(each))
    assert [each.attempt for each in shown if each.picture == lost] == [0, 1, 2]
    n = N_MEMBERS + len(NATURAL) + N_PRIOR
    counts = run.counts
    assert counts == {"shown": n + 2, "answered": n - 1, "rejected": 0, "missing": 3, "shown_again": 2}
    scores = {member.id: (member.score, member.n_responses) for member in run.members()}
    assert lost is not None
    assert np.isnan(scores[lost.id][0])
    assert sum(n_responses for _, n_responses in scores.values()) == n - 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_response_that_is_no_number_is_missing(generator: Generator, value: float) -> None:
    run, outcomes, _ = new_run(generator, shown_again=0)
    showing = run.take(1.0)
    run.answer(showing.number, showing.picture.id, value)
    assert outcomes[0].response is None
    assert "finite" in outcomes[0].why


def test_what_nobody_saw_is_next_again_and_what_was_spoilt_comes_later_both_at_no_charge(generator: Generator) -> None:
    run, outcomes, _ = new_run(generator, shown_again=0)
    unseen = run.take(1.0)
    run.withdraw(unseen.number, "nobody looked")
    again = run.take(1.0)
    assert (again.picture, again.attempt, again.number) == (unseen.picture, 0, unseen.number + 1)
    run.shown(again.number, 1.0)
    run.withdraw(again.number, "spoilt")
    shown = play(run)
    assert (shown[-1].picture, shown[-1].attempt, shown[-1].again) == (unseen.picture, 0, True)
    assert [(each.why, each.became) for each in outcomes if each.response is None] == [
        ("nobody looked", "unseen"),
        ("spoilt", "missing"),
    ]
    counts = run.counts
    assert counts["shown"] == counts["answered"] + counts["missing"] == 10
    assert counts["shown_again"] == 1


def test_evolution_goes_on_from_the_scores_as_the_optimiser_would(generator: Generator) -> None:
    run, _, _ = new_run(generator)
    state = run.state
    shown = {each.picture.id: brightness(each) for each in play(run)}
    scores = np.array([shown[picture.id] for picture in run.pictures.evolved])
    result = run.advance()
    expected = run.settings.optimiser.tell(state, scores)
    np.testing.assert_array_equal(run.state.codes, expected.codes)
    np.testing.assert_array_equal(result.evolved, scores)
    assert run.estimate is not None
    np.testing.assert_array_equal(run.estimate, generator.generate(run.settings.optimiser.estimate(expected)[None])[0])


def test_a_sham_deals_the_same_scores_and_shows_the_real_ones(generator: Generator) -> None:
    run, _, _ = new_run(generator, sham="on")
    state = run.state
    play(run)
    scores = np.array([picture.image.mean() for picture in run.pictures.evolved])
    result = run.advance()
    optimiser = run.settings.optimiser
    np.testing.assert_array_equal(run.state.codes, optimiser.tell(state, state.random(DEAL).permutation(scores)).codes)
    assert (run.state.codes != optimiser.tell(state, scores).codes).any()
    np.testing.assert_array_equal(result.evolved, scores)
    assert run.history.best is not None
    assert run.history.best.score == scores.max()


def test_a_blind_evolution_is_a_sham_for_about_half_of_the_seeds() -> None:
    shams = [is_sham(EvolutionSettings(sham="blind", seed=seed)) for seed in range(200)]
    assert 70 < sum(shams) < 130
    assert not is_sham(EvolutionSettings(sham="off"))


def test_curves_are_means_with_bootstrap_intervals_and_the_best_never_falls(generator: Generator) -> None:
    run, _, _ = new_run(generator)
    results = []
    for _ in range(3):
        play(run)
        results.append(run.advance())
    curves = run.history.curves
    for index, result in enumerate(results):
        expected = bootstrap_interval(result.evolved, seed=index)
        got = (curves.evolved.mean[index], curves.evolved.low[index], curves.evolved.high[index])
        np.testing.assert_allclose(got, expected)
    best = np.maximum.accumulate([result.evolved.max() for result in results])
    np.testing.assert_array_equal(curves.best, best)
    assert run.history.best is not None
    assert run.history.best.image.mean() == pytest.approx(best[-1])
    assert curves.prior.mean.shape == (3,)
    assert np.isnan(curves.prior.low).all()


def test_after_the_last_generation_nothing_is_shown_and_its_pictures_stay_on_view(generator: Generator) -> None:
    run, _, _ = new_run(generator)
    for _ in range(3):
        play(run)
        pictures: tuple[Picture, ...] = run.pictures.evolved
        run.advance()
    assert run.done
    assert run.upcoming is None
    assert run.pictures.evolved == pictures
    assert not any(np.isnan(member.score) for member in run.members())


def test_a_generation_without_a_response_ends_the_evolution(generator: Generator) -> None:
    run, _, _ = new_run(generator)
    state = run.state
    play(run, lambda each: None if each.kind == "evolved" else 1.0, why="Pz did not move")
    with pytest.raises(
        SignalError, match=r"6 evolved pictures of generation 0 .* because Pz did not move \(12 times\)"
    ):
        run.advance()
    assert run.state is state


def test_equal_responses_are_told_once_and_end_the_evolution_when_they_come_again(generator: Generator) -> None:
    run, _, problems = new_run(generator)
    play(run, lambda each: 5.0 if each.kind == "evolved" else brightness(each))
    run.advance()
    assert len(problems) == 1
    assert "all exactly 5; they were expected to differ. Do this." in problems[0]
    play(run, lambda each: 5.0)
    with pytest.raises(SignalError, match=r"all exactly 5.* second generation in a row"):
        run.advance()
    assert run.state.generation == 1


def test_equal_responses_are_forgiven_when_the_next_ones_differ(generator: Generator) -> None:
    run, _, problems = new_run(generator)
    for respond in (lambda each: 5.0, brightness, lambda each: 5.0):
        play(run, respond)
        run.advance()
    assert len(problems) == 2
    assert run.done
