"""Which sentence was read, out of a few: the true one among others of its task that have as many steps.

Candidates of other lengths would let a reader that knows nothing but the length do better than chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bci_app.text.scores import Estimate, numbered, resampled
from bci_app.text.strata import LEAST, Indices, strata
from training.data.readings import Floats, Readings
from training.evaluate.text_kinds import kinds

Doubles = NDArray[np.float64]
N_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How often the true sentence fits best; intervals resample sentences.

    Attributes
    ----------
    n : int
        Rows that have another candidate; only they count.
    top_1, top_5 : Estimate
        Share of rows, 0 to 1, whose sentence is among the one or five that fit best; ties are broken at random.
    chance_1, chance_5 : float
        Of a reader that knows nothing.
    ratio : Estimate
        `top_1` over its chance.
    rank : Estimate
        Mean share of the other candidates that fit less well than the true sentence; chance 0.5.
    n_candidates : float
        The true one included, mean over rows.
    """

    n: int
    top_1: Estimate
    top_5: Estimate
    chance_1: float
    chance_5: float
    ratio: Estimate
    rank: Estimate
    n_candidates: float


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The different test sentences, and for each test row those it is compared with, its own first.

    Attributes
    ----------
    sentences : tuple of str
    places : tuple of int array (n_candidates,)
    """

    sentences: tuple[str, ...]
    places: tuple[Indices, ...]


def candidates(test: Readings, n: int = N_CANDIDATES, seed: int = 0) -> Candidates:
    """For each row its sentence and up to `n` - 1 others of the kind and number of steps, as `strata` joins them."""
    keys, place = numbered(test.keys)
    sentences = dict(zip(reversed(test.keys), (item.sentence for item in reversed(test.items)), strict=True))
    rng = np.random.default_rng((seed, 6))
    found: list[Indices] = [np.empty(0, np.intp)] * len(test)
    for stratum in strata(test.keys, kinds(test), test.n_steps, LEAST[test.reads]):
        pool = np.unique(place[stratum.rows])
        for row in stratum.rows:
            others = rng.permutation(pool[pool != place[row]])[: n - 1]
            found[row] = np.concatenate([place[row : row + 1], others])
    return Candidates(tuple(sentences[key] for key in keys), tuple(found))


def retrieval(
    embedded: Floats, sentences: Floats, chosen: Candidates, rows: Indices, seed: int = 0
) -> Retrieval | None:
    """How well embeddings of signals tell the sentences apart; None if no row has another candidate.

    Parameters
    ----------
    embedded : float array (n, dim)
        Of the signals given for `rows`.
    sentences : float array (n_sentences, dim)
        Of the candidates' sentences.
    chosen : Candidates
    rows : int array (n,)
        Test row of each signal.
    seed : int
    """
    fit = cosines(embedded, sentences)
    table = np.array([_ranked(line[chosen.places[row]]) for line, row in zip(fit, rows, strict=True)]).reshape(-1, 6)
    several = table[:, 5] > 1
    if not several.any():
        return None
    table, own = table[several], [chosen.places[row][0] for row in rows[several]]
    groups = np.unique(own, return_inverse=True)[1]
    sums = np.column_stack([table, np.ones(len(table))])

    def share(part: int, whole: int = 6) -> Estimate:
        return resampled(sums, groups, lambda total: total[..., part] / total[..., whole], seed=seed)

    means = table.mean(axis=0)
    return Retrieval(
        len(table), share(0), share(1), float(means[2]), float(means[3]), share(0, 2), share(4), float(means[5])
    )


def _ranked(fit: Doubles) -> tuple[float, float, float, float, float, int]:
    """Top-1 and top-5 with their chances, share of others that fit less well, and candidates; the first is the true one."""
    better, tied, m = int((fit[1:] > fit[0]).sum()), int((fit[1:] == fit[0]).sum()), len(fit)
    within = [min(max(k - better, 0), tied + 1) / (tied + 1) for k in (1, 5)]
    rank = (m - 1 - better - tied / 2) / max(m - 1, 1)
    return within[0], within[1], 1 / m, min(5 / m, 1.0), rank, m


def cosines(these: Floats, those: Floats) -> Doubles:
    """Cosine of each row (n, d) with each other row (m, d), (n, m); zeros are like nothing."""
    first, second = (np.asarray(rows, np.float64) for rows in (these, those))
    sizes = [np.linalg.norm(rows, axis=1) for rows in (first, second)]
    lengths = np.outer(*sizes)
    return np.asarray(first @ second.T / np.where(lengths > 0, lengths, 1))
