"""Whether text was read or guessed: the score of what was read, less the score it has with other sentences.

The sentences are dealt at random to the rows of the same task and the same number of steps, so that neither of them earns
anything; what a row earns when a deal gives it its own sentence again does not count. What is left is owed to the signal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from bci_app.contract.errors import SettingsError
from bci_app.text.rows import unigram_hits
from bci_app.text.strata import Indices, Stratum, strata
from bci_app.text.words import sentence_key

Doubles = NDArray[np.float64]

MATCHED_MINUS_SHUFFLED = "BLEU-1, matched minus shuffled"
"""Name of the figure that a bundle's metrics lead with."""
N_DRAWS = 2000
FEWEST_SENTENCES = 10
"""Different sentences below which nothing is said."""
LARGEST_P = 0.05
"""More shuffles than this share that reach the score are too many for an interval above zero."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval over sentences."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Gap:
    """BLEU-1 of what was read, with the sentences shown and with others, in points (0 to 100).

    Attributes
    ----------
    matched, shuffled : float
        With the sentence that was shown; with others of the same task and number of steps, mean over shuffles.
    gap : Estimate
        The first less the second: the primary figure. Chance is 0. The interval resamples sentences, and reaches down to zero if
        `p` is above `LARGEST_P`: of few sentences the shuffles know better.
    p : float
        Share of shuffles of sentences, each with all its rows, that reach `matched`, counting it as one of them.
    plain : Estimate
        Matched minus shuffled within the task, whatever the number of steps.
    length : Estimate
        How much `plain` lies above `gap`: what the number of steps alone tells.
    n, n_sentences : int
        Rows that were scored, and different sentences among them.
    n_joined : int
        Rows in strata of several numbers of steps, because too few sentences had the same.
    n_alone : int
        Rows left out, since they could only be dealt a sentence of another task or length.
    """

    matched: float
    shuffled: float
    gap: Estimate
    p: float
    plain: Estimate
    length: Estimate
    n: int
    n_sentences: int
    n_joined: int
    n_alone: int


def matched_minus_shuffled(
    read: Sequence[str],
    shown: Sequence[str],
    tasks: Sequence[str],
    n_steps: Sequence[int],
    *,
    at_least: int = 2,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> Gap:
    """BLEU-1 with the sentences shown, less that with others of the same task and number of steps.

    Parameters
    ----------
    read, shown, tasks : sequence of str
        Of each row: what was read, the sentence that was shown (the same if its `sentence_key` is), and the task.
    n_steps : sequence of int
        Steps of each row's signal: words, or samples of waves.
    at_least : int
        Different sentences in a stratum, see `bci_app.text.strata.LEAST`.
    n_draws : int
        Draws of the bootstrap, which takes sentences with all their rows, and shuffles for the p value.
    seed : int

    Raises
    ------
    SettingsError
        If the rows do not belong together, or none can be dealt another's sentence.
    """
    if not len(read) == len(shown) == len(tasks) == len(n_steps):
        raise SettingsError(
            "Each row needs a text read, a sentence, a task and a number of steps; got "
            f"{len(read)}, {len(shown)}, {len(tasks)} and {len(n_steps)}."
        )
    scored = not_alone([sentence_key(each) for each in shown], tasks, n_steps, at_least)
    if not scored:
        raise SettingsError(
            f"A shuffle needs two sentences of the same task and length; the {len(read)} rows have no two. Test on more "
            "sentences."
        )
    rows = _Rows.of([read[row] for row in scored], [shown[row] for row in scored])
    keys, labels = [str(key) for key in rows.key], [tasks[row] for row in scored]
    narrow = strata(keys, labels, [n_steps[row] for row in scored], at_least)
    wide = strata(keys, labels, [0] * len(scored))
    weights = _weights(int(rows.key.max()) + 1, n_draws, seed)
    columns = np.column_stack([_by_key(rows), _surplus(rows, narrow), _surplus(rows, wide)])
    hits, n_read, n_shown, beyond, beyond_plain = (weights @ columns).T
    matched, shuffled, plain = (_bleu_1(hits - less, n_read, n_shown) for less in (0, beyond, beyond_plain))
    gap, p = _estimate(matched - shuffled, _n_free(rows, narrow)), _p_value(rows, narrow, (seed, 1), n_draws)
    return Gap(
        matched=float(matched[0]),
        shuffled=float(shuffled[0]),
        gap=gap if p <= LARGEST_P else replace(gap, low=min(gap.low, 0.0)),
        p=p,
        plain=_estimate(matched - plain, _n_free(rows, wide)),
        length=_estimate(shuffled - plain, _n_free(rows, narrow)),
        n=len(scored),
        n_sentences=weights.shape[1],
        n_joined=sum(len(each.rows) for each in narrow if each.fewest < each.most),
        n_alone=len(read) - len(scored),
    )


def not_alone(keys: Sequence[str], tasks: Sequence[str], n_steps: Sequence[int], at_least: int = 2) -> list[int]:
    """Numbers of the rows that share their stratum with another sentence: those that `matched_minus_shuffled` scores."""
    several = [each for each in strata(keys, tasks, n_steps, at_least) if len({keys[row] for row in each.rows}) > 1]
    return sorted(int(row) for each in several for row in each.rows)


def verdict(gap: Gap, noise: Gap | None = None, others: str = "others of the same task and length") -> tuple[bool, str]:
    """Whether text was read from the EEG, and the sentences that say so.

    Parameters
    ----------
    gap : Gap
        Of the EEG.
    noise : Gap, optional
        Of the same model fed noise of the same numbers of steps.
    others : str
        Which sentences were dealt.
    """
    if gap.n_sentences < FEWEST_SENTENCES:
        return False, (
            f"{gap.n_sentences} sentences are too few to say whether text was read from the EEG; {FEWEST_SENTENCES} are the "
            "least."
        )
    told = f"BLEU-1 is {gap.matched:.1f} with the sentences shown and {gap.shuffled:.1f} with {others}: {in_words(gap.gap)}"
    if gap.gap.low <= 0:
        return False, f"No EEG information was detected. {told}{_why_not(gap)}"
    if noise is not None and noise.gap.low > 0:
        return False, (
            f"Something else than the EEG tells the sentences apart: fed noise, the same model differs from its shuffle by "
            f"{in_words(noise.gap)}. With the EEG, {told}."
        )
    if noise is not None and noise.gap.value >= gap.gap.low:
        return False, (
            f"No EEG information was detected. {told}, above zero; but fed noise, the same model reaches as much: "
            f"{in_words(noise.gap)}."
        )
    return True, f"Text was read from the EEG. {told}, above zero."


def _why_not(gap: Gap) -> str:
    """What follows the figures where nothing was detected."""
    low, high = gap.gap.low, gap.gap.high
    if high < 0:
        return ", below zero: what was read fits other sentences better. Check the pairing of signals and sentences."
    if high - low < 1e-6:
        return ": what was read is the same for all sentences of a task and length."
    if low == 0 and gap.p > LARGEST_P:
        return f", which reaches down to zero: {100 * gap.p:.0f} % of shuffles reach that score, which is too many."
    return f", which contains zero. A difference of about {(high - low) / 2:.2g} points would have been seen."


def in_words(points: Estimate) -> str:
    """A difference in points with its interval; with two digits after the point where the interval is narrow."""
    digits = 1 if points.high - points.low >= 1 else 2
    value, low, high = (f"{round(each, digits) + 0.0:+.{digits}f}" for each in (points.value, points.low, points.high))
    return f"{value} points, 95 % interval {low} to {high}"


def resampled(
    sums: Doubles, groups: Indices, figure: Callable[[Doubles], Doubles], n_draws: int = N_DRAWS, seed: int = 0
) -> Estimate:
    """A figure of summed statistics with the interval that resamples groups, such as all rows of a sentence.

    Parameters
    ----------
    sums : array (n, p)
        Statistics of each row.
    groups : int array (n,)
        Group of each row, 0 to the number of groups less one.
    figure : callable
        Takes sums (..., p), gives (...).
    n_draws, seed : int
    """
    by_group = np.zeros((int(groups.max()) + 1, sums.shape[1]))
    np.add.at(by_group, groups, sums)
    return _estimate(figure(_weights(len(by_group), n_draws, seed) @ by_group), len(by_group))


@lru_cache(maxsize=4)
def _weights(n: int, n_draws: int, seed: int) -> Doubles:
    """How often each of `n` is drawn (1 + n_draws, n); once each in the first row, which is the data."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_draws)
    weights = np.vstack([np.ones(n), drawn])
    weights.setflags(write=False)
    return weights


def _estimate(values: Doubles, n: int) -> Estimate:
    """The first value with the percentile interval of the others, which are draws from `n`, widened for a small n.

    Source: Hesterberg 2015, "What teachers should know about the bootstrap", American Statistician 69, section 4.3, the
    expanded percentile interval.
    """
    outside = ndtr(np.sqrt(n / max(n - 1, 1)) * stdtrit(max(n - 1, 1), 0.025))
    low, high = np.quantile(np.round(values[1:], 9), (outside, 1 - outside))
    return Estimate(float(np.round(values[0], 9)), float(low), float(high))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Words in common of each different output with each different text, `hits` (n_outputs, n_texts), and their lengths.

    `output`, `text` and `key` (n,) say which output, text and sentence each row has.
    """

    hits: Doubles
    n_read: Doubles
    n_shown: Doubles
    output: Indices
    text: Indices
    key: Indices

    @classmethod
    def of(cls, read: Sequence[str], shown: Sequence[str]) -> _Rows:
        outputs, output = numbered(read)
        texts, text = numbered(shown)
        hits, n_read, n_shown = (each.astype(np.float64) for each in unigram_hits(outputs, texts))
        return cls(hits, n_read, n_shown, output, text, numbered([sentence_key(each) for each in shown])[1])


def numbered(words: Sequence[str]) -> tuple[list[str], Indices]:
    """The different ones in the order of their first, and which of them each is (n,)."""
    places: dict[str, int] = {}
    numbers = [places.setdefault(word, len(places)) for word in words]
    return list(places), np.array(numbers, np.intp)


def _bleu_1(hits: Doubles, n_read: Doubles, n_shown: Doubles) -> Doubles:
    """BLEU-1 in points, of sums."""
    some = np.where(n_read > 0, n_read, 1)
    return np.asarray(100 * np.maximum(hits, 0) / some * np.exp(np.minimum(0, 1 - n_shown / some)))


def _n_free(rows: _Rows, parts: Sequence[Stratum]) -> int:
    """How many sentences vary freely, one more than the degrees of freedom: a stratum's mean takes one of its sentences.

    Two sentences that are dealt to one another have the very same surplus, so they are one draw and not two.
    """
    free = 1 + sum(len(np.unique(rows.key[part.rows])) - 1 for part in parts)
    return min(free, int(rows.key.max()) + 1)


def _by_key(rows: _Rows) -> Doubles:
    """Hits, tokens read and tokens shown of all rows of each sentence (n_keys, 3)."""
    sums = np.zeros((int(rows.key.max()) + 1, 3))
    hits = rows.hits[rows.output, rows.text]
    np.add.at(sums, rows.key, np.column_stack([hits, rows.n_read[rows.output], rows.n_shown[rows.text]]))
    return sums


def _surplus(rows: _Rows, parts: Sequence[Stratum]) -> Doubles:
    """Hits (n_keys,) that the rows of each sentence have beyond what they have when another is dealt to them.

    How the sum is spread over sentences matters for the interval alone. Each of the k sentences of a stratum is compared
    with a mean that it is part of, which leaves (k^2 - 3 k + 3) / (k^2 - k) of the variance in how well sentences are read;
    the spread is raised by as much. Where nothing is read that is a little too wide.
    """
    found = [_surplus_in(rows, part) for part in parts]
    total, n = (sum(float(each[place].sum()) for each in found) for place in (2, 1))
    surplus = np.zeros((2, int(rows.key.max()) + 1))
    for keys, n_rows, each in found:
        mean = n_rows * total / n
        k = len(keys)
        surplus[:, keys] += mean + np.sqrt((k**2 - k) / (k**2 - 3 * k + 3)) * (each - mean), n_rows
    return np.asarray(surplus[0] + (total - surplus[0].sum()) * surplus[1] / n)


def _surplus_in(rows: _Rows, part: Stratum) -> tuple[Indices, Doubles, Doubles]:
    """Sentences of a stratum, how many rows each has, and their surplus.

    Each sentence is dealt as often as it was shown. What it earns with everybody's output, because its words are frequent,
    comes to nothing in the sum and would only widen the interval: it is taken off.
    """
    keys, place = np.unique(rows.key[part.rows], return_inverse=True)
    texts, of_text = np.unique(rows.text[part.rows], return_inverse=True)
    n_rows, n = np.bincount(place).astype(np.float64), len(part.rows)
    shown = np.zeros((len(texts), len(keys)))
    np.add.at(shown, (of_text, place), 1)
    earned = np.zeros((len(keys), len(texts)))
    np.add.at(earned, place, rows.hits[np.ix_(rows.output[part.rows], texts)])
    dealt = earned @ shown
    own = np.bincount(place, rows.hits[rows.output[part.rows], rows.text[part.rows]])
    another = 1 - (n_rows**2).sum() / n**2
    centred = own - (dealt.sum(axis=1) + dealt.sum(axis=0)) / n + n_rows * dealt.sum() / n**2
    return keys, n_rows, centred / another


def _p_value(rows: _Rows, parts: Sequence[Stratum], seed: tuple[int, ...], n_shuffles: int) -> float:
    """Share of deals of the sentences of each stratum to one another that reach the BLEU-1 of the true pairing.

    A sentence goes to all rows of another at once: readers of a sentence may err alike, which makes deals of single rows call
    one in four models a reader that writes something else to each sentence, but always the same.
    """
    rng = np.random.default_rng(seed)
    hits, n_shown = np.zeros((2, n_shuffles + 1))
    for part in parts:
        _, first, place = np.unique(rows.key[part.rows], return_index=True, return_inverse=True)
        texts, k = rows.text[part.rows[first]], len(first)
        earned = np.zeros((k, k))
        np.add.at(earned, place, rows.hits[np.ix_(rows.output[part.rows], texts)])
        dealt = np.vstack([np.arange(k), rng.permuted(np.tile(np.arange(k), (n_shuffles, 1)), axis=1)])
        hits += earned[np.arange(k), dealt].sum(axis=1)
        n_shown += rows.n_shown[texts][dealt] @ np.bincount(place)
    reached = _bleu_1(hits, rows.n_read[rows.output].sum(), n_shown)
    return float((1 + (reached[1:] >= reached[0]).sum()) / (1 + n_shuffles))
