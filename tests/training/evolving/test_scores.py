"""Figures are ratios to the best reference picture, medians over units, and intervals that resample units."""

from __future__ import annotations

import numpy as np
import pytest

from bci_app.contract.errors import SettingsError
from training.evolving.evolution import ARMS, Evolved
from training.evolving.scores import HEADLINE, UnitResult, activation_curves, figures, judged, median, over
from training.evolving.targets import Judge, Target

IMAGES = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1).repeat(3, axis=3)
GUIDE = np.array([[1.0, 4.0, 2.0, 0.0, 3.0], [0.5, 0.5, 8.0, 1.0, 0.0]]).T
JUDGE = np.array([[2.0, 5.0, 9.0, 0.0, 3.0], [1.0, 1.0, 4.0, 1.0, 0.0]]).T


def grey(pictures: np.ndarray) -> np.ndarray:
    """The judge gives the grey level to both units."""
    return np.repeat(pictures[:, :1, 0, 0].astype(float), 2, axis=1)


TARGET = Target("world", ("one", "two"), grey, IMAGES, GUIDE, (Judge("other", grey, JUDGE),))


def made(response: float, grey_level: int) -> Evolved:
    picture = np.full((1, 1, 3), grey_level, np.uint8)
    return Evolved(picture, np.zeros(2, np.float32), response, np.array([0.0, 1.0]), np.array([response, 1.0]))


def result(unit: int, evolved: float, seed: int = 0) -> UnitResult:
    responses = (evolved, evolved / 2, evolved / 4)
    return UnitResult(TARGET, unit, seed, {arm: made(each, 10) for arm, each in zip(ARMS, responses, strict=True)})


def test_a_unit_is_compared_with_its_own_best_and_mean_reference() -> None:
    row = judged(result(0, 6.0), "evolved")
    assert row[HEADLINE] == 6 / 4
    assert row["response / mean of the reference pictures'"] == 6 / 2


def test_a_judge_compares_with_the_guide_s_choice_and_with_its_own() -> None:
    row = judged(result(0, 6.0), "evolved")
    assert row["judge (other): / the guide's best photograph"] == 10 / 5  # the guide chose number 1
    assert row["judge (other): / its own best photograph"] == 10 / 9


def test_figures_are_medians_of_each_arm_and_the_first_is_the_headline() -> None:
    found = figures([result(0, 6.0), result(1, 8.0), result(0, 10.0, seed=1)], seed=0)
    assert found[0].name == HEADLINE
    assert found[0].n == 3
    for arm, share in zip(ARMS, (1, 2, 4), strict=True):
        value, low, high = found[0].values[arm]
        assert value == np.median([6 / 4, 8 / 8, 10 / 4]) / share
        assert low <= value <= high


def test_a_unit_that_no_reference_picture_drives_has_no_ratio() -> None:
    silent = Target("world", ("one",), grey, IMAGES, np.zeros((5, 1)))
    arms = result(0, 6.0).arms
    with_it = figures([UnitResult(silent, 0, 0, arms), result(0, 6.0)], seed=0)
    assert with_it[0].n == 1
    assert np.isnan(over(1.0, 0.0))
    with pytest.raises(SettingsError, match="none takes a unit above zero"):
        figures([UnitResult(silent, 0, 0, arms)], seed=0)
    assert len(activation_curves([UnitResult(silent, 0, 0, arms)], seed=0)) == 0


def test_the_interval_resamples_units_and_not_their_seeds() -> None:
    values = np.array([1.0] * 50 + [2.0] * 50)
    alone = median(values, np.arange(100), 0)
    together = median(values, np.repeat([0, 1], 50), 0)
    assert (together[1], together[2]) == (1.0, 2.0)
    assert alone[0] == together[0] == 1.5
    assert median(np.full(9, 3.0), np.arange(9), 0) == (3.0, 3.0, 3.0)


def test_curves_never_fall_and_are_shares_of_the_best_reference() -> None:
    curves = activation_curves([result(0, 6.0), result(1, 12.0)], seed=0)
    assert [curve.arm for curve in curves] == list(ARMS)
    assert curves[0].centre == pytest.approx([1.5, 1.5])
    assert (np.diff(curves[2].centre) >= 0).all()
