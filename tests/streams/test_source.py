"""Units, and the words with which a stream is told."""

from __future__ import annotations

import pytest

from bci_app.contract.errors import UnitError
from bci_app.streams.source import StreamDescription, microvolts_per


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        *((unit, 1.0) for unit in ("uV", "\u00b5V", "\u03bcV", "microvolts", "Microvolts", " uV ")),
        *((unit, 1e3) for unit in ("mV", "millivolts")),
        *((unit, 1e6) for unit in ("V", "volts", "Volt")),
        ("nV", 1e-3),
    ],
)
def test_voltages_are_scaled_to_microvolts(unit: str, scale: float) -> None:
    assert microvolts_per(unit, "stream 'x'") == scale


@pytest.mark.parametrize("unit", ["", "g", "MV", "a.u.", "counts"])
def test_what_is_no_voltage_is_refused_with_the_way_out(unit: str) -> None:
    with pytest.raises(UnitError, match=r"stream 'x' must be a voltage.*declare it"):
        microvolts_per(unit, "stream 'x'")


def test_declared_unit_serves_where_the_stream_gives_none() -> None:
    assert microvolts_per("", "stream 'x'", "mV") == 1e3
    assert microvolts_per("V", "stream 'x'", "mV") == 1e6


def test_declared_unit_must_be_a_voltage_too() -> None:
    with pytest.raises(UnitError, match=r"as declared.*'furlong'"):
        microvolts_per("", "stream 'x'", "furlong")


def test_description_tells_streams_of_one_name_apart() -> None:
    one = StreamDescription("Muse", "EEG", "id-1", "lab", "u", ("A",), "uV", 256.0, 1)
    assert str(one) == "'Muse' (EEG, 1 channels, 256 Hz, source_id 'id-1', host lab)"
