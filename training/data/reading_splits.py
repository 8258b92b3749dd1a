"""Which readings are learnt from and which are scored, so that no sentence is on both sides.

A sentence is known by its key (`bci_app.text.words.sentence_key`), in whatever task, version and print it was read and
by whomever: a language model that has seen it once writes it from memory. Sides are drawn among the sentences, not among
the readings, and not in the order of the recording, in which neighbours come from the same passage. Sentences that nearly
equal one another, as those do that were corrected between two tasks or versions, are drawn together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bci_app.contract.errors import SettingsError
from training.data.reading_settings import (
    AnyReadingSplit,
    SentenceFolds,
    SimulatedParts,
    UniqueSentences,
    UniqueSubjects,
)
from training.data.readings import Readings
from training.data.splits import Indices, Split

Group = tuple[str, ...]
"""Keys of sentences that are drawn together."""
_NOR_NEARLY = ", in whatever task or version, nor one that nearly equals it,"
_NAMED = 3
_AT_ONCE = 256
"""Sentences that are compared with all others at once."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadingDivision:
    """How readings are divided.

    Attributes
    ----------
    folds : tuple of Split
        One, or as many as there are folds.
    held_out : str
        In words, what is kept apart; stands beside every score.
    notes : tuple of str
        How many scored sentences nearly equal one on the training side, where they are not drawn together: of the simulated
        reader's grammar, whose sentences are all alike.
    """

    folds: tuple[Split, ...]
    held_out: str
    notes: tuple[str, ...] = ()


def divide_readings(readings: Readings, settings: AnyReadingSplit, seed: int) -> ReadingDivision:
    """The folds that a recipe asks for, none of which tells the answers of its test side.

    Raises
    ------
    SettingsError
        If there are too few sentences or subjects.
    """
    new_subjects = isinstance(settings, UniqueSubjects)
    shared_sentences = isinstance(settings, UniqueSubjects) and settings.shared_sentences
    folds = _folds(readings, settings, seed)
    notes = [
        note
        for fold in folds
        for note in check_no_leak(
            readings,
            np.concatenate([fold.train, fold.validation]),
            fold.test,
            subjects=new_subjects,
            sentences=not shared_sentences,
        )
    ]
    return ReadingDivision(tuple(folds), _words(settings), tuple(dict.fromkeys(notes)))


def _folds(readings: Readings, settings: AnyReadingSplit, seed: int) -> list[Split]:
    validation = settings.validation
    if isinstance(settings, SentenceFolds):
        return sentence_folds(readings, settings.n_folds, validation=validation, seed=seed)
    if isinstance(settings, SimulatedParts):
        return [_simulated_parts(readings, validation, seed)]
    if isinstance(settings, UniqueSentences):
        return [split_by_sentence(readings, test=settings.test, validation=validation, seed=seed)]
    return [
        split_by_subject(
            readings,
            settings.subjects,
            test=settings.test,
            validation=validation,
            shared_sentences=settings.shared_sentences,
            seed=seed,
        )
    ]


def _words(settings: AnyReadingSplit) -> str:
    if isinstance(settings, SentenceFolds):
        return f"each sentence once, in {settings.n_folds} folds; none of a fold{_NOR_NEARLY} was trained on by any subject"
    if isinstance(settings, SimulatedParts):
        return "sentences that the simulated reader's grammar keeps for tests, not trained on in any task or by any subject"
    if isinstance(settings, UniqueSentences):
        return f"{settings.test:.0%} of the sentences; none of them{_NOR_NEARLY} was trained on by any subject"
    subjects = f"subject(s) {', '.join(settings.subjects)}, not trained on"
    if settings.shared_sentences:
        return f"{subjects}, though others' readings of the same sentences were"
    return f"{subjects}; {settings.test:.0%} of the sentences; none of them{_NOR_NEARLY} was trained on by any subject"


def split_by_sentence(readings: Readings, *, test: float = 0.1, validation: float = 0.1, seed: int = 0) -> Split:
    """One split: a share `test` of all sentences is scored, a share `validation` is chosen by.

    Raises
    ------
    SettingsError
        If there are too few sentences.
    """
    scored, chosen_by, rest = _drawn_sentences(readings, test, validation, seed)
    return _split(readings, rest, chosen_by, scored)


def sentence_folds(readings: Readings, n_folds: int = 5, *, validation: float = 0.1, seed: int = 0) -> list[Split]:
    """Splits in which each sentence is scored once; a share `validation` of the other sentences is chosen by.

    Raises
    ------
    SettingsError
        If there are fewer sentences than folds, or less than two folds.
    """
    groups = _shuffled_groups(readings, seed)
    if not 2 <= n_folds <= len(groups):
        raise SettingsError(
            f"Sentences are divided into 2 folds or more, with one sentence in each at least; got {n_folds} folds of the "
            f"{len(groups)} sentences of '{readings.name}', those that nearly equal one another counted once. Take fewer folds "
            "or read more."
        )
    splits = []
    for scored in _parts(groups, n_folds):
        of_fold = set(scored)
        others = [group for group in groups if group not in of_fold]
        chosen_by, rest = _drawn(others, _count(validation, sum(map(len, others))))
        _check_enough(readings, len(rest))
        splits.append(_split(readings, _keys(rest), _keys(chosen_by), _keys(scored)))
    return splits


def split_by_subject(
    readings: Readings,
    subjects: Sequence[str],
    *,
    test: float = 0.2,
    validation: float = 0.1,
    shared_sentences: bool = False,
    seed: int = 0,
) -> Split:
    """One split in which `subjects` are scored and the others are learnt from.

    Subjects read the same sentences. Scored are therefore readings of a share `test` of the sentences alone, and no other
    subject's readings of these are learnt from, unless `shared_sentences`: then all readings of `subjects` are scored.

    Raises
    ------
    SettingsError
        If a subject is unknown, nobody is left to learn from, or a side would be empty.
    """
    of_subject = np.array([reading.subject for reading in readings.items])
    missing = sorted(set(subjects) - set(of_subject.tolist()))
    if missing:
        raise SettingsError(
            f"Subjects that are scored must be in the data; '{readings.name}' has no {', '.join(missing)}. It has "
            f"{', '.join(sorted(set(of_subject.tolist())))}."
        )
    scored, chosen_by, rest = _drawn_sentences(readings, test, validation, seed)
    if shared_sentences:
        rest = np.concatenate([rest, scored])
        scored = np.unique(readings.keys)
    is_test = np.isin(of_subject, list(subjects))
    return _split(readings, rest, chosen_by, scored, is_test)


def check_no_leak(
    readings: Readings, train: Indices, test: Indices, *, subjects: bool = False, sentences: bool = True
) -> tuple[str, ...]:
    """Refuse sides of which one tells the answers of the other.

    Parameters
    ----------
    readings : Readings
    train, test : array of int
        Numbers of the readings on the two sides.
    subjects, sentences : bool
        What must not be on both sides.

    Returns
    -------
    tuple of str
        A note if there are sentences on the training side that nearly equal one that is scored, see `near_duplicates`.

    Raises
    ------
    SettingsError
        If a reading, a sentence or a subject is on both sides; it names an example.
    """
    keys, people = np.array(readings.keys), np.array([each.subject for each in readings.items])
    _refuse(np.intersect1d(train, test).astype(str), "reading", readings.name)
    if subjects:
        _refuse(np.intersect1d(people[train], people[test]), "subject", readings.name)
    if not sentences:
        return ()
    _refuse(np.intersect1d(keys[train], keys[test]), "sentence", readings.name)
    pairs = near_duplicates(np.unique(keys[test]).tolist(), np.unique(keys[train]).tolist())
    if not pairs:
        return ()
    n, (one, other) = len({scored for scored, _ in pairs}), pairs[0]
    return (
        f"{n} of the sentences of '{readings.name}' that are scored differ by no more than one word in eight from one on "
        f"the training side, such as '{one}' and '{other}'.",
    )


def near_duplicates(keys: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of different sentences that share at least seven in eight of their words.

    Words count once and in any order, and the share is that of the sentence with more of them.

    Parameters
    ----------
    keys, others : sequence of str
        Keys of sentences.

    Returns
    -------
    list of (str, str)
        One of `keys` with one of `others`.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    if not any(keys) or not any(others):
        return []
    counter = CountVectorizer(binary=True, analyzer=str.split, dtype=np.int32).fit([*keys, *others])
    words = counter.transform(others)
    n_words = np.asarray(words.sum(axis=1)).ravel()
    pairs = []
    for start in range(0, len(keys), _AT_ONCE):
        some = counter.transform(keys[start : start + _AT_ONCE])
        n_some = np.asarray(some.sum(axis=1)).ravel()
        shared = (some @ words.T).toarray()
        near = 8 * shared >= 7 * np.maximum(n_some[:, None], n_words[None])
        pairs += [(keys[start + one], others[other]) for one, other in zip(*np.nonzero(near), strict=True)]
    return [(one, other) for one, other in pairs if one != other]


def _simulated_parts(readings: Readings, validation: float, seed: int) -> Split:
    from bci_app.simulation.sentences import part_of

    keys = np.unique(readings.keys)
    parts = np.array([part_of(key) for key in keys.tolist()])
    learnt = np.random.default_rng(seed).permutation(keys[parts == "train"])
    n_validation = _count(validation, len(learnt))
    _check_enough(readings, len(learnt) - n_validation)
    return _split(readings, learnt[n_validation:], learnt[:n_validation], keys[parts == "test"])


def _drawn_sentences(
    readings: Readings, test: float, validation: float, seed: int
) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.str_]]:
    """Keys to score, to choose by and to learn from: the same for the same sentences, whatever the order of readings."""
    groups = _shuffled_groups(readings, seed)
    n = sum(map(len, groups))
    scored, others = _drawn(groups, _count(test, n))
    chosen_by, rest = _drawn(others, _count(validation, n))
    _check_enough(readings, len(rest))
    return _keys(scored), _keys(chosen_by), _keys(rest)


def _shuffled_groups(readings: Readings, seed: int) -> list[Group]:
    """Keys in random order, those together that nearly equal one another, directly or by way of others."""
    keys = np.unique(readings.keys)
    number = {key: row for row, key in enumerate(keys.tolist())}
    pairs = [(number[one], number[other]) for one, other in near_duplicates(list(number), list(number))]
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    linked = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(keys), len(keys)))
    label = connected_components(linked, directed=False)[1]
    first = np.sort(np.unique(label, return_index=True)[1])
    return [tuple(keys[label == label[row]].tolist()) for row in np.random.default_rng(seed).permutation(first)]


def _drawn(groups: Sequence[Group], n: int) -> tuple[list[Group], list[Group]]:
    """The first groups with `n` sentences, or a few less if the next is too large; and the others."""
    taken: list[Group] = []
    rest: list[Group] = []
    for group in groups:
        if len(group) <= n:
            taken.append(group)
            n -= len(group)
        else:
            rest.append(group)
    return taken, rest


def _parts(groups: Sequence[Group], n_parts: int) -> list[list[Group]]:
    """All groups in parts of about as many sentences."""
    parts: list[list[Group]] = []
    left = list(groups)
    for still in range(n_parts, 0, -1):
        n = -(-sum(map(len, left)) // still)
        part, left = _drawn(left, n) if still > 1 else (left, [])
        parts.append(part)
    return parts


def _keys(groups: Sequence[Group]) -> NDArray[np.str_]:
    return np.array([key for group in groups for key in group], dtype=str)


def _count(share: float, n: int) -> int:
    """How many of `n` a share is: at least one, unless the share is none."""
    if not 0 <= share < 1:
        raise SettingsError(f"A side is given a share from 0 to below 1 of the sentences; got {share}. Take less.")
    return max(round(share * n), 1) if share else 0


def _check_enough(readings: Readings, n_left: int) -> None:
    if n_left < 1:
        raise SettingsError(
            f"Sentences must be left to learn from; '{readings.name}' has {len(set(readings.keys))} different ones for "
            "training, validation and test together. Read more, or take smaller shares."
        )


def _split(
    readings: Readings,
    train: NDArray[np.str_],
    validation: NDArray[np.str_],
    test: NDArray[np.str_],
    is_scored: NDArray[np.bool_] | None = None,
) -> Split:
    """The readings of the sentences of each side; of those with `is_scored` the test side alone, of others never it."""
    keys = np.array(readings.keys)
    scored = np.ones(len(keys), bool) if is_scored is None else is_scored
    learnt = np.ones(len(keys), bool) if is_scored is None else ~is_scored
    split = Split(
        np.flatnonzero(np.isin(keys, train) & learnt),
        np.flatnonzero(np.isin(keys, validation) & learnt),
        np.flatnonzero(np.isin(keys, test) & scored),
    )
    for side, what in ((split.train, "to learn from"), (split.test, "to score")):
        if not len(side):
            raise SettingsError(
                f"A split needs readings {what}; of '{readings.name}' none are left. Score other subjects, or another share of "
                "the sentences."
            )
    return split


def _refuse(shared: NDArray[np.str_], what: str, name: str) -> None:
    if len(shared):
        examples = "; ".join(map(str, shared[:_NAMED].tolist()))
        raise SettingsError(
            f"No {what} of '{name}' may be trained and tested on; {len(shared)} are on both sides, such as {examples}: the "
            "score would be that of memory. Split with training.data.reading_splits."
        )
