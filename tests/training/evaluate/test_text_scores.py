"""A reader that reads is told from one that says nothing of its own and from one that knows the length alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from bci_app.text.rows import FIGURES, row_statistics
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED, Estimate
from tests.text.worlds import WORDS
from tests.training.evaluate.text_world import N_CODES, ROWS, TellingReader, word_readings
from training.data.readings import Floats, Reading, Readings
from training.evaluate.text_findings import TextFindings, bundle_scores
from training.evaluate.text_inputs import NOISE, OTHER_SENTENCE, OTHER_SUBJECT, REAL, ZEROS
from training.evaluate.text_scores import ALONE, CONSTANT, FREQUENT, OF_THAT_LENGTH, score_text

TRAIN, TEST = word_readings(60, seed=2), word_readings(40, seed=1)


@pytest.fixture(scope="module")
def found() -> dict[str, TextFindings]:
    """By what the reader reads."""
    return {
        reads: score_text(TellingReader(reads), TRAIN, TEST, held_out="sentences") for reads in ("nothing", "length")
    } | {
        "all": score_text(TellingReader("all"), TRAIN, TEST, noise_model=TellingReader("nothing"), held_out="sentences")
    }


def test_who_reads_everything_is_found_out(found: dict[str, TextFindings]) -> None:
    every = found["all"]
    read, words = every.verdict
    assert read
    assert words.startswith("Text was read from the EEG.")
    real = every.inputs[0]
    for figure in ("BLEU-1", "BLEU-4", "ROUGE-1 F"):
        assert real.figures[figure].value == pytest.approx(100)
    assert real.figures["word error rate"].value == 0
    assert real.similarity.value == pytest.approx(1)
    assert real.similarity_shuffled is not None
    assert real.similarity_shuffled < 0.7
    assert real.similarity_gap is not None
    assert real.similarity_gap.low > 0
    assert every.gap.gap.low > 40
    assert every.gap.p == pytest.approx(1 / 2001)


@pytest.mark.parametrize("reads", ["nothing", "length"])
def test_who_does_not_read_is_found_out(found: dict[str, TextFindings], reads: str) -> None:
    read, words = found[reads].verdict
    assert not read
    assert words.startswith("No EEG information was detected.")
    assert abs(found[reads].gap.gap.value) < 1


def test_length_alone_shows_in_the_plain_shuffle() -> None:
    many = score_text(TellingReader("length"), TRAIN, word_readings(300, n_subjects=1, seed=5))
    assert many.gap.plain.low > 0.3
    assert abs(many.gap.gap.value) < 0.1


def test_controls_lose_what_the_signal_told(found: dict[str, TextFindings]) -> None:
    every = found["all"]
    assert [each.name for each in every.inputs] == [
        REAL,
        OTHER_SENTENCE,
        OTHER_SUBJECT,
        NOISE,
        ZEROS,
        f"model trained on noise, given {REAL}",
        f"model trained on noise, given {NOISE}",
    ]
    assert [each.name for each in every.baselines] == [CONSTANT, FREQUENT, OF_THAT_LENGTH, ALONE]
    other = every.said(OTHER_SENTENCE)
    assert other.gap is None
    assert other.similarity_shuffled is None
    assert other.similarity_gap is None
    assert other.figures["BLEU-1"].low < every.gap.shuffled < other.figures["BLEU-1"].high
    for name in (NOISE, ZEROS, CONSTANT, FREQUENT, OF_THAT_LENGTH, ALONE):
        gap = every.said(name).gap
        assert gap is not None
        assert gap.gap.value < 8
    assert every.said(OTHER_SUBJECT).figures["BLEU-1"].value == pytest.approx(100)
    assert every.said(ZEROS).n_distinct == 8  # lengths


def test_figures_are_those_of_the_texts(found: dict[str, TextFindings]) -> None:
    said, shown = found["all"].said(CONSTANT), [item.sentence for item in TEST.items]
    sums = row_statistics([found["all"].best_constant] * len(TEST), shown).sum(axis=0)
    for name, figure in FIGURES.items():
        assert said.figures[name].value == pytest.approx(float(figure(sums)))
        assert said.figures[name].low <= said.figures[name].value <= said.figures[name].high
    assert (said.n, said.n_distinct, said.most_common_share) == (80, 1, 1.0)
    assert said.most_common == found["all"].best_constant


def test_retrieval_stands_beside_its_chance(found: dict[str, TextFindings]) -> None:
    reads, not_ = (found[name].inputs[0].retrieval for name in ("all", "nothing"))
    assert reads is not None
    assert not_ is not None
    as_long = np.array([len({other.key for other in TEST.items if same_kind(item, other)}) for item in TEST.items])
    as_long = as_long[as_long > 1]
    assert reads.n_candidates == pytest.approx(as_long.mean(), abs=0.1)  # a few that stand alone are joined
    assert reads.chance_1 == pytest.approx((1 / as_long).mean(), abs=0.01)
    assert reads.top_1.value == 1
    assert reads.ratio.value == pytest.approx(1 / reads.chance_1)
    assert not_.ratio.low <= 1
    noise = found["all"].said(NOISE).retrieval
    assert noise is not None
    assert noise.ratio.low <= 1 <= noise.ratio.high


def test_the_length_alone_finds_no_sentence(found: dict[str, TextFindings]) -> None:
    knows_length = found["length"].inputs[0].retrieval
    assert knows_length is not None
    assert knows_length.ratio.value == pytest.approx(1)
    assert knows_length.rank.value == pytest.approx(0.5)


def same_kind(one: Reading, other: Reading) -> bool:
    return (one.task, len(one.signal)) == (other.task, len(other.signal))


def test_use_of_codes_is_counted(found: dict[str, TextFindings]) -> None:
    training, test = found["all"].codes
    numbers = np.concatenate([item.signal[:, 0] for item in TEST.items]).astype(int)
    share = np.bincount(numbers) / len(numbers)
    assert (test.n_codes, test.n_states) == (N_CODES, len(numbers))
    assert test.share_used == pytest.approx(len(set(numbers)) / N_CODES)
    assert test.perplexity == pytest.approx(np.exp(-(share[share > 0] * np.log(share[share > 0])).sum()))
    assert sum(training.counts) == training.n_states
    assert found["nothing"].codes[0].perplexity == pytest.approx(1)


def test_teacher_forcing_looks_the_same_for_noise(found: dict[str, TextFindings]) -> None:
    forced = found["nothing"].teacher_forced
    assert set(forced) == {REAL, NOISE}
    assert forced[NOISE].value == pytest.approx(100)


def test_tasks_and_subjects_have_their_own_figure(found: dict[str, TextFindings]) -> None:
    every = found["all"]
    assert [part.name for part in every.by_task] == ["task 0", "task 1"]
    assert [part.name for part in every.by_subject] == ["s0", "s1"]
    assert sum(part.gap.n for part in every.by_task) == sum(part.gap.n for part in every.by_subject) == every.gap.n
    assert all(part.gap.gap.low > 30 for part in (*every.by_task, *every.by_subject))


def test_examples_are_drawn_and_best_and_worst_are_named(found: dict[str, TextFindings]) -> None:
    examples = found["length"].examples
    drawn = [each for each in examples if each.why == "drawn at random"]
    assert len({each.shown for each in drawn}) == len(drawn) == 8
    best, worst = examples[-2:]
    assert (best.why, worst.why) == ("the best", "the worst")
    assert best.rouge == max(each.rouge for each in examples)
    assert worst.rouge == min(each.rouge for each in examples)


def test_the_bundle_keeps_the_primary_figure_first_with_its_controls(found: dict[str, TextFindings]) -> None:
    scores = bundle_scores(found["all"])
    first = scores[0]
    assert first.name == MATCHED_MINUS_SHUFFLED
    assert (first.value, first.chance, first.n, first.held_out) == (
        found["all"].gap.gap.value,
        0,
        found["all"].gap.n,
        "sentences",
    )
    noise = found["all"].said(NOISE).gap
    assert noise is not None
    assert first.noise_input == noise.gap.value
    dealt = found["all"].said(OTHER_SENTENCE).figures["BLEU-1"].value
    assert first.shuffled_pairing == pytest.approx(dealt - found["all"].gap.shuffled)
    names = [score.name for score in scores]
    assert names[1:5] == ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"]
    assert any(name.startswith("top-1 retrieval of") for name in names)
    assert all(score.low is not None for score in scores)
    dealt = ("retrieval", "fit less well", "minus shuffled")
    for score in scores:
        among = found["all"].gap.n if any(word in score.name for word in dealt) else 80
        assert score.n == among


def test_findings_are_plain_values(found: dict[str, TextFindings]) -> None:
    kept = json.loads(json.dumps(found["length"].as_json(), allow_nan=False))
    assert kept["text_was_read"] is False
    assert kept["inputs"][0]["name"] == REAL
    assert kept["inputs"][0]["figures"]["BLEU-1"]["value"] == found["length"].inputs[0].figures["BLEU-1"].value


def test_sentences_that_were_trained_on_are_told() -> None:
    known = replace(TEST, items=TEST.items + TRAIN.items[:5])
    found = score_text(TellingReader("all"), TRAIN, known)
    assert found.n_seen == 5
    assert "5 of 85 test readings are of sentences that were trained on" in found.verdict[1]


def test_who_knows_all_sentences_recognises_them_and_reads_none() -> None:
    found = score_text(TellingReader("all"), TEST, TEST)
    read, words = found.verdict
    assert not read
    assert words.startswith("Known sentences were told apart by their EEG; no new one was read. BLEU-1 is 100.0")
    assert "80 of 80 test readings are of sentences that were trained on" in words
    assert bundle_scores(found)[0].low is not None


def test_an_input_that_is_missing_is_told() -> None:
    found = score_text(TellingReader("all"), TRAIN, word_readings(30, n_subjects=1, seed=3))
    assert OTHER_SUBJECT not in [each.name for each in found.inputs]
    assert "Another subject's EEG: 30 of 30 test readings have none: nobody else read their sentences." in found.notes


def test_what_another_subject_read_is_shuffled_by_its_own_length() -> None:
    def skipping(item: Reading, n_skipped: int) -> Reading:
        return replace(item, signal=item.signal[: len(item.signal) - n_skipped])

    rng, many = np.random.default_rng(0), word_readings(120, seed=4, n_tasks=1)
    items = tuple(skipping(item, int(rng.integers(0, 3))) for item in many.items)
    lent = score_text(TellingReader("length"), TRAIN, replace(many, items=items)).said(OTHER_SUBJECT).gap
    assert lent is not None
    assert lent.n_joined == 0
    assert lent.gap.value == 0
    assert lent.plain.value > 0


class KnowsWhoReads(TellingReader):
    """Says the words that a reader's sentences begin with, whatever the sentence: `who` is the second number of each word."""

    def __init__(self) -> None:
        super().__init__("nothing")

    def generate(self, signals: Sequence[Floats]) -> list[str]:
        return [" ".join(WORDS[100 * int(signal[0, 1]) :][:3]) for signal in signals]


def own_texts(n_sentences: int, n_subjects: int = 2) -> Readings:
    """Readers who each read sentences of their own, of words that nobody else reads; no word tells which sentence."""
    items = []
    for subject in range(n_subjects):
        rng = np.random.default_rng(subject)
        for number in range(n_sentences):
            words = (*WORDS[100 * subject :][rng.permutation(8)[:5]], WORDS[100 * subject + 10 + number])
            signal = np.full((6, 3), subject, np.float32)
            items.append(Reading(" ".join(words), signal, f"s{subject}", "task", words))
    return Readings(tuple(items), "word-features", ROWS, name="books")


def test_who_knows_only_who_reads_does_not_read() -> None:
    books = own_texts(30)
    found = score_text(KnowsWhoReads(), books, books)
    assert found.gap.matched > 20
    assert abs(found.gap.gap.value) < 3
    assert found.gap.gap.low <= 0
    assert not found.verdict[0]
    assert found.notes[0].startswith(
        "Not all readers of a task read the same sentences: sentences were dealt within 2 groups"
    )


def test_a_bundle_has_an_interval_only_if_the_verdict_lets_it_speak(found: dict[str, TextFindings]) -> None:
    every = found["all"]
    real, noise = every.inputs[0], every.said(NOISE)
    assert real.gap is not None
    assert noise.gap is not None
    few = replace(every, inputs=(replace(real, gap=replace(real.gap, n_sentences=9)), *every.inputs[1:]))
    told = replace(noise, gap=replace(noise.gap, gap=Estimate(2.0, 1.0, 3.0)))
    leaks = replace(every, inputs=tuple(told if each is noise else each for each in every.inputs))
    for findings, read in ((every, True), (few, False), (leaks, False)):
        assert findings.verdict[0] is read
        first = bundle_scores(findings)[0]
        assert ((first.low is not None), (first.high is not None)) == (read, read)
        assert first.value == every.gap.gap.value


def test_progress_is_told_and_ends() -> None:
    steps: list[tuple[int, int, str]] = []
    score_text(TellingReader("nothing"), TRAIN, TEST, progress=lambda *step: steps.append(step))
    assert [done for done, _, _ in steps] == list(range(len(steps)))
    assert {total for _, total, _ in steps} == {steps[-1][0]}


@pytest.mark.parametrize("test", [replace(TEST, items=()), replace(TEST, items=TEST.items[:1])])
def test_too_few_readings_are_refused(test: Readings) -> None:
    with pytest.raises(
        SettingsError, match=r"must be of one kind and not be empty|must hold two sentences of one task"
    ):
        score_text(TellingReader("all"), TRAIN, test)
