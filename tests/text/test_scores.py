"""Matched minus shuffled tells reading from guessing, and from knowing how long a sentence was."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.text.rows import FIGURES, row_statistics
from bci_app.text.scores import Estimate, Gap, matched_minus_shuffled, resampled, verdict
from tests.text.worlds import world


def bleu_1(read: list[str], shown: list[str]) -> float:
    return float(FIGURES["BLEU-1"](row_statistics(read, shown).sum(axis=0)))


def test_matched_is_bleu_and_shuffled_that_of_all_deals_of_other_sentences() -> None:
    read = ["w1 w2 w3", "w1 w5 w6", "w7 w8 w9", "w2 w2 w4"]
    shown = ["w1 w2 w4", "w5 w6 w1", "w7 w2 w1", "w2 w2 w4"]
    found = matched_minus_shuffled(read, shown, ["t"] * 4, [3] * 4, n_draws=10)
    deals = [
        [shown[place] for place in deal] for deal in permutations(range(4)) if all(p != i for i, p in enumerate(deal))
    ]
    assert found.matched == pytest.approx(bleu_1(read, shown))
    assert found.shuffled == pytest.approx(np.mean([bleu_1(read, dealt) for dealt in deals]))
    assert found.gap.value == pytest.approx(found.matched - found.shuffled, abs=1e-8)
    assert (found.n, found.n_sentences, found.n_joined, found.n_alone) == (4, 4, 0, 0)


def test_a_reader_of_everything_scores_all_that_others_sentences_do_not() -> None:
    _, shown, tasks, steps = world("constant", 0)
    found = matched_minus_shuffled(shown, shown, tasks, steps)
    assert found.matched == pytest.approx(100)
    assert found.gap.low > 50
    assert found.p == pytest.approx(1 / 2001)
    assert verdict(found)[0]


@pytest.mark.parametrize("reader", ["constant", "guess", "length"])
def test_who_does_not_read_has_no_gap(reader: str) -> None:
    found = [matched_minus_shuffled(*world(reader, seed), n_draws=200) for seed in range(20)]
    gaps = np.array([each.gap.value for each in found])
    assert abs(gaps.mean()) < 3 * max(gaps.std() / np.sqrt(20), 0.02)
    assert sum(verdict(each)[0] for each in found) <= 2


def test_a_constant_output_has_exactly_none() -> None:
    found = matched_minus_shuffled(*world("constant", 3, n_subjects=4), n_draws=50)
    assert (found.gap.value, found.gap.low, found.gap.high, found.p) == (0, 0, 0, 1)
    read, words = verdict(found)
    assert not read
    assert words.startswith("No EEG information was detected.")
    assert words.endswith("what was read is the same for all sentences of a task and length.")


def test_length_alone_shows_in_the_plain_shuffle_and_not_in_the_gap() -> None:
    found = matched_minus_shuffled(*world("length", 1, n_sentences=300, n_subjects=1))
    assert found.plain.low > 0.5
    assert abs(found.gap.value) < 0.2
    assert found.length.value == pytest.approx(found.plain.value - found.gap.value, abs=1e-8)
    assert found.length.low > 0.5


def test_intervals_cover_the_truth_and_see_information() -> None:
    found = [matched_minus_shuffled(*world("guess", seed, share=0.2), n_draws=200) for seed in range(40)]
    truth = np.mean([each.gap.value for each in found])
    assert np.mean([each.gap.low <= truth <= each.gap.high for each in found]) >= 0.85
    assert all(verdict(each)[0] for each in found)


def test_rows_of_a_sentence_are_resampled_together() -> None:
    once, shown, tasks, steps = world("guess", 5, n_subjects=1)
    few = matched_minus_shuffled(once, shown, tasks, steps).gap
    many = matched_minus_shuffled(once * 8, shown * 8, tasks * 8, steps * 8).gap
    assert many.value == pytest.approx(few.value)
    assert many.high - many.low == pytest.approx(few.high - few.low, rel=1e-6)


def test_sentences_are_the_same_by_their_words() -> None:
    read, shown, tasks, steps = world("guess", 2, n_subjects=2)
    printed = [text.upper() + "." if number % 2 else text + "." for number, text in enumerate(shown)]
    plain, found = (matched_minus_shuffled(read, texts, tasks, steps, n_draws=10) for texts in (shown, printed))
    assert (found.n, found.n_sentences) == (plain.n, plain.n_sentences)
    assert found.n == 2 * found.n_sentences


def test_joined_rows_and_rows_alone_are_counted() -> None:
    read = ["w1", "w2", "w3", "w4", "w5"]
    found = matched_minus_shuffled(read, read, ["t", "t", "t", "t", "other"], [3, 3, 5, 6, 3], n_draws=10)
    assert (found.n, found.n_joined, found.n_alone) == (4, 2, 1)
    without = matched_minus_shuffled(read[:4], read[:4], ["t"] * 4, [3, 3, 5, 6], n_draws=10)
    assert (without.gap, without.plain) == (found.gap, found.plain)


def test_one_sentence_of_another_length_does_not_let_length_show() -> None:
    rng, words = np.random.default_rng(0), "abcdefghij"
    shown = [" ".join(rng.permutation(list(words))) for _ in range(20)] + ["x"]
    found = matched_minus_shuffled([" ".join(words)] * 20 + ["x"], shown, ["t"] * 21, [10] * 20 + [1], n_draws=50)
    assert (found.gap.value, found.n_alone) == (0, 1)


@pytest.mark.parametrize("lengths", [range(4, 24), range(3, 63, 3)])
def test_length_earns_nothing_where_no_two_sentences_are_as_long(lengths: range) -> None:
    worlds = [world("length", seed, n_subjects=1, n_tasks=1, lengths=lengths) for seed in range(20)]
    found = [matched_minus_shuffled(*each, n_draws=200) for each in worlds]
    assert abs(np.mean([each.gap.value for each in found])) < 0.5
    assert sum(verdict(each)[0] for each in found) <= 1


def test_readers_who_err_alike_are_dealt_together() -> None:
    """Dealt row by row, one in three of these p values is below 0.05."""
    worlds = [world("alike", seed, n_sentences=20, n_subjects=12, n_tasks=1) for seed in range(60)]
    assert np.mean([matched_minus_shuffled(*each, n_draws=100).p <= 0.05 for each in worlds]) <= 0.1


def test_an_interval_reaches_zero_where_shuffles_often_do_as_well() -> None:
    """Two pairs that are told apart: one deal in four is the true one."""
    shown = ["a b", "c d", "e f g h i", "k l m n o"]
    found = matched_minus_shuffled(shown, shown, ["t"] * 4, [2, 2, 5, 5], n_draws=400)
    assert found.gap.value == pytest.approx(100)
    assert found.p == pytest.approx(0.25, abs=0.07)
    assert found.gap.low == 0


def test_no_shuffle_without_another_sentence() -> None:
    with pytest.raises(SettingsError, match="two sentences of the same task and length"):
        matched_minus_shuffled(["a", "b"], ["a", "b"], ["t", "u"], [1, 1])
    with pytest.raises(SettingsError, match="two sentences of the same task and length"):
        matched_minus_shuffled(["a", "b"], ["a", "b"], ["t", "t"], [4, 9])
    with pytest.raises(SettingsError, match="got 1, 2, 2 and 2"):
        matched_minus_shuffled(["a"], ["a", "b"], ["t", "t"], [1, 1])


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(size=400), np.ones(400)])
    found = resampled(values, np.arange(400), lambda sums: sums[..., 0] / sums[..., 1], 4000)
    error = values[:, 0].std(ddof=1) / np.sqrt(400)
    assert found.value == pytest.approx(values[:, 0].mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.966 * error, rel=0.06)
    few = resampled(values[:8], np.arange(8), lambda sums: sums[..., 0] / sums[..., 1], 4000)
    error = values[:8, 0].std(ddof=1) / np.sqrt(8)
    assert (few.high - few.low) / 2 == pytest.approx(2.365 * error, rel=0.1)


GAP = Gap(20.0, 10.0, Estimate(10.0, 8.0, 12.0), 0.001, Estimate(11, 9, 13), Estimate(1, 0, 2), 100, 50, 0, 0)


def test_the_verdict_is_told_in_words() -> None:
    read, words = verdict(GAP)
    assert read
    assert words.startswith("Text was read from the EEG. BLEU-1 is 20.0 with the sentences shown and 10.0 with others")
    assert "+10.0 points, 95 % interval +8.0 to +12.0" in words


@pytest.mark.parametrize(
    ("gap", "why"),
    [
        (
            replace(GAP, gap=Estimate(0.3, -0.2, 0.8)),
            "which contains zero. A difference of about 0.5 points would have been seen.",
        ),
        (replace(GAP, gap=Estimate(0.0, 0.0, 0.5)), "contains zero"),
        (replace(GAP, gap=Estimate(-1.0, -2.0, -0.5)), "Check the pairing"),
        (replace(GAP, gap=Estimate(10.0, 0.0, 12.0), p=0.2), "20 % of shuffles reach that score"),
    ],
)
def test_what_was_not_detected_is_said_so(gap: Gap, why: str) -> None:
    read, words = verdict(gap)
    assert not read
    assert words.startswith("No EEG information was detected.")
    assert why in words


def test_few_sentences_and_readable_noise_are_told() -> None:
    assert verdict(replace(GAP, n_sentences=9)) == (
        False,
        "9 sentences are too few to say whether text was read from the EEG; 10 are the least.",
    )
    read, words = verdict(GAP, noise=GAP)
    assert not read
    assert words.startswith("Something else than the EEG tells the sentences apart")
    read, words = verdict(GAP, noise=replace(GAP, gap=Estimate(8.5, -1, 18)))
    assert not read
    assert "but fed noise, the same model reaches as much: +8.5 points" in words
    assert verdict(GAP, noise=replace(GAP, gap=Estimate(0.1, -1, 1)))[0]
