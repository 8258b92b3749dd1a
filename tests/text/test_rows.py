"""Sums over rows give what sacrebleu and torchmetrics give for the same strings."""

from __future__ import annotations

import numpy as np
import pytest
from sacrebleu.metrics import BLEU
from torchmetrics.functional.text import edit_distance as edits_of_characters
from torchmetrics.functional.text import rouge_score, word_error_rate

from bci_app.contract.errors import SettingsError
from bci_app.text.rows import FIGURES, bleu, edit_distance, row_statistics, unigram_hits

PIECES = (
    "the",
    "The",
    "cat",
    "cat's",
    "dog.",
    "of",
    "10,000",
    "naïve",
    "ΣΑΣ",
    "日本",
    "-",
    "well-known",
    "U.S.",
    "&quot;",
    "\n",
    "!",
    "İstanbul",
    "ﬁne",
    "…",
    "“no”",
    "a\u00a0b",
    "3.5",
    "1,000.",
    "<skipped>",
    "&amp;lt;",
    "e\u0301t\u00e9",
    "🙂",
    "\t",
    "don't!?",
)
EDGES = [
    ("", "a word"),
    ("a word", ""),
    ("", ""),
    (".", "."),
    ("the the the the", "the"),
    ("a", "a"),
    ("A B", "a b"),
    (" x ", "x"),
    ("!", "word"),
    ("word", "word word word word word"),
    ("   ", "a word"),
    ("\u3000", "\u3000"),
    ("🙂", "🙂"),
    ("ÉTÉ", "été"),
    ("the. the, the; the", "the the"),
]


def pairs(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Random texts with all that tokenizers disagree about, and the edge cases."""
    rng = np.random.default_rng(seed)
    made = [
        (" ".join(rng.choice(PIECES, rng.integers(0, 12))), " ".join(rng.choice(PIECES, rng.integers(1, 12))))
        for _ in range(n)
    ]
    read, shown = zip(*made, *EDGES, strict=True)
    return list(read), list(shown)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu_of_any_resample_is_that_of_sacrebleu(order: int) -> None:
    (read, shown), rng = pairs(150), np.random.default_rng(order)
    statistics, corpus = row_statistics(read, shown), BLEU(lowercase=True, max_ngram_order=order)
    for size in (1, 1, 1, 2, 2, 5, 20, 150):
        drawn = rng.integers(0, len(read), size)
        truth = corpus.corpus_score([read[each] for each in drawn], [[shown[each] for each in drawn]]).score
        assert float(FIGURES[f"BLEU-{order}"](statistics[drawn].sum(axis=0))) == pytest.approx(truth, abs=1e-9)


def test_bleu_of_every_single_pair_is_that_of_its_sums_in_sacrebleu() -> None:
    statistics = row_statistics(*pairs(300))
    for order in (1, 2, 3, 4):
        truth = [
            BLEU.compute_bleu(
                list(row[2 : 2 + order]),
                list(row[6 : 6 + order]),
                int(row[0]),
                int(row[1]),
                "exp",
                max_ngram_order=order,
            ).score
            for row in statistics
        ]
        np.testing.assert_allclose(bleu(statistics, order), truth, atol=1e-9)


def test_rouge_and_word_error_rate_are_those_of_torchmetrics() -> None:
    read, shown = pairs(300)
    sums = row_statistics(read, shown).sum(axis=0)
    truth = rouge_score(read, shown, rouge_keys="rouge1")
    for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("F", "fmeasure")):
        assert float(FIGURES[f"ROUGE-1 {ours}"](sums)) == pytest.approx(
            100 * float(truth[f"rouge1_{theirs}"]), rel=1e-5
        )
    assert float(FIGURES["word error rate"](sums)) == pytest.approx(100 * float(word_error_rate(read, shown)), rel=1e-5)


def test_each_row_has_the_rouge_of_torchmetrics_and_each_edit_its_distance() -> None:
    read, shown = pairs(40, seed=1)
    for row, ours, theirs in zip(row_statistics(read, shown), read, shown, strict=True):
        truth = rouge_score(ours, theirs, rouge_keys="rouge1")
        np.testing.assert_allclose(
            row[10:13], [float(truth[f"rouge1_{key}"]) for key in ("precision", "recall", "fmeasure")], rtol=1e-6
        )
        letters = [chr(97 + PIECES.index(word)) if word in PIECES else "?" for word in ours.split()]
        targets = [chr(97 + PIECES.index(word)) if word in PIECES else "!" for word in theirs.split()]
        if letters and targets:
            assert edit_distance(letters, targets) == int(
                edits_of_characters("".join(letters), "".join(targets), reduction="sum")
            )


def test_words_in_common_of_all_pairs_are_the_matches_of_each() -> None:
    read, shown = pairs(25)
    hits, n_read, n_shown = unigram_hits(read, shown)
    each = row_statistics([text for text in read for _ in shown], shown * len(read)).reshape(len(read), len(shown), -1)
    np.testing.assert_array_equal(hits, each[..., 2])
    np.testing.assert_array_equal(n_read, each[:, 0, 0])
    np.testing.assert_array_equal(n_shown, each[0, :, 1])


def test_a_text_read_for_each_that_was_shown() -> None:
    with pytest.raises(SettingsError, match="got 2 and 1"):
        row_statistics(["a"], ["a", "b"])
