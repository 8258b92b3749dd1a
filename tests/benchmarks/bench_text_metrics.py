"""Figures of text: the same as sacrebleu's and torchmetrics' on the same strings, and how often nothing is called a reading.

Random pairs of everything that tokenizers disagree about, and edge cases; then simulated readers of known ability, as many
as it takes to tell a false alarm in forty from one in twenty, on sets of test sentences of several shapes. About four minutes
on one core.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
from rich.progress import track
from sacrebleu.metrics import BLEU
from torchmetrics.functional.text import rouge_score, word_error_rate

from bci_app.text.rows import FIGURES, row_statistics
from bci_app.text.scores import Gap, matched_minus_shuffled, verdict
from tests.benchmarks.results import Row, publish
from tests.text.test_rows import pairs
from tests.text.worlds import world

N_PAIRS, N_RESAMPLES, N_WORLDS = 4000, 200, 400
READERS = ("constant", "guess", "length", "alike")
SHAPES: dict[str, dict[str, Any]] = {
    "60 sentences": {"n_sentences": 60},
    "20 sentences, one reader": {"n_sentences": 20, "n_subjects": 1, "n_tasks": 1},
    "12 sentences, 20 readers": {"n_sentences": 12, "n_subjects": 20, "n_tasks": 1},
    "20 sentences, none as long as another": {"n_tasks": 1, "lengths": range(4, 24)},
    "20 sentences of 3 to 60 words, none as long as another": {"n_tasks": 1, "lengths": range(3, 63, 3)},
}
"""Sets of test sentences, among them those in which guessing is most easily taken for reading."""
SHARE = 0.2
"""Share of words that the readers with information copy."""


def differences(n_pairs: int, n_resamples: int) -> dict[str, float]:
    """The largest difference of each figure over resamples of any size, in points; ROUGE and errors over all pairs and rows."""
    (read, shown), rng = pairs(n_pairs), np.random.default_rng(0)
    statistics, largest = row_statistics(read, shown), dict.fromkeys(FIGURES, 0.0)
    for _ in track(range(n_resamples), "BLEU"):
        drawn = rng.integers(0, len(read), int(rng.integers(1, 200)))
        texts, targets = [read[each] for each in drawn], [shown[each] for each in drawn]
        sums = statistics[drawn].sum(axis=0)
        for order in (1, 2, 3, 4):
            truth = BLEU(lowercase=True, max_ngram_order=order, force=True).corpus_score(texts, [targets]).score
            _note(largest, f"BLEU-{order}", abs(float(FIGURES[f"BLEU-{order}"](sums)) - truth))
    for drawn in [np.arange(len(read)), *np.array_split(rng.permutation(len(read)), 50)]:
        texts, targets = [read[each] for each in drawn], [shown[each] for each in drawn]
        rouge, sums = rouge_score(texts, targets, rouge_keys="rouge1"), statistics[drawn].sum(axis=0)
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("F", "fmeasure")):
            truth = 100 * float(rouge[f"rouge1_{theirs}"])
            _note(largest, f"ROUGE-1 {ours}", abs(float(FIGURES[f"ROUGE-1 {ours}"](sums)) - truth))
        truth = 100 * float(word_error_rate(texts, targets))
        _note(largest, "word error rate", abs(float(FIGURES["word error rate"](sums)) - truth))
    return largest


def _note(largest: dict[str, float], name: str, difference: float) -> None:
    largest[name] = max(largest[name], difference)


def gaps(reader: str, n_worlds: int, share: float, shape: str) -> list[Gap]:
    """Of readers who read other sentences each."""
    return [
        matched_minus_shuffled(*world(reader, seed, share=share, **SHAPES[shape]), n_draws=500)
        for seed in track(range(n_worlds), f"{reader}, {shape}, {share:.0%} read")
    ]


def main(arguments: list[str]) -> int:
    """1 if a figure was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_text_metrics")
    parser.add_argument("--worlds", type=int, default=N_WORLDS)
    n_worlds = parser.parse_args(arguments).worlds
    largest = differences(N_PAIRS, N_RESAMPLES)
    rows = [
        Row(f"{name}: largest difference, points", f"{value:.1e}", "< 1e-4", value < 1e-4)
        for name, value in largest.items()
    ]
    details: dict[str, object] = {"differences": largest, "pairs": N_PAIRS, "worlds": n_worlds}
    for reader, shape in product(READERS, SHAPES):
        found = gaps(reader, n_worlds, 0.0, shape)
        alarms = float(np.mean([verdict(each)[0] for each in found]))
        mean, plain = (
            float(np.mean([part.value for part in parts]))
            for parts in zip(*((g.gap, g.plain) for g in found), strict=True)
        )
        what = f"{reader}, {shape}, nothing read"
        rows.append(Row(f"{what}: called a reading", f"{alarms:.1%}", "<= 5 %", alarms <= 0.05))
        rows.append(Row(f"{what}: mean gap; any length", f"{mean:+.2f}; {plain:+.2f}", "|gap| < 0.4", abs(mean) < 0.4))
        details[what] = {"alarms": alarms, "gap": mean, "plain": plain}
    for reader in READERS:
        found = gaps(reader, n_worlds, SHARE, next(iter(SHAPES)))
        truth = float(np.mean([each.gap.value for each in found]))
        cover = float(np.mean([each.gap.low <= truth <= each.gap.high for each in found]))
        seen = float(np.mean([verdict(each)[0] for each in found]))
        rows.append(
            Row(
                f"{reader}, {SHARE:.0%} read: intervals that hold {truth:.1f}",
                f"{cover:.1%}",
                "92 to 98 %",
                0.92 <= cover <= 0.98,
            )
        )
        rows.append(Row(f"{reader}, {SHARE:.0%} read: seen", f"{seen:.1%}", ">= 95 %", seen >= 0.95))
        details[f"{reader}, {SHARE:.0%} read"] = {"gap": truth, "coverage": cover, "seen": seen}
    start, many = perf_counter(), world("guess", 0, n_sentences=110, n_subjects=13)
    matched_minus_shuffled(*many)
    rows.append(Row("1,430 rows of 110 sentences, 2,000 draws", f"{perf_counter() - start:.2f} s"))
    return int(not publish("text_metrics", rows, details))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
