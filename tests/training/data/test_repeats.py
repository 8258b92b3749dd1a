"""Averages of repeats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from tests.training.data.trials import numbered_trials
from training.data.repeats import average_repeats
from training.data.splits import leave_one_out


def test_repeats_of_a_picture_become_their_mean() -> None:
    trials = numbered_trials(pictures=["p", "q", "p", "q", "q", "r"], labels=["x", "y", "x", "y", "y", "z"])
    means = average_repeats(trials)
    assert (means.pictures, means.labels) == (("p", "q", "r"), ("x", "y", "z"))
    np.testing.assert_allclose(means.windows[:, 0, 0], [(0 + 2) / 2, (1 + 3 + 4) / 3, 5])
    np.testing.assert_allclose(means.windows[:, 1], -means.windows[:, 0])
    assert "average of 1 to 3 repeats" in means.notes[-1]
    assert means.windows.dtype == np.float32


def test_so_many_at_a_time_in_order() -> None:
    means = average_repeats(numbered_trials(pictures=["p", "p", "q", "p", "p", "p", "q"]), n=2)
    assert means.pictures == ("p", "q", "p")
    np.testing.assert_allclose(means.windows[:, 0, 0], [0.5, 4.0, 3.5])
    assert "1 trials were left out" in means.notes[-1]


def test_participants_are_not_averaged_with_each_other() -> None:
    means = average_repeats(numbered_trials(pictures=["p"] * 4, subjects=["x", "y", "x", "y"]))
    np.testing.assert_allclose(means.windows[:, 0, 0], [1, 2])
    assert means.subjects == ("x", "y")


def test_an_average_over_runs_belongs_to_none() -> None:
    trials = numbered_trials(pictures=["p", "p", "q", "q"], runs=["1", "1", "1", "2"], sessions=["s"] * 4)
    means = average_repeats(trials)
    assert (means.runs, means.sessions) == (("", ""), ("s", "s"))
    with pytest.raises(SettingsError, match="run"):
        leave_one_out(means, "run")


@pytest.mark.parametrize("restore", [False, True])
def test_noise_falls_by_the_square_root_of_the_number_and_can_be_restored(restore: bool) -> None:
    rng = np.random.default_rng(0)
    trials = numbered_trials(pictures=[f"p{number % 500}" for number in range(12000)])
    trials = replace(trials, windows=rng.normal(size=trials.windows.shape).astype(np.float32))
    means = average_repeats(trials, restore_noise=restore)
    assert means.windows.std() == pytest.approx(1 if restore else 24**-0.5, rel=0.05)
    assert ("multiplied by its square root" if restore else "factor of 4.90") in means.notes[-1]


def test_what_cannot_be_averaged_is_refused() -> None:
    with pytest.raises(SettingsError, match="does not name the picture"):
        average_repeats(numbered_trials(pictures=["p", ""]))
    with pytest.raises(SettingsError, match="up to 2 repeats; 3 were"):
        average_repeats(numbered_trials(pictures=["p", "p", "q"]), n=3)
    with pytest.raises(SettingsError, match="0 were"):
        average_repeats(numbered_trials(pictures=["p", "p", "q"]), n=0)
