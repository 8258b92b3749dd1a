"""The view: what is shown is the raw signal through the filters and the reference that were chosen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from bci_app.contract.errors import ChannelError, SettingsError
from bci_app.contract.preprocessing import Preprocessor
from bci_app.contract.signal import Chunk
from bci_app.engine.viewing import AVERAGE, VIEW_BANDS_HZ, ViewChoice, Viewing, fitting_bands, view_delay
from bci_app.streams.ring import Ring
from tests.engine.conftest import CHANNELS, SFREQ, chunked, moving


class Bench:
    """A raw ring that is filled by hand, and a view of it that steps when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 6.0) -> None:
        monkeypatch.setattr(Viewing, "pause", lambda self, seconds: False)
        self.raw = Ring(len(CHANNELS), SFREQ, seconds + 2)
        self.viewing = Viewing(self.raw, CHANNELS, "uV", seconds, pytest.fail)

    def send(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            self.raw.write(chunk)
            self.viewing.step()

    @property
    def shown(self) -> np.ndarray:
        ring = self.viewing.shown
        return ring.read(ring.oldest, ring.newest)[0]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_without_a_choice_the_view_is_the_signal_as_streamed(bench: Bench) -> None:
    data = moving(500)
    bench.send(chunked(data, 7))
    np.testing.assert_array_equal(bench.shown, data)


def test_another_choice_shows_all_that_is_held_anew_and_goes_on_without_a_seam(bench: Bench) -> None:
    data, choice = moving(560), ViewChoice((1.0, 30.0), 20.0)
    bench.send(chunked(data[:, :300], 7))
    bench.viewing.choose(choice)
    bench.send([Chunk(data[:, 300:301], np.array([1003.0]), 300)])
    bench.send(chunked(data[:, 301:], 9, start_s=1003.01))
    whole = Preprocessor(choice.spec(CHANNELS, SFREQ)).process(chunked(data, 560)[0])
    np.testing.assert_array_equal(bench.shown, whole.data)


def test_only_what_can_be_looked_at_is_made_anew(bench: Bench) -> None:
    data = moving(2000)
    bench.send(chunked(data, 50))
    bench.viewing.choose(ViewChoice(reference="Oz"))
    bench.viewing.step()
    np.testing.assert_allclose(bench.shown, data[:, -600:] - data[1, -600:], atol=1e-5)


def test_the_average_leaves_bad_channels_out(bench: Bench) -> None:
    data = moving(100)
    bench.viewing.choose(ViewChoice(reference=AVERAGE, bad=("Oz",)))
    bench.send(chunked(data))
    np.testing.assert_allclose(bench.shown, data - data[[0, 2, 3]].mean(axis=0), atol=1e-5)


def test_a_gap_is_carried_over_and_starts_the_filter_afresh(bench: Bench) -> None:
    data, choice = moving(200), ViewChoice((1.0, 30.0))
    bench.viewing.choose(choice)
    for chunk in chunked(data, 40, gap_at=80):
        bench.raw.write(chunk)
    bench.viewing.step()
    assert bench.viewing.shown.first_gap(0, 200) == 80
    after = Preprocessor(choice.spec(CHANNELS, SFREQ)).process(chunked(data[:, 80:], 120)[0])
    np.testing.assert_array_equal(bench.shown[:, 80:], after.data)


@pytest.mark.parametrize(
    ("choice", "error", "word"),
    [
        (ViewChoice((1.0, 60.0)), SettingsError, "half the rate"),
        (ViewChoice(notch_hz=50.0), SettingsError, "half the rate"),
        (ViewChoice(reference="Cz"), ChannelError, "'Cz'"),
        (ViewChoice(reference=AVERAGE, bad=CHANNELS), SettingsError, "all are marked bad"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_the_view_stays(
    bench: Bench, choice: ViewChoice, error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word):
        bench.viewing.choose(choice)
    assert bench.viewing.choice == ViewChoice()


@pytest.mark.parametrize(
    ("band_hz", "at_hz"), [((8.0, 13.0), np.sqrt(104)), ((1.0, 40.0), np.sqrt(40)), ((None, 30.0), 10)]
)
def test_the_delay_is_by_how_much_a_burst_of_that_rhythm_comes_late(
    band_hz: tuple[float | None, float], at_hz: float
) -> None:
    sfreq, n = 1000.0, 8000
    spec = ViewChoice(band_hz).spec(("Oz",), sfreq)
    delay_s, told_hz = view_delay(spec, band_hz)
    assert told_hz == pytest.approx(at_hz)
    times = np.arange(n) / sfreq
    burst = np.exp(-(((times - 4) / 0.8) ** 2)) * np.cos(2 * np.pi * told_hz * times)
    late = Preprocessor(spec).process(Chunk(burst[np.newaxis], times, 0)).data[0]
    peaks = [times[np.abs(signal.hilbert(each)).argmax()] for each in (burst, late)]
    assert peaks[1] - peaks[0] == pytest.approx(delay_s, abs=0.003)


def test_only_bands_below_half_the_rate_are_offered() -> None:
    assert fitting_bands(1000.0) == tuple(VIEW_BANDS_HZ)
    assert fitting_bands(100.0) == tuple(name for name in VIEW_BANDS_HZ if name != "gamma")
    assert fitting_bands(0.4) == ("all",)
