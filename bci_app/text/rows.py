"""What each pair of a text read and the text shown adds to the scores, so that any selection of pairs is scored by sums.

BLEU is sacrebleu's (its tokenizer 13a, lowercase, exponential smoothing). ROUGE-1 and the word error rate are as torchmetrics
defines them, which the program does without: the mean of pairs over words of a to z and 0 to 9, and the errors of all pairs
over the words of all, words being what stands between spaces, with case and punctuation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU

from bci_app.contract.errors import SettingsError

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]

CONVENTIONS = (
    "BLEU: sacrebleu, tokenizer 13a, lowercase, exponential smoothing, one reference, orders up to n with equal weights. "
    "ROUGE-1: lowercase words of a to z and 0 to 9, mean over rows. Word error rate: words as they stand between spaces, "
    "errors of all rows over words of all rows."
)
"""How the figures are defined, for reports."""

_SENTENCE = BLEU(lowercase=True, tokenize="13a", effective_order=True)  # its statistics are those of the corpus
_NOT_ROUGE = re.compile(r"[^a-z0-9]+")
N_ORDERS = 4
_LENGTHS, _MATCHES, _TOTALS = slice(0, 2), slice(2, 2 + N_ORDERS), slice(2 + N_ORDERS, 2 + 2 * N_ORDERS)
_ROUGE, ROUGE_F, _ERRORS, _WORDS, _ROWS = 10, 12, 13, 14, 15


def row_statistics(read: Sequence[str], shown: Sequence[str]) -> Doubles:
    """Statistics (n, 16) of each pair; sums over pairs are what `FIGURES` take.

    In this order: tokens read, tokens shown, matching n-grams of order 1 to 4, n-grams read of order 1 to 4, ROUGE-1
    precision, recall and F, word errors, words shown, and 1.

    Raises
    ------
    SettingsError
        If there are not as many texts read as shown.
    """
    if len(read) != len(shown):
        raise SettingsError(f"Each text shown needs one that was read; got {len(shown)} and {len(read)}.")
    known: dict[tuple[str, str], tuple[float, ...]] = {}
    for pair in zip(read, shown, strict=True):
        if pair not in known:
            known[pair] = _statistics(*pair)
    rows = [known[pair] for pair in zip(read, shown, strict=True)]
    return np.array(rows, np.float64).reshape(len(rows), _ROWS + 1)


def _statistics(read: str, shown: str) -> tuple[float, ...]:
    bleu = _SENTENCE.sentence_score(read, [shown])
    words = shown.split()
    errors = edit_distance(read.split(), words)
    return (bleu.sys_len, bleu.ref_len, *bleu.counts, *bleu.totals, *_rouge(read, shown), errors, len(words), 1)


def _rouge(read: str, shown: str) -> tuple[float, float, float]:
    """Precision, recall and F of the words in common.

    Source: Lin 2004, "ROUGE: a package for automatic evaluation of summaries".
    """
    ours, theirs = (Counter(_NOT_ROUGE.sub(" ", text.lower()).split()) for text in (read, shown))
    hits = (ours & theirs).total()
    if hits == 0:
        return 0.0, 0.0, 0.0
    precision, recall = hits / ours.total(), hits / theirs.total()
    return precision, recall, 2 * precision * recall / (precision + recall)


def edit_distance(read: Sequence[str], shown: Sequence[str]) -> int:
    """Least number of words to insert, leave out or exchange that makes one out of the other.

    Source: Levenshtein 1966. A row of the table is filled at once: the cheapest way to come from the left is a running
    minimum of the costs less their place.
    """
    places = np.arange(len(shown) + 1)
    row, target = places.copy(), np.array(shown, dtype=object)
    for number, word in enumerate(read, 1):
        above = np.empty_like(row)
        above[0] = number
        above[1:] = np.minimum(row[1:] + 1, row[:-1] + (target != word))
        row = np.minimum.accumulate(above - places) + places
    return int(row[-1])


def bleu(sums: Doubles, order: int) -> Doubles:
    """BLEU of `order` in points (0 to 100) from summed statistics (..., 16), as ``BLEU.compute_bleu`` gives it.

    Source: Papineni et al. 2002; smoothing of orders without a match: Chen & Cherry 2014, method 3.
    """
    read, shown = np.moveaxis(sums[..., _LENGTHS], -1, 0)
    matches, totals = sums[..., _MATCHES][..., :order], sums[..., _TOTALS][..., :order]
    halvings = 2.0 ** np.cumsum(matches == 0, axis=-1)
    precision = np.where(matches == 0, 1 / halvings, matches) / np.maximum(totals, 1e-300)
    some = np.asarray(matches.any(axis=-1) & (totals > 0).all(axis=-1))
    logs = np.log(np.where(some[..., np.newaxis], precision, 1)).mean(axis=-1)
    brevity = np.minimum(0, 1 - shown / np.where(read > 0, read, 1))
    return np.asarray(np.where(some, 100 * np.exp(logs + brevity), 0.0))


def _share(sums: Doubles, part: int, whole: int) -> Doubles:
    return np.asarray(100 * sums[..., part] / np.maximum(sums[..., whole], 1e-300))


FIGURES: Mapping[str, Callable[[Doubles], Doubles]] = MappingProxyType(
    {
        **{f"BLEU-{order}": partial(bleu, order=order) for order in range(1, N_ORDERS + 1)},
        **{
            f"ROUGE-1 {name}": partial(_share, part=_ROUGE + place, whole=_ROWS)
            for place, name in enumerate(("precision", "recall", "F"))
        },
        "word error rate": partial(_share, part=_ERRORS, whole=_WORDS),
    }
)
"""Scores by name, each of summed statistics (..., 16), all in hundredths."""


def unigram_hits(read: Sequence[str], shown: Sequence[str]) -> tuple[Counts, Counts, Counts]:
    """Words in common of each text read with each text shown (n, m), and the lengths of both (n,) and (m,).

    They are BLEU's matches of order 1, for many pairs at once: a word that stands k times in both counts k times, so it is
    the sum over k of whether it stands at least k times in each.
    """
    ours, theirs = ([_tokens(text) for text in texts] for texts in (read, shown))
    places = {word: place for place, word in enumerate(dict.fromkeys(word for text in theirs for word in text))}
    counted_ours, counted_theirs = _counted(ours, places), _counted(theirs, places)
    hits = np.zeros((len(read), len(shown)), np.float32)
    for times in range(1, int(counted_theirs.max(initial=0)) + 1):
        hits += (counted_ours >= times).astype(np.float32) @ (counted_theirs >= times).astype(np.float32).T
    return (
        hits.astype(np.int64),
        np.array([len(t) for t in ours], np.int64),
        np.array([len(t) for t in theirs], np.int64),
    )


def _tokens(text: str) -> list[str]:
    """Words as BLEU counts them."""
    split: str = _SENTENCE.tokenizer(text.lower().rstrip())
    return split.split()


def _counted(texts: Sequence[Sequence[str]], places: Mapping[str, int]) -> NDArray[np.uint16]:
    """How often each known word stands in each text (n_texts, n_words)."""
    table = np.zeros((len(texts), len(places)), np.uint16)
    for row, text in zip(table, texts, strict=True):
        np.add.at(row, [places[word] for word in text if word in places], 1)
    return table
