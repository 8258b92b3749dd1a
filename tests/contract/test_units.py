"""Seconds and samples."""

from __future__ import annotations

import math

import pytest

from bci_app.contract.errors import RateError, UnitError
from bci_app.contract.units import UNITS, Frequency, parse_unit


@pytest.mark.parametrize(
    ("hz", "seconds", "samples"),
    [(250, 0.1, 25), (250, 0.102, 26), (256, 0.7, 179), (512, 1.5 / 512, 2), (512, 2.5 / 512, 3), (1000, -0.2, -200)],
)
def test_seconds_become_the_nearest_sample_and_halves_go_up(hz: float, seconds: float, samples: int) -> None:
    assert Frequency(hz).samples(seconds) == samples


def test_samples_become_seconds_and_back() -> None:
    rate = Frequency(2048.0)
    assert all(rate.samples(rate.seconds(n)) == n for n in range(0, 10_000, 7))


@pytest.mark.parametrize("hz", [0.0, -250.0, math.nan, math.inf])
def test_an_impossible_rate_is_refused(hz: float) -> None:
    with pytest.raises(RateError, match="above 0 Hz"):
        Frequency(hz)


def test_the_unit_of_a_file_is_one_of_three() -> None:
    assert [parse_unit(unit) for unit in UNITS] == ["uV", "count", "au"]
    with pytest.raises(UnitError, match="Samples are in uV, count, au; got 'furlong'"):
        parse_unit("furlong")
