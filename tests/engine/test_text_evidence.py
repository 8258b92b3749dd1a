"""What a session of reading comes to, and what a bundle's test allows to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_app.contract.manifest import Score, TextManifest
from bci_app.engine.events import SentenceRead
from bci_app.engine.text_evidence import RunningText
from bci_app.engine.text_views import NOT_DETECTED, NOT_TESTED, OwnTest
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED
from tests.tiny import tiny_text_bundle

SHOWN = tuple(f"{who} {does} it" for who in ("adam", "berta", "carl", "dora") for does in ("sees", "reads", "takes"))


def run(read: tuple[str, ...], noise: str = "nobody says so", waves: bool = False) -> RunningText:
    running = RunningText(waves)
    for number, (shown, text) in enumerate(zip(SHOWN, read, strict=True)):
        running.add(SentenceRead(number, shown, 3, text, noise), 3 if not waves else 100 + number)
    return running


def test_a_perfect_reader_scores_100_and_is_shuffled_as_its_words_fall() -> None:
    scores = run(SHOWN).scores()
    assert scores.eeg is not None
    assert scores.noise is not None
    assert (scores.n_scored, scores.eeg.matched) == (12, 100.0)
    # of the eleven others two share two words (who, it), three share two (does, it), six share one
    assert scores.eeg.shuffled == pytest.approx(100 * (5 * 2 + 6 * 1) / (11 * 3))
    assert (scores.noise.matched, scores.noise.gap.high) == (0.0, 0.0)
    assert scores.enough
    assert scores.convincing
    assert scores.verdict.startswith("Text was read from the EEG.")


def test_one_and_the_same_sentence_read_each_time_reads_nothing() -> None:
    scores = run(("adam reads it",) * 12).scores()
    assert scores.eeg is not None
    assert scores.eeg.gap.low <= 0 <= scores.eeg.gap.high
    assert not scores.convincing
    assert scores.verdict.startswith("No EEG information was detected.")


def test_durations_of_waves_are_hardly_ever_equal_and_are_shuffled_in_groups() -> None:
    words, waves = run(SHOWN).scores().eeg, run(SHOWN, waves=True).scores().eeg
    assert words is not None
    assert waves is not None
    assert (words.n_joined, waves.n_joined, waves.n) == (0, 12, 12)


def test_what_is_not_told_or_was_trained_on_is_counted_and_not_scored() -> None:
    running = RunningText(waves=False)
    assert running.scores().verdict == "Nothing has been read yet."
    running.add(SentenceRead(0, "", 3, "a b c", "d e f"), 3)
    assert "do not tell what was shown" in running.scores().verdict
    running.add(SentenceRead(1, "a b c", 3, "a b c", "d e f", known=True), 3)
    assert "trained on" in running.scores().verdict
    for number in (2, 3):
        running.add(SentenceRead(number, "g h i", 3, "a b c", "d e f"), 3)
    scores = running.scores()
    assert (scores.n_scored, scores.n_untold, scores.n_known, scores.eeg) == (2, 1, 1, None)
    assert "two different ones" in scores.verdict
    running.add(SentenceRead(4, "j k l", 3, "a b c", "d e f"), 3)
    assert running.scores().eeg is not None
    assert not running.scores().enough


def test_sentences_of_other_lengths_are_not_dealt_to_one_another() -> None:
    running = RunningText(waves=False)
    for number, shown in enumerate(("a b c", "d e f g h", "i j k l m n o p")):
        running.add(SentenceRead(number, shown, len(shown.split()), shown, ""), len(shown.split()))
    scores = running.scores()
    assert (scores.n_scored, scores.eeg, scores.convincing) == (3, None, False)
    assert scores.verdict == "3 sentences, none as long as another; a shuffle needs two of about the same length."


def test_the_same_two_sentences_again_and_again_are_two() -> None:
    running = RunningText(waves=False)
    for number in range(20):
        shown = ("a b c", "d e f")[number % 2]
        running.note(SentenceRead(number, shown, 3, shown, "x"), 3)
    scores = running.final()
    assert scores.eeg is not None
    assert (scores.eeg.n, scores.eeg.n_sentences, scores.enough, scores.convincing) == (20, 2, False, False)
    assert scores.verdict.startswith("2 sentences are too few")


@pytest.mark.parametrize(
    ("low", "high", "noise", "convincing", "words"),
    [
        (5.0, 9.0, 0.1, True, "EEG information was detected when"),
        (-0.4, 9.0, None, False, NOT_DETECTED),
        (0.0, 9.0, None, False, NOT_DETECTED),
        (-9.0, -1.0, None, False, NOT_DETECTED),
        (0.5, 9.0, 0.7, False, "noise scored"),
        (None, None, None, False, "too few sentences, or noise"),
    ],
)
def test_a_bundle_is_said_to_read_only_if_its_interval_lies_above_zero_and_above_noise(
    tmp_path: Path, low: float | None, high: float | None, noise: float | None, convincing: bool, words: str
) -> None:
    scores = [Score(name=name, value=7.0, low=low, high=high, noise_input=noise, n=40, held_out="sentences")
              for name in ("BLEU-1", MATCHED_MINUS_SHUFFLED)]  # fmt: skip
    manifest = tiny_text_bundle(tmp_path / "tiny", metrics=tuple(scores)).manifest
    assert isinstance(manifest, TextManifest)
    tested = OwnTest.of(manifest)
    assert tested.convincing is convincing
    assert words in tested.verdict
    assert tested.score == (None if low is None else scores[1])


def test_a_bundle_without_a_test_is_said_to_be_unknown(tmp_path: Path) -> None:
    manifest = tiny_text_bundle(tmp_path / "tiny").manifest
    assert isinstance(manifest, TextManifest)
    assert OwnTest.of(manifest) == OwnTest(None, False, NOT_TESTED)
