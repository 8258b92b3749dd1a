"""Text, token by token, from nothing but the tokens made before: greedy, or with beams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.manifest import Generation, Tokens

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_NEVER = np.float32(-1e9)
"""Score of a hypothesis that must not win; as transformers has it, so that ties fall alike."""


class Steps(Protocol):
    """A decoder step with its cache; every row is a hypothesis."""

    def step(self, tokens: Integers) -> Floats:
        """Logits (n_rows, vocab_size) of what comes after one more token (n_rows,) each."""
        ...

    def take(self, rows: NDArray[np.intp]) -> None:
        """Go on from these rows of the cache, in this order."""
        ...


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A sentence that was generated.

    Attributes
    ----------
    tokens : tuple of int
        All after the first: the forced and the stop token are among them.
    log_probability : float
        Summed natural logarithms of the probabilities that the model gave to them, each after those before it; the forced
        one is certain.
    """

    tokens: tuple[int, ...]
    log_probability: float


def generate(
    steps: Steps, tokens: Tokens, generation: Generation, on_token: Callable[[int], None] | None = None
) -> Hypothesis:
    """The sentence that is most probable, one token at a time (1 beam), or among those that beams find.

    Parameters
    ----------
    steps : Steps
        With as many rows as beams, and an empty cache.
    on_token : callable, optional
        Told each token as it is made; of beams, as soon as all hypotheses that may still win agree on it.
    """
    if generation.n_beams == 1:
        return _greedy(steps, tokens, generation, on_token or _nobody)
    return _beams(steps, tokens, generation, on_token or _nobody)


def _nobody(token: int) -> None:
    """Where tokens go that nobody waits for."""


def _greedy(steps: Steps, tokens: Tokens, generation: Generation, on_token: Callable[[int], None]) -> Hypothesis:
    made, total = [tokens.first], 0.0
    while len(made) <= generation.max_tokens and (len(made) == 1 or made[-1] != tokens.stop):
        logits = steps.step(np.array(made[-1:], np.int64))
        scores = _constrained(logits, np.array([made], np.int64), tokens, generation)
        token = int(scores[0].argmax())
        total += float(_told(_log_softmax(logits), made, tokens)[0, token])
        made.append(token)
        on_token(token)
    return Hypothesis(tuple(made[1:]), total)


def _beams(steps: Steps, tokens: Tokens, generation: Generation, on_token: Callable[[int], None]) -> Hypothesis:
    """Beam search as transformers does it, which stops once no open hypothesis can beat the worst finished one.

    A hypothesis counts its summed log probability over its length to the power of the length penalty; open ones are
    judged by their length so far.

    Source: Wu et al. 2016, Google's neural machine translation system, section 7; transformers, `early_stopping=False`.
    """
    n_beams, penalty = generation.n_beams, generation.length_penalty
    rows = np.full((n_beams, 1), tokens.first, np.int64)
    scores = np.where(np.arange(n_beams) == 0, np.float32(0), _NEVER)  # one hypothesis at first, not n equal ones
    told = np.zeros(n_beams)
    finished: list[tuple[float, Hypothesis]] = []
    n_sure = 0
    while True:
        plain = _log_softmax(steps.step(rows[:, -1]))
        totals = scores[:, None] + _constrained(plain, rows, tokens, generation)
        beams, chosen = _best(totals, 2 * n_beams)  # at most half of them stop
        n_made = rows.shape[1]
        told = told[beams] + _told(plain, rows[0], tokens)[beams, chosen]
        rows, scores = np.column_stack((rows[beams], chosen)), totals[beams, chosen]
        stops = (chosen == tokens.stop) | (n_made == generation.max_tokens)
        finished += [
            (float(scores[one]) / n_made**penalty, Hypothesis(tuple(map(int, rows[one, 1:])), float(told[one])))
            for one in np.flatnonzero(stops[:n_beams])
        ]
        finished = sorted(finished, key=lambda each: -each[0])[:n_beams]
        open_ones = np.flatnonzero(~stops)[:n_beams]
        if not len(open_ones) or (
            len(finished) == n_beams and float(scores[open_ones[0]]) / n_made**penalty <= finished[-1][0]
        ):
            break
        steps.take(beams[open_ones])
        rows, scores, told = rows[open_ones], scores[open_ones], told[open_ones]
        agreed = _n_agreed(rows[:, 1:], [each.tokens for _, each in finished])
        for token in rows[0, 1 + n_sure : 1 + agreed]:
            on_token(int(token))
        n_sure = agreed
    best = finished[0][1]
    for token in best.tokens[n_sure:]:
        on_token(token)
    return best


def _n_agreed(rows: Integers, finished: list[tuple[int, ...]]) -> int:
    """How many tokens, from the first on, are the same in all open hypotheses (n_rows, n) and all finished ones."""
    columns = zip(*rows.tolist(), *finished, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _best(totals: Floats, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the n largest, largest first."""
    flat = totals.ravel()
    n = min(n, flat.size)
    largest = np.argpartition(-flat, n - 1)[:n]
    largest = largest[np.argsort(-flat[largest], kind="stable")]
    return np.divmod(largest, totals.shape[1])


def _constrained(scores: Floats, rows: Integers, tokens: Tokens, generation: Generation) -> Floats:
    """Scores (n_rows, vocab_size) with the forced token and the repetition penalty, after the tokens (n_rows, n) so far."""
    if tokens.forced is not None and rows.shape[1] == 1:
        only = np.full_like(scores, -np.inf)
        only[:, tokens.forced] = 0
        return only
    if generation.repetition_penalty == 1.0:
        return scores
    seen = np.take_along_axis(scores, rows, axis=1)
    penalty = np.float32(generation.repetition_penalty)
    penalised = scores.copy()
    np.put_along_axis(penalised, rows, np.where(seen < 0, seen * penalty, seen / penalty), axis=1)
    return penalised


def _told(log_probabilities: Floats, made: list[int] | Integers, tokens: Tokens) -> Floats:
    """What each token adds to the log probability of a sentence: nothing where one was forced."""
    return np.zeros_like(log_probabilities) if tokens.forced is not None and len(made) == 1 else log_probabilities


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
