"""Generation over a table of probabilities small enough to try every sentence."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from bci_app.contract.manifest import Generation, Tokens
from bci_app.inference.text_generation import Hypothesis, generate

N, STOP, FIRST = 5, 4, 3


def _tokens(forced: int | None = None) -> Tokens:
    return Tokens(vocab_size=N, first=FIRST, forced=forced, stop=STOP, sample="a", sample_tokens=(0,))


class Table:
    """Logits that depend on the two tokens before; its cache is the tokens themselves."""

    def __init__(self, n_rows: int = 1, seed: int = 0) -> None:
        self.logits = np.random.default_rng(seed).normal(0, 1.5, (N, N, N)).astype(np.float32)
        self.rows = np.zeros((n_rows, 1), np.int64)

    def step(self, tokens: np.ndarray) -> np.ndarray:
        self.rows = np.column_stack((self.rows, tokens))
        return self.logits[self.rows[:, -2], self.rows[:, -1]]

    def take(self, rows: np.ndarray) -> None:
        self.rows = self.rows[rows]

    def log_probability(self, made: tuple[int, ...], forced: bool = False) -> float:
        whole, total = (0, FIRST, *made), 0.0
        for place in range(2 + forced, len(whole)):
            row = self.logits[whole[place - 2], whole[place - 1]].astype(float)
            total += row[whole[place]] - math.log(np.exp(row).sum())
        return total


def _sentences(length: int) -> list[tuple[int, ...]]:
    """All that end with the first stop token, or are cut at `length`."""
    words = [token for token in range(N) if token != STOP]
    ended = [(*each, STOP) for n in range(length) for each in itertools.product(words, repeat=n)]
    return ended + list(itertools.product(words, repeat=length))


@pytest.mark.parametrize("seed", range(5))
def test_greedy_takes_the_likeliest_token_after_each(seed: int) -> None:
    table, told = Table(seed=seed), list[int]()
    made = generate(table, _tokens(), Generation(max_tokens=9), told.append)
    before = (0, FIRST)
    for token in made.tokens:
        assert token == table.logits[before].argmax()
        before = (before[1], token)
    assert told == list(made.tokens)
    assert len(made.tokens) == 9 or made.tokens[-1] == STOP
    assert STOP not in made.tokens[:-1]
    assert made.log_probability == pytest.approx(table.log_probability(made.tokens), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_enough_beams_find_the_likeliest_of_all_sentences(seed: int) -> None:
    table = Table(n_rows=64, seed=seed)
    best = max(_sentences(4), key=table.log_probability)
    made = generate(table, _tokens(), Generation(max_tokens=4, n_beams=64, length_penalty=0.0))
    assert made == Hypothesis(best, pytest.approx(table.log_probability(best), abs=1e-4))


def test_beams_find_likelier_sentences_than_greed() -> None:
    greedy, beams = (
        [
            generate(Table(n, seed), _tokens(), Generation(max_tokens=6, n_beams=n, length_penalty=0.0))
            for seed in range(20)
        ]
        for n in (1, 8)
    )
    gains = [one.log_probability - other.log_probability for one, other in zip(beams, greedy, strict=True)]
    assert sum(gains) > 1


def test_a_length_penalty_favours_long_sentences() -> None:
    def lengths(penalty: float) -> int:
        how = Generation(max_tokens=8, n_beams=6, length_penalty=penalty)
        return sum(len(generate(Table(6, seed), _tokens(), how).tokens) for seed in range(10))

    assert lengths(-2.0) < lengths(0.0) < lengths(3.0)


@pytest.mark.parametrize("n_beams", [1, 3])
def test_the_forced_token_comes_first_and_costs_nothing(n_beams: int) -> None:
    table = Table(n_beams)
    made = generate(table, _tokens(forced=2), Generation(max_tokens=6, n_beams=n_beams))
    assert made.tokens[0] == 2
    assert made.log_probability == pytest.approx(table.log_probability(made.tokens, forced=True), abs=1e-4)


@pytest.mark.parametrize("n_beams", [2, 3, 8])
def test_beams_tell_each_token_as_soon_as_none_can_take_it_back(n_beams: int) -> None:
    early = 0
    for seed in range(20):
        table, told, at_step = Table(n_beams, seed), list[int](), list[int]()
        table.logits *= 1 + seed % 4  # the less likely others are, the sooner they are given up

        def tell(token: int, table: Table = table, told: list[int] = told, at_step: list[int] = at_step) -> None:
            told.append(token)
            at_step.append(table.rows.shape[1])

        made = generate(table, _tokens(), Generation(max_tokens=9, n_beams=n_beams), tell)
        assert told == list(made.tokens)
        early += sum(step < at_step[-1] for step in at_step)
    assert early, "not all at the end"


def test_a_repetition_penalty_takes_from_tokens_that_were_there_whatever_their_sign() -> None:
    def made(logits: list[float], penalty: float) -> tuple[int, ...]:
        table = Table()
        table.logits[:] = logits
        return generate(table, _tokens(), Generation(max_tokens=4, repetition_penalty=penalty)).tokens

    assert made([2.0, 1.5, -1.0, -9.0, -9.0], 1.0) == (0, 0, 0, 0)
    assert made([2.0, 1.5, -1.0, -9.0, -9.0], 3.0) == (0, 1, 0, 0)  # 2 / 3 stays above 1.5 / 3 and above -1
    assert made([-1.0, -1.5, -2.0, -9.0, -9.0], 3.0) == (0, 1, 2, 0)  # -3 stays above -4.5 and -6
