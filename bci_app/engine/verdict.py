"""What the figures of a decoder allow to say in one sentence, for a session and for a calibration alike."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bci_app.contract.manifest import Score

FEWEST = 10
"""Trials below which nothing is said."""
_SPREAD = 1 / math.sqrt(12)
"""Standard deviation of the score of one trial that is guessed: it lies anywhere from 0 to 1."""
_Z = 1.96

Interval = Mapping[str, float]
"""A score as ``value`` with its 95 % interval ``low`` to ``high``."""


def guessing(n_trials: int) -> tuple[float, float]:
    """Between which scores guessing comes to lie in 95 of 100 sessions of `n_trials` trials."""
    half = _Z * _SPREAD / math.sqrt(max(n_trials, 1))
    return 0.5 - half, 0.5 + half


def verdict(n_trials: int, real: Interval, twin: Interval, shuffled: Interval, signal: str) -> tuple[bool, str]:
    """Whether pictures were read from the signal, and the sentence that says so, or why not more.

    Parameters
    ----------
    n_trials : int
        Trials behind the scores.
    real, twin, shuffled : mapping of str to float
        Pairwise identification by the decoder, by the same decoder fed matched noise, and with a shuffled pairing.
    signal : str
        What it reads, such as ``"EEG"``.
    """
    if n_trials < FEWEST:
        return False, (
            f"{n_trials} trials are too few to say whether pictures were read from the {signal}; {FEWEST} are the least."
        )
    if twin["low"] > 0.5:
        return False, (
            f"The noise twin lies above chance, so something else than the {signal} gives the pictures away: check the "
            "set-up."
        )
    if real["low"] > max(0.5, twin["high"]) and real["value"] > shuffled["high"]:
        return True, (
            f"The pictures were read from the {signal}: the decoder's interval lies above chance and above its noise "
            "twin's, and its score above that of a shuffled pairing."
        )
    return False, f"This does not show that pictures were read from the {signal}: see the intervals."


def verdict_of(score: Score, signal: str) -> tuple[bool, str]:
    """The verdict on a decoder's own figure, whose controls are kept without intervals.

    That of the noise twin is taken to reach as far down as that of guessing.
    """
    assert score.low is not None
    assert score.high is not None
    assert score.noise_input is not None
    assert score.shuffled_pairing is not None
    below = score.noise_input - (0.5 - guessing(score.n)[0])
    real = {"value": score.value, "low": score.low, "high": score.high}
    twin = {"value": score.noise_input, "low": below, "high": score.noise_input}
    return verdict(score.n, real, twin, {"value": score.shuffled_pairing, "high": score.shuffled_pairing}, signal)
