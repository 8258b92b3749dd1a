"""Units, and the words with which a stream is told."""

from __future__ import annotations

import pytest

from bci_app.contract.errors import UnitError
from bci_app.contract.units import Unit
from bci_app.streams.source import StreamDescription, nothing_found, scale_to, several_found, short, unit_of


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
    assert scale_to("uV", unit, "stream 'x'") == scale


@pytest.mark.parametrize("unit", ["", "g", "MV", "a.u.", "counts"])
def test_what_is_no_voltage_is_refused_with_the_way_out(unit: str) -> None:
    with pytest.raises(UnitError, match=r"stream 'x' must be a voltage.*declare it"):
        scale_to("uV", unit, "stream 'x'")


def test_declared_unit_serves_where_the_stream_gives_none() -> None:
    assert scale_to("uV", "", "stream 'x'", "mV") == 1e3
    assert scale_to("uV", "V", "stream 'x'", "mV") == 1e6


def test_declared_unit_must_be_a_voltage_too() -> None:
    with pytest.raises(UnitError, match=r"as declared.*'furlong'"):
        scale_to("uV", "", "stream 'x'", "furlong")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("count", ("count", "Counts", "spikes", "spikes/bin")),
        ("au", ("au", "AU", "a.u.", "arbitrary", "Arbitrary units")),
    ],
)
def test_counts_and_arbitrary_units_are_taken_as_they_are(wanted: Unit, words: tuple[str, ...]) -> None:
    for word in words:
        assert scale_to(wanted, word, "stream 'x'") == 1.0
        assert unit_of(word) == unit_of("", word) == wanted


@pytest.mark.parametrize(("wanted", "sent"), [("count", "microvolts"), ("count", ""), ("au", "uV"), ("au", "spikes")])
def test_another_kind_of_unit_is_refused_unless_the_right_one_is_declared(wanted: Unit, sent: str) -> None:
    named = {"count": "a count of spikes", "au": "arbitrary"}[wanted]
    with pytest.raises(UnitError, match=rf"stream 'x' must be {named}.*declare it with --unit"):
        scale_to(wanted, sent, "stream 'x'")
    assert scale_to(wanted, sent, "stream 'x'", wanted) == 1.0
    with pytest.raises(UnitError, match=r"as declared, .*it says 'mV'"):
        scale_to(wanted, sent, "stream 'x'", "mV")


def test_what_says_nothing_is_taken_for_a_voltage() -> None:
    assert unit_of("furlong") == unit_of("") == unit_of("mV") == "uV"


def test_description_tells_streams_of_one_name_apart() -> None:
    one = StreamDescription("Muse", "EEG", "id-1", "lab", "u", ("A",), "uV", 256.0, 1)
    assert str(one) == "'Muse' (EEG, 1 channels, 256 Hz, source_id 'id-1', host lab)"


def test_what_strangers_send_is_one_short_line_in_every_message() -> None:
    hostile = StreamDescription("<b>\n" + "y" * 60_000, "\x1b" * 9000, "s" * 9000, "h" * 9000, "uid", (), "", 1.0, 2)
    assert len(str(hostile)) < 350
    assert str(hostile).isprintable()
    assert len(nothing_found({"name": "z" * 9000}, [hostile] * 500, 5.0)) < 3500
    assert several_found({"name": "x"}, [hostile] * 500).count("source_id 's") == 8
    assert (short("a\nb"), len(short("y" * 60_000)), short("y" * 60)) == ("a b", 60, "y" * 60)
