"""What a model of EEG-to-text is given to find out what it reads: the real signal, others', matched noise, and nothing.

All of it is a function of the readings and a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bci_app.inference.text_bundle import noise_signal
from bci_app.text.rows import unigram_hits
from bci_app.text.scores import numbered
from bci_app.text.strata import LEAST, Indices, strata
from training.data.reading_noise import reading_noise
from training.data.readings import Floats, Readings, distinct_sentences
from training.evaluate.text_kinds import kinds

REAL, OTHER_SENTENCE, OTHER_SUBJECT, NOISE, ZEROS = (
    "real EEG",
    "another sentence's EEG",
    "another subject's EEG",
    "matched noise",
    "zeros",
)


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Signals for test rows.

    Attributes
    ----------
    name : str
    signals : tuple of array
    rows : int array (n,)
        Which test reading each belongs to; not all, where some have none.
    n_steps : tuple of int
        Steps of each signal, which are all that noise can tell.
    note : str
        What the user should know of it.
    """

    name: str
    signals: tuple[Floats, ...]
    rows: Indices
    n_steps: tuple[int, ...]
    note: str = ""


def five_inputs(train: Readings, test: Readings, seed: int) -> tuple[Given, ...]:
    """The real EEG, another sentence's, another subject's, noise matched to training, and zeros; real first."""
    every = np.arange(len(test))
    return (
        Given(REAL, tuple(item.signal for item in test.items), every, test.n_steps),
        another_sentence(test, seed),
        another_subject(test, seed),
        matched_noise(train, test, seed),
        Given(ZEROS, tuple(np.zeros_like(item.signal) for item in test.items), every, test.n_steps),
    )


def another_sentence(test: Readings, seed: int) -> Given:
    """For each row the EEG of another sentence of the same kind and number of steps, or of those that were joined."""
    rng, found = np.random.default_rng((seed, 1)), dict[int, int]()
    for stratum in strata(test.keys, kinds(test), test.n_steps, LEAST[test.reads]):
        for row in stratum.rows:
            others = [each for each in stratum.rows if test.items[each].key != test.items[row].key]
            if others:
                found[int(row)] = int(rng.choice(others))
    return _lent(OTHER_SENTENCE, test, found, "no other sentence of their task has as many steps")


def another_subject(test: Readings, seed: int) -> Given:
    """For each row the EEG of another subject who read the same sentence, in the same task if anybody did."""
    rng = np.random.default_rng((seed, 2))
    by_key: dict[str, list[int]] = {}
    for row, key in enumerate(test.keys):
        by_key.setdefault(key, []).append(row)
    found = {}
    for row, item in enumerate(test.items):
        others = [each for each in by_key[item.key] if test.items[each].subject != item.subject]
        same_task = [each for each in others if test.items[each].task == item.task]
        if others:
            found[row] = int(rng.choice(same_task or others))
    return _lent(OTHER_SUBJECT, test, found, "nobody else read their sentences")


def _lent(name: str, test: Readings, lender: dict[int, int], why: str) -> Given:
    rows, n_none, n_steps = sorted(lender), len(test) - len(lender), test.n_steps
    note = f"{n_none:,} of {len(test):,} test readings have none: {why}." if n_none else ""
    signals = tuple(test.items[lender[row]].signal for row in rows)
    return Given(name, signals, np.array(rows, np.intp), tuple(n_steps[lender[row]] for row in rows), note)


def matched_noise(train: Readings, like: Readings, seed: int) -> Given:
    """Gaussian noise with the mean and covariance of the training signals, and the numbers of steps of `like`."""
    noise, rng = reading_noise(train), np.random.default_rng((seed, 3))
    signals = tuple(noise_signal(noise, train.reads, rng, n_steps) for n_steps in like.n_steps)
    return Given(NOISE, signals, np.arange(len(like)), like.n_steps)


def best_constant(train: Readings) -> str:
    """The training sentence that has the highest BLEU-1 with all training readings when it is always said."""
    texts, place = numbered([item.sentence for item in train.items])
    counts = np.bincount(place).astype(np.float64)
    said = list(distinct_sentences(train.items))
    hits, n_said, n_shown = unigram_hits(said, texts)
    n_read, n_true = n_said * counts.sum(), n_shown @ counts
    score = (hits @ counts) / np.maximum(n_read, 1) * np.exp(np.minimum(0, 1 - n_true / np.maximum(n_read, 1)))
    return said[int(np.argmax(score))]


def most_frequent(train: Readings) -> str:
    """The training sentence that was read most often; the first of several."""
    keys, place = numbered(train.keys)
    first = {key: item.sentence for key, item in zip(reversed(train.keys), reversed(train.items), strict=True)}
    return first[keys[int(np.argmax(np.bincount(place)))]]


def of_that_length(train: Readings, test: Readings, seed: int) -> list[str]:
    """For each test row a training sentence of the same task (any, if it has none) and the nearest number of steps."""
    rng, steps = np.random.default_rng((seed, 4)), np.array(train.n_steps)
    tasks = np.array([item.task for item in train.items], dtype=object)
    found = []
    for item, n_steps in zip(test.items, test.n_steps, strict=True):
        own = tasks == item.task
        off = np.where(own if own.any() else True, np.abs(steps - n_steps), np.iinfo(np.int64).max)
        found.append(train.items[int(rng.choice(np.flatnonzero(off == off.min())))].sentence)
    return found


def chosen(n: int, most: int, seed: int) -> Indices:
    """At most `most` of `n` rows, drawn, in their order."""
    return np.sort(np.random.default_rng((seed, 5)).permutation(n)[:most]).astype(np.intp)


def signals_of(readings: Readings, rows: Sequence[int] | Indices) -> tuple[Floats, ...]:
    """The signals of some readings."""
    return tuple(readings.items[row].signal for row in rows)
