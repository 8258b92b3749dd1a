"""``check`` says of a reader of text what it reads, and whether it was found to read."""

from __future__ import annotations

from pathlib import Path

from bci_app.contract.manifest import Score
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED
from tests.journeys.conftest import Command
from tests.tiny import tiny_text_bundle


def test_check_says_what_is_read_how_text_is_written_and_that_it_was_not_tested(
    tmp_path: Path, command: Command
) -> None:
    told = " ".join(command("check", tiny_text_bundle(tmp_path / "text").folder).out.split())
    assert "Bundle 'tiny reader of text' (eeg-text) is sound." in told
    assert "Reads: EEG of 2 channels at 128 Hz; up to 56 words a sentence" in told
    assert "Writes: free-running, greedy, from a vocabulary of 14 tokens, through 10 codes" in told
    assert "Whether this model reads is not known: it was not tested" in told


def test_check_shows_the_figure_that_tells_reading_from_guessing(tmp_path: Path, command: Command) -> None:
    score = Score(
        name=MATCHED_MINUS_SHUFFLED, value=0.3, low=-0.4, high=1.0, chance=0.0, n=30, held_out="Other sentences."
    )
    told = command("check", tiny_text_bundle(tmp_path / "text", "waves", metrics=(score,)).folder).out
    assert "Reads: EEG of 2 channels at 128 Hz; whole sentences of up to 60 s" in told
    assert "No EEG information was detected" in told
    assert "Held out: Other sentences." in told


def test_check_says_that_no_stream_carries_features(tmp_path: Path, command: Command) -> None:
    told = command("check", tiny_text_bundle(tmp_path / "text", "word-features").folder).out
    assert "Reads: features computed elsewhere from EEG, which no live stream carries" in " ".join(told.split())


def test_check_refuses_a_tokenizer_of_another_bundle(tmp_path: Path, command: Command) -> None:
    folder = tiny_text_bundle(tmp_path / "text").folder
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace('"dog"', '"cat"'))
    assert "tokenizer.json of bundle 'text'" in command("check", folder).complaint()
