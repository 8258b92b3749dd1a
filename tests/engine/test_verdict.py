"""The sentence follows from the intervals, and a guess is told from a reading."""

from __future__ import annotations

import math

import pytest

from bci_app.contract.manifest import Score
from bci_app.engine.verdict import verdict, verdict_of

ABOVE, GUESS = {"value": 0.8, "low": 0.7, "high": 0.9}, {"value": 0.5, "low": 0.45, "high": 0.55}


@pytest.mark.parametrize(
    ("n", "real", "twin", "shuffled", "told"),
    [
        (100, ABOVE, GUESS, GUESS, "The pictures were read from the fMRI"),
        (9, ABOVE, GUESS, GUESS, "9 trials are too few"),
        (100, ABOVE, ABOVE, GUESS, "The noise twin lies above chance"),
        (100, ABOVE, GUESS | {"high": 0.71}, GUESS, "This does not show"),
        (100, ABOVE, GUESS, GUESS | {"high": 0.81}, "This does not show"),
        (100, GUESS, GUESS, GUESS, "This does not show"),
    ],
)
def test_pictures_were_read_only_if_chance_noise_and_shuffle_lie_below(
    n: int, real: dict[str, float], twin: dict[str, float], shuffled: dict[str, float], told: str
) -> None:
    convincing, sentence = verdict(n, real, twin, shuffled, "fMRI")
    assert sentence.startswith(told)
    assert "fMRI" in sentence
    assert convincing is told.startswith("The pictures")


def score(value: float, low: float, noise: float, shuffled: float, n: int = 75) -> Score:
    return Score(
        name="x",
        value=value,
        low=low,
        high=1.0,
        chance=0.5,
        noise_input=noise,
        shuffled_pairing=shuffled,
        n=n,
        held_out="x",
    )


def test_a_noise_twin_is_above_chance_only_by_more_than_guessing_gives() -> None:
    """A guessed trial scores anywhere from 0 to 1, with variance 1/12: 75 of them have a standard error of 1/30."""
    border = 0.5 + 1.96 / 30
    assert math.isclose(math.sqrt(1 / 12 / 75), 1 / 30)
    assert verdict_of(score(0.9, 0.8, border - 1e-6, 0.5), "EEG")[0]
    convincing, sentence = verdict_of(score(0.9, 0.8, border + 1e-6, 0.5), "EEG")
    assert not convincing
    assert "noise twin lies above chance" in sentence


@pytest.mark.parametrize("made", [score(0.6, 0.49, 0.4, 0.4), score(0.6, 0.52, 0.53, 0.5), score(0.6, 0.52, 0.5, 0.61)])
def test_a_decoder_that_does_not_beat_a_control_does_not_convince(made: Score) -> None:
    assert verdict_of(made, "EEG") == (
        False,
        "This does not show that pictures were read from the EEG: see the intervals.",
    )
